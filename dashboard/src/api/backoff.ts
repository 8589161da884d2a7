/** Waiting before a reconnect: doubles per failure up to a ceiling, and is spread so that pages do not come back at once. */
export interface BackoffLimits {
  /** Ceiling of the first wait, in milliseconds. */
  readonly firstMs: number;
  /** Ceiling of every later wait, in milliseconds. */
  readonly maxMs: number;
}

/** Half a second at first, a quarter of a minute at most: an operator must not sit before a dead page for longer. */
export const RECONNECT: BackoffLimits = { firstMs: 500, maxMs: 15_000 };

/**
 * How long to wait after the given number of failures in a row (from 1), in milliseconds. "Equal jitter": half of the
 * ceiling is certain, the other half is `random`, 0..1.
 */
export function backoffMs(failures: number, random: number, limits: BackoffLimits = RECONNECT): number {
  const doublings = Math.min(Math.max(failures, 1) - 1, 30);
  const ceiling = Math.min(limits.maxMs, limits.firstMs * 2 ** doublings);
  return Math.round(ceiling / 2 + (ceiling / 2) * Math.min(Math.max(random, 0), 1));
}

/** Resolves after so many milliseconds, or at once when the signal is aborted or the browser says it is online again. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      globalThis.removeEventListener?.("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
    globalThis.addEventListener?.("online", finish);
  });
}
