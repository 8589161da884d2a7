import { Code, ConnectError } from "@connectrpc/connect";

import { backoffMs, pause } from "./backoff";

/** How a stream is doing. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** Lost; `error` says why, `attempt` counts from 1. */
  | { readonly state: "reconnecting"; readonly error: string; readonly attempt: number }
  /** The server will not have it, so trying again is no use. */
  | { readonly state: "refused"; readonly error: string }
  /** Nobody looks at the page, so nothing is fetched. */
  | { readonly state: "paused" };

/** What to follow. */
export interface Followed<T> {
  /** Opens the stream; `headers` must be called when the server has answered. */
  readonly open: (signal: AbortSignal, headers: () => void) => AsyncIterable<T>;
  /** Takes one message. */
  readonly take: (message: T) => void;
  /** Hears every change of the stream's state. */
  readonly say: (link: Link) => void;
  /** The session is over. */
  readonly signedOut: () => void;
  /** Longest silence before the stream counts as lost, in milliseconds; absent when silence is normal. */
  readonly silenceMs?: number;
}

/** What a failed call means for the one who made it. */
export function verdict(error: unknown): "signed-out" | "refused" | "retry" {
  switch (ConnectError.from(error).code) {
    case Code.Unauthenticated:
      return "signed-out";
    case Code.PermissionDenied:
    case Code.Unimplemented:
    case Code.FailedPrecondition:
      return "refused";
    default:
      return "retry";
  }
}

/** Follows a server stream until the signal is aborted, reconnecting with growing, jittered waits. */
export async function follow<T>(what: Followed<T>, signal: AbortSignal): Promise<void> {
  let failures = 0;
  what.say({ state: "connecting" });
  while (!signal.aborted) {
    let reason = "the server ended the stream";
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    signal.addEventListener("abort", stop);
    const watchdog = new Watchdog(what.silenceMs, () => {
      reason = "the server fell silent";
      attempt.abort();
    });
    try {
      const stream = what.open(attempt.signal, () => what.say({ state: "live" }));
      for await (const message of stream) {
        failures = 0;
        watchdog.reset();
        what.take(message);
      }
    } catch (error) {
      if (signal.aborted) {
        break;
      }
      const meaning = verdict(error);
      if (meaning === "signed-out") {
        what.signedOut();
        return;
      }
      if (meaning === "refused") {
        what.say({ state: "refused", error: ConnectError.from(error).rawMessage });
        return;
      }
      if (!attempt.signal.aborted) {
        reason = ConnectError.from(error).rawMessage;
      }
    } finally {
      watchdog.stop();
      attempt.abort();
      signal.removeEventListener("abort", stop);
    }
    if (!signal.aborted) {
      failures += 1;
      what.say({ state: "reconnecting", error: reason, attempt: failures });
      await pause(backoffMs(failures, Math.random()), signal);
    }
  }
}

/** Calls back when it was not reset for a while. */
class Watchdog {
  readonly #ms: number | undefined;
  readonly #bark: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number | undefined, bark: () => void) {
    this.#ms = ms;
    this.#bark = bark;
    this.reset();
  }

  reset(): void {
    this.stop();
    if (this.#ms !== undefined) {
      this.#timer = setTimeout(this.#bark, this.#ms);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
