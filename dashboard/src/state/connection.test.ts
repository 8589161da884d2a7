import { expect, test } from "vitest";

import { connectionOf, NO_LINKS, type Links } from "./connection";

const live: Links = {
  alerts: { state: "live" },
  log: { state: "live" },
  pictures: { state: "live" },
  cameras: { state: "live" },
};

test("the header is live only when every stream is", () => {
  expect(connectionOf(NO_LINKS).state).toBe("connecting");
  expect(connectionOf(live)).toEqual({ state: "live", text: "Live" });
});

test("one lost stream is told by its name, all of them at once", () => {
  const lost = { state: "reconnecting", error: "gone", attempt: 2 } as const;
  expect(connectionOf({ ...live, log: lost })).toEqual({ state: "reconnecting", text: "Reconnecting: log" });
  expect(connectionOf({ alerts: lost, log: lost, pictures: lost, cameras: lost }).text).toBe("Reconnecting");
});

test("a stream that the role may not see is said to be missing, a paused one is not", () => {
  expect(connectionOf({ ...live, log: { state: "refused", error: "no" } }).text).toBe("Live, without log");
  expect(connectionOf({ ...live, log: { state: "paused" } }).state).toBe("live");
});
