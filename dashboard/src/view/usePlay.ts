import { useEffect, useState } from "react";

import type { Reel } from "../live/clipReel";

/** Where a clip is, in milliseconds from the alert (`null`: not begun), and how it is moved. */
export interface Play {
  readonly atMs: number | null;
  readonly playing: boolean;
  /** Plays from here, or from the beginning when it is at its end or not begun; or stands still. */
  readonly toggle: () => void;
  /** Stands still at this moment. */
  readonly seek: (atMs: number) => void;
}

/** Plays a clip as fast as it happened. */
export function usePlay(reel: Reel | null): Play {
  const [atMs, setAt] = useState<number | null>(null);
  const [playing, setPlaying] = useState(false);
  const untilMs = reel?.untilMs ?? 0;

  useEffect(() => {
    if (!playing) {
      return;
    }
    let before = performance.now();
    let next = requestAnimationFrame(function step(now) {
      const passed = now - before;
      before = now;
      setAt((at) => Math.min((at ?? 0) + passed, untilMs));
      next = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(next);
  }, [playing, untilMs]);

  const ended = atMs !== null && atMs >= untilMs;
  useEffect(() => {
    if (ended) {
      setPlaying(false);
    }
  }, [ended]);

  const toggle = (): void => {
    if (!playing && reel && (atMs === null || ended)) {
      setAt(reel.fromMs);
    }
    setPlaying(!playing);
  };
  const seek = (to: number): void => {
    setPlaying(false);
    setAt(to);
  };
  return { atMs, playing, toggle, seek };
}
