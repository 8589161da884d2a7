import { expect, test } from "vitest";

import { Latest } from "./latest";

test("a slow reader gets the newest and never what is older", () => {
  const box = new Latest<number>();
  expect(box.take()).toBeUndefined();
  box.put(1);
  box.put(2);
  box.put(3);
  expect(box.take()).toBe(3);
  expect(box.take()).toBeUndefined();
  expect(box.replaced).toBe(2);
});
