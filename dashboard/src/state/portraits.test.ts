import { expect, test } from "vitest";

import { complaints } from "./portraits";

const picture = { name: "a.jpg", size: 1_000, type: "image/jpeg" };

test("pictures that the server takes raise no complaint", () => {
  expect(complaints([picture, { ...picture, type: "image/webp" }])).toEqual([]);
});

test("wrong type, too large and too many are told before anything is sent", () => {
  expect(complaints([{ ...picture, type: "image/gif" }])).toEqual(["a.jpg is not a JPEG, PNG or WebP picture."]);
  expect(complaints([{ ...picture, size: 10 * 1024 * 1024 + 1 }])).toEqual(["a.jpg is larger than 10 MiB."]);
  expect(complaints(Array.from({ length: 17 }, () => picture))).toEqual(["At most 16 pictures at once."]);
});
