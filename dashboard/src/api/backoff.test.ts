import { expect, test } from "vitest";

import { backoffMs, pause, RECONNECT } from "./backoff";

test("the wait doubles up to the ceiling", () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((failures) => backoffMs(failures, 1))).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000,
  ]);
});

test("half of the wait is spread, the other half certain", () => {
  for (const random of [0, 0.25, 0.5, 0.99]) {
    const wait = backoffMs(4, random);
    expect(wait).toBeGreaterThanOrEqual(2_000);
    expect(wait).toBeLessThanOrEqual(4_000);
  }
  expect(backoffMs(0, 0)).toBe(RECONNECT.firstMs / 2);
});

test("a pause ends at once when it is called off", async () => {
  const stop = new AbortController();
  const waiting = pause(3_600_000, stop.signal);
  stop.abort();
  await waiting;
  await pause(3_600_000, stop.signal);
});
