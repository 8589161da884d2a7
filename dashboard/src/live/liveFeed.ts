import type { Cloaked } from "../gen/cortex/v1/live_pb";
import { Store } from "../state/store";

/** A cloaked picture and when it came in, on the page's own monotonic clock in milliseconds. */
export interface Arrival {
  readonly cloaked: Cloaked;
  readonly at: number;
}

/** Hands each camera's pictures to its tile, the newest one at once to a tile that comes later. */
export class LiveFeed {
  /** Cameras that pictures came of, by id. */
  readonly cameras = new Store<readonly string[]>([]);
  readonly #newest = new Map<string, Arrival>();
  readonly #tiles = new Map<string, Set<(arrival: Arrival) => void>>();

  /** Takes a picture in. */
  accept(cloaked: Cloaked, at: number): void {
    const camera = cloaked.frame?.camera ?? "";
    if (camera === "") {
      return;
    }
    const arrival = { cloaked, at };
    this.#newest.set(camera, arrival);
    if (!this.cameras.get().includes(camera)) {
      this.cameras.update((known) => [...known, camera].sort());
    }
    this.#tiles.get(camera)?.forEach((tile) => tile(arrival));
  }

  /** Forgets every camera but these. */
  keep(cameras: ReadonlySet<string>): void {
    for (const gone of [...this.#newest.keys()].filter((camera) => !cameras.has(camera))) {
      this.#newest.delete(gone);
    }
    if (this.cameras.get().some((camera) => !cameras.has(camera))) {
      this.cameras.update((known) => known.filter((camera) => cameras.has(camera)));
    }
  }

  /** Lets a tile hear of a camera's pictures until the function returned is called. */
  attach(camera: string, tile: (arrival: Arrival) => void): () => void {
    const tiles = this.#tiles.get(camera) ?? new Set();
    this.#tiles.set(camera, tiles.add(tile));
    const newest = this.#newest.get(camera);
    if (newest) {
      tile(newest);
    }
    return () => {
      tiles.delete(tile);
    };
  }
}
