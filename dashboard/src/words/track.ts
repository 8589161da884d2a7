import type { Object$ as Seen } from "../gen/cortex/v1/detection_pb";

/** Numbers below this are short enough to be read as they are. */
const SHORT = 10_000n;

/** A track as short as it can be told apart on one screen: a small number as it is, of a large one its end in hex. */
export function trackText(track: bigint): string {
  return track < SHORT ? String(track) : (track & 0xffffn).toString(16).padStart(4, "0");
}

/** The objects worth a box: those with a track. What was seen once and not confirmed is noise to an operator. */
export function tracked(objects: readonly Seen[]): readonly Seen[] {
  return objects.filter((object) => object.track > 0n);
}
