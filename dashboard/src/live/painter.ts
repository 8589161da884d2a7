import { Latest } from "./latest";
import type { Arrival } from "./liveFeed";

/** Bytes of a picture as a blob. */
export function jpegBlob(bytes: Uint8Array): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "image/jpeg" });
}

/** Paints a camera's pictures on a canvas, one at a time; what comes while it is busy replaces what waits. */
export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #shown: (arrival: Arrival, leftOut: number) => void;
  readonly #waiting = new Latest<Arrival>();
  #busy = false;
  #closed = false;

  /** `shown` is called with each picture once it can be seen, so that boxes never run ahead of it. */
  constructor(canvas: HTMLCanvasElement, shown: (arrival: Arrival, leftOut: number) => void) {
    this.#canvas = canvas;
    this.#shown = shown;
  }

  /** Takes the newest picture. */
  put(arrival: Arrival): void {
    this.#waiting.put(arrival);
    this.#schedule();
  }

  /** Paints nothing any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.take();
  }

  #schedule(): void {
    if (!this.#busy && !this.#closed) {
      this.#busy = true;
      requestAnimationFrame(() => void this.#paint());
    }
  }

  async #paint(): Promise<void> {
    for (let arrival = this.#waiting.take(); arrival && !this.#closed; arrival = this.#waiting.take()) {
      const bitmap = await createImageBitmap(jpegBlob(arrival.cloaked.jpeg)).catch(() => undefined);
      if (!bitmap || this.#closed) {
        bitmap?.close();
        continue;
      }
      if (this.#canvas.width !== bitmap.width || this.#canvas.height !== bitmap.height) {
        this.#canvas.width = bitmap.width;
        this.#canvas.height = bitmap.height;
      }
      this.#canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      bitmap.close();
      this.#shown(arrival, this.#waiting.replaced);
    }
    this.#busy = false;
  }
}
