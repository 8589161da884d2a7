import { createContext, useContext } from "react";

import type { Clients } from "../api/clients";
import type { Link } from "../api/follow";
import type { Session } from "../api/session";
import type { CameraStatus, Rule, Zone } from "../gen/cortex/v1/camera_pb";
import { LiveFeed } from "../live/liveFeed";
import { StillShelf } from "../live/stillShelf";
import type { AlertBook } from "./alertBook";
import { NO_LINKS, type Links, type StreamName } from "./connection";
import type { LogBook } from "./logBook";
import { Store } from "./store";

/** Zones and rules in force. */
export interface Plan {
  readonly zones: readonly Zone[];
  readonly rules: readonly Rule[];
}

/** Everything that the page knows while somebody is signed in. */
export class Desk {
  readonly alerts = new Store<AlertBook>([]);
  readonly log = new Store<LogBook>([]);
  readonly cameras = new Store<ReadonlyMap<string, CameraStatus>>(new Map());
  readonly plan = new Store<Plan>({ zones: [], rules: [] });
  readonly links = new Store<Links>(NO_LINKS);
  readonly live = new LiveFeed();
  readonly stills: StillShelf;

  constructor(
    readonly clients: Clients,
    readonly session: Session,
    readonly signedOut: () => void,
  ) {
    this.stills = new StillShelf(clients.live);
  }

  /** Notes how a stream is doing. */
  say(stream: StreamName, link: Link): void {
    this.links.update((links) => ({ ...links, [stream]: link }));
  }
}

/** Hands the desk to the components. */
export const DeskContext = createContext<Desk | null>(null);

/** The desk; only inside of DeskContext. */
export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) {
    throw new Error("a component that needs the desk is outside of its context");
  }
  return desk;
}
