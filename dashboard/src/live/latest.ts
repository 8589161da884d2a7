/** A letter box for one: what is not taken in time is replaced by what is newer. */
export class Latest<T> {
  #value: T | undefined;
  #replaced = 0;

  /** How many were replaced before they were taken. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Puts the newest in. */
  put(value: T): void {
    if (this.#value !== undefined) {
      this.#replaced += 1;
    }
    this.#value = value;
  }

  /** Takes it out; `undefined` when there is nothing new. */
  take(): T | undefined {
    const value = this.#value;
    this.#value = undefined;
    return value;
  }
}
