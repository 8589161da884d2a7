import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { CameraStatusSchema } from "../gen/cortex/v1/camera_pb";
import { healthOf } from "./health";

test("taken in is ingest's count, analysed the detector's, left out the sum of all by reason", () => {
  const health = healthOf(
    create(CameraStatusSchema, {
      stages: [
        { stage: "ingest", connected: true, received: 100n, ageMs: 4, dropped: [{ reason: "rate", count: 40n }] },
        {
          stage: "detector",
          connected: true,
          received: 60n,
          analysed: 55n,
          ageMs: 90,
          dropped: [
            { reason: "late", count: 45n },
            { reason: "rate", count: 1n },
            { reason: "decode", count: 0n },
          ],
        },
      ],
    }),
  );
  expect(health).toEqual({
    connected: true,
    error: "",
    received: 100n,
    analysed: 55n,
    dropped: [
      ["late", 45n],
      ["rate", 41n],
    ],
    ageMs: 90,
  });
});

test("a camera that no stage has spoken of is neither connected nor lost", () => {
  expect(healthOf(undefined).connected).toBeUndefined();
});

test("ingest decides whether a camera is connected, and any stage's error is shown", () => {
  const health = healthOf(
    create(CameraStatusSchema, {
      stages: [
        { stage: "detector", connected: true },
        { stage: "ingest", connected: false, error: "no answer" },
      ],
    }),
  );
  expect(health.connected).toBe(false);
  expect(health.error).toBe("no answer");
});
