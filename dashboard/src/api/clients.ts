import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { IdentityService, WatchlistService } from "../gen/cortex/v1/recognition_pb";
import { AlertService, CameraService, LiveService, LogService, RuleService } from "../gen/cortex/v1/services_pb";

/** The services that the page calls, at the origin that served it. The session's cookie goes along by itself. */
export interface Clients {
  readonly alerts: Client<typeof AlertService>;
  readonly cameras: Client<typeof CameraService>;
  readonly identities: Client<typeof IdentityService>;
  readonly live: Client<typeof LiveService>;
  readonly log: Client<typeof LogService>;
  readonly rules: Client<typeof RuleService>;
  readonly watchlists: Client<typeof WatchlistService>;
}

/** Clients over gRPC-Web for one origin. */
export function connect(origin: string): Clients {
  const transport = createGrpcWebTransport({ baseUrl: origin });
  return {
    alerts: createClient(AlertService, transport),
    cameras: createClient(CameraService, transport),
    identities: createClient(IdentityService, transport),
    live: createClient(LiveService, transport),
    log: createClient(LogService, transport),
    rules: createClient(RuleService, transport),
    watchlists: createClient(WatchlistService, transport),
  };
}
