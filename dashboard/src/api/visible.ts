import { pause } from "./backoff";

/** A page out of sight this long, in milliseconds, lets go of what it only shows. Short looks elsewhere cost nothing. */
const GRACE_MS = 5_000;

/**
 * Runs `task` while the page can be seen, and again each time it comes back into sight. A browser keeps six connections
 * to one HTTP/1.1 origin, all pages together, so a page nobody looks at must not hold streams.
 */
export function whileVisible(task: (signal: AbortSignal) => void, paused: () => void, signal: AbortSignal): void {
  let running: AbortController | undefined;
  const change = async (): Promise<void> => {
    if (document.hidden) {
      await pause(GRACE_MS, signal);
      if (document.hidden && running) {
        running.abort();
        running = undefined;
        paused();
      }
    } else if (!running && !signal.aborted) {
      running = new AbortController();
      task(running.signal);
    }
  };
  const listen = (): void => void change();
  document.addEventListener("visibilitychange", listen);
  signal.addEventListener("abort", () => {
    document.removeEventListener("visibilitychange", listen);
    running?.abort();
  });
  if (!document.hidden) {
    listen();
  }
}
