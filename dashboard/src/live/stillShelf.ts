import { Code, ConnectError } from "@connectrpc/connect";

import { backoffMs, pause } from "../api/backoff";
import type { Clients } from "../api/clients";
import type { FrameId } from "../gen/cortex/v1/common_pb";
import { jpegBlob } from "./painter";

/** Stills held, so that a list that is scrolled does not fetch them again. */
const HELD = 80;
/** Stills fetched at once: most of a browser's few connections are taken by streams. */
const AT_ONCE = 2;
/** An alert may be faster than its still: how often it is asked for. */
const TRIES = 5;

/** Fetches and holds the cloaked stills of frames. */
export class StillShelf {
  readonly #live: Clients["live"];
  readonly #held = new Map<string, Blob>();
  readonly #queue: Array<() => void> = [];
  #running = 0;

  constructor(live: Clients["live"]) {
    this.#live = live;
  }

  /** The still of a frame; `null` when the server keeps none, or when the signal is aborted. */
  async fetch(frame: FrameId, signal: AbortSignal): Promise<Blob | null> {
    const key = frameKey(frame);
    for (let attempt = 1; attempt <= TRIES && !signal.aborted; attempt += 1) {
      const held = this.#held.get(key);
      if (held) {
        return held;
      }
      try {
        await this.#turn();
        const blob = signal.aborted ? null : jpegBlob((await this.#live.still({ frame }, { signal })).jpeg);
        if (blob) {
          this.#hold(key, blob);
        }
        return blob;
      } catch (error) {
        const code = ConnectError.from(error).code;
        if (code !== Code.NotFound && code !== Code.Unavailable) {
          return null;
        }
      } finally {
        this.#running -= 1;
        this.#queue.shift()?.();
      }
      await pause(backoffMs(attempt, Math.random(), { firstMs: 1_000, maxMs: 8_000 }), signal);
    }
    return null;
  }

  async #turn(): Promise<void> {
    if (this.#running >= AT_ONCE) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    this.#running += 1;
  }

  #hold(key: string, blob: Blob): void {
    this.#held.set(key, blob);
    const oldest = this.#held.keys().next();
    if (this.#held.size > HELD && !oldest.done) {
      this.#held.delete(oldest.value);
    }
  }
}

/** A frame's name as text. */
export function frameKey(frame: FrameId): string {
  return `${frame.camera}/${frame.role}/${frame.epoch}/${frame.seq}`;
}
