import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { ClipSchema, CloakedSchema } from "../gen/cortex/v1/live_pb";
import { momentText, reelOf, shotAt } from "./clipReel";

const told = 1_700_000_000_000_000n;
const clip = create(ClipSchema, { timeUs: told, recording: true });
const made = (atMs: number) => create(CloakedSchema, { timeUs: told + BigInt(atMs) * 1000n });

test("a picture is seen until the next one was made, over a gap too", () => {
  const reel = reelOf(clip, [made(-400), made(-200), made(3_000)]);
  expect(reel).toMatchObject({ fromMs: -400, untilMs: 3_200, recording: true });
  const seen = [-900, -400, -201, -200, 0, 2_999, 3_000, 9_000].map((atMs) => reel && shotAt(reel, atMs)?.atMs);
  expect(seen).toEqual([-400, -400, -400, -200, -200, -200, 3_000, 3_000]);
});

test("pictures that come out of order are played in order", () => {
  const reel = reelOf(clip, [made(200), made(-200), made(0)]);
  expect(reel?.shots.map((shot) => shot.atMs)).toEqual([-200, 0, 200]);
});

test("a clip without a picture is none to be played", () => {
  expect(reelOf(clip, [])).toBeNull();
});

test("moments are told beside the alert", () => {
  expect([-3_240, -40, 0, 49, 400, 10_000].map(momentText)).toEqual(["-3.2 s", "0.0 s", "0.0 s", "0.0 s", "+0.4 s", "+10.0 s"]);
});
