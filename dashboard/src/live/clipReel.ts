import { Code, ConnectError } from "@connectrpc/connect";

import type { Clients } from "../api/clients";
import type { FrameId } from "../gen/cortex/v1/common_pb";
import type { Clip, Cloaked } from "../gen/cortex/v1/live_pb";
import { dateOf, dayText, timeOfDay } from "../words/time";

/** A picture of a clip, and how long before (negative) or after the alert it was made. */
export interface Shot {
  readonly atMs: number;
  readonly cloaked: Cloaked;
}

/** A clip as it is played. */
export interface Reel {
  /** In order of time, at least one. */
  readonly shots: readonly Shot[];
  /** When it begins, before (negative) or after the alert. */
  readonly fromMs: number;
  /** When its last picture has been seen long enough. */
  readonly untilMs: number;
  /** More pictures will come. */
  readonly recording: boolean;
}

/** How long the last picture is seen. */
const LAST_MS = 200;

/** The clip of these pictures; `null` where there is none of it yet. */
export function reelOf(clip: Clip, pictures: readonly Cloaked[]): Reel | null {
  const shots = pictures
    .map((cloaked): Shot => ({ atMs: Number(cloaked.timeUs - clip.timeUs) / 1000, cloaked }))
    .sort((a, b) => a.atMs - b.atMs);
  const [first, last] = [shots[0], shots.at(-1)];
  return first && last ? { shots, fromMs: first.atMs, untilMs: last.atMs + LAST_MS, recording: clip.recording } : null;
}

/** What is seen at a moment: the last picture made until then, the first one before it. */
export function shotAt(reel: Reel, atMs: number): Shot | undefined {
  return reel.shots.findLast((shot) => shot.atMs <= atMs) ?? reel.shots[0];
}

/** A moment of a clip in words: `-3.2 s`, `0.0 s`, `+0.4 s`. */
export function momentText(atMs: number): string {
  const tenths = Math.round(atMs / 100);
  return `${tenths > 0 ? "+" : tenths < 0 ? "-" : ""}${(Math.abs(tenths) / 10).toFixed(1)} s`;
}

/** What the clip's file is called. */
export function fileName(camera: string, timeUs: bigint): string {
  const date = dateOf(timeUs);
  return `${camera}_${dayText(date)}_${timeOfDay(date).replaceAll(":", "-")}.mp4`;
}

/** The clip of a frame with its pictures; `null` when none was kept. */
export async function fetchClip(
  live: Clients["live"],
  frame: FrameId,
  signal: AbortSignal,
): Promise<{ readonly clip: Clip; readonly reel: Reel | null } | null> {
  let clip: Clip | undefined;
  const pictures: Cloaked[] = [];
  try {
    for await (const { event } of live.clip({ frame }, { signal })) {
      if (event.case === "clip") {
        clip = event.value;
      } else if (event.case === "picture") {
        pictures.push(event.value);
      }
    }
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) {
      return null;
    }
    throw error;
  }
  return clip ? { clip, reel: reelOf(clip, pictures) } : null;
}

/** The clip of a frame as a file. */
export async function fetchFile(live: Clients["live"], frame: FrameId): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const { piece } of live.clipFile({ frame })) {
    pieces.push(piece as Uint8Array<ArrayBuffer>);
  }
  return new Blob(pieces, { type: "video/mp4" });
}
