import { useEffect, useRef, useState } from "react";

import { pause } from "../api/backoff";
import type { FrameId } from "../gen/cortex/v1/common_pb";
import { fetchClip, type Reel } from "../live/clipReel";
import { frameKey } from "../live/stillShelf";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";

/** How far the page is with a clip. */
export type ClipPhase =
  | { readonly name: "waiting" }
  | { readonly name: "none" }
  | { readonly name: "failed"; readonly failure: Failure }
  | { readonly name: "here"; readonly reel: Reel };

/** An alert may be faster than its clip, which is in the store within a second or two: how often it is asked for. */
const TRIES = 4;
/** How long to wait before it is asked again, in milliseconds. */
const AGAIN_MS = 1_500;
/** The least wait for the rest of a clip that is being recorded. */
const REST_MS = 3_000;

/** The clip of a frame; what is there of it at once, and all of it when it has been recorded. */
export function useClip(frame: FrameId | undefined): ClipPhase {
  const { live } = useDesk().clients;
  const [phase, setPhase] = useState<ClipPhase>({ name: "waiting" });
  const wanted = useRef(frame);
  wanted.current = frame;
  const key = frame ? frameKey(frame) : "";

  useEffect(() => {
    const stop = new AbortController();
    const follow = async (of: FrameId): Promise<void> => {
      setPhase({ name: "waiting" });
      for (let tries = 1; !stop.signal.aborted; ) {
        const found = await fetchClip(live, of, stop.signal);
        if (found?.reel) {
          setPhase({ name: "here", reel: found.reel });
        }
        if (found?.clip.recording) {
          const { receivedUs, untilUs, timeUs } = found.clip;
          const left = Number(receivedUs + untilUs - timeUs) / 1000 - Date.now();
          await pause(Math.max(left, 0) + REST_MS, stop.signal);
        } else if (found || tries === TRIES) {
          setPhase(found?.reel ? { name: "here", reel: found.reel } : { name: "none" });
          return;
        } else {
          tries += 1;
          await pause(AGAIN_MS, stop.signal);
        }
      }
    };
    if (wanted.current) {
      follow(wanted.current).catch((error: unknown) => {
        if (!stop.signal.aborted) {
          // What is there stays: only the rest is missing.
          setPhase((phase) => (phase.name === "here" ? phase : { name: "failed", failure: failureText(error) }));
        }
      });
    } else {
      setPhase({ name: "none" });
    }
    return () => stop.abort();
  }, [live, key]);
  return phase;
}
