import { expect, test } from "vitest";

import { readSession } from "./session";

test("the answer is read without trusting its shape", () => {
  expect(readSession({ subject: "ada", roles: ["operator", 7], profile: "embedded" })).toEqual({
    subject: "ada",
    roles: ["operator"],
    profile: "embedded",
  });
  expect(readSession(null)).toEqual({ subject: "", roles: [], profile: "" });
});
