import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { Severity } from "../gen/cortex/v1/common_pb";
import { MeasureSchema, ObjectSchema } from "../gen/cortex/v1/detection_pb";
import { dropText, kindText } from "./kinds";
import { measureText } from "./measure";
import { SEVERITIES, severityLook } from "./severity";
import { clockText, spanText } from "./time";
import { tracked, trackText } from "./track";

test("every severity has a word of its own, so colour alone never tells", () => {
  const texts = SEVERITIES.map((severity) => severityLook(severity).text);
  expect(texts).toEqual(["Info", "Low", "Medium", "High", "Critical"]);
});

test("a severity newer than this page is shown by its number, as grave as it may be", () => {
  expect(severityLook(9 as Severity)).toMatchObject({ text: "Level 9", colour: severityLook(Severity.CRITICAL).colour });
});

test("known kinds and reasons are in words, new ones are shown as they are", () => {
  expect([kindText("crossing"), kindText("left_luggage")]).toEqual(["Line crossed", "Left luggage"]);
  expect([dropText("superseded"), dropText("new_reason")]).toEqual(["overtaken by a newer one", "new reason"]);
});

test("a measure's unit is the suffix of its name", () => {
  expect(measureText(create(MeasureSchema, { name: "dwell_s", value: 12.4321, threshold: 10 }))).toEqual({
    label: "Dwell",
    value: "12.43 s",
    threshold: "10 s",
    ratio: 1.24321,
  });
  expect(measureText(create(MeasureSchema, { name: "count", value: 50, threshold: 8 })).ratio).toBe(2);
  expect(measureText(create(MeasureSchema, { name: "score", value: 0.5, threshold: 0 })).ratio).toBe(1);
});

test("spans are as short as they can be read", () => {
  expect([-5, 120, 3_400, 61_000, 180_000, 7_200_000, 400_000_000].map(spanText)).toEqual([
    "0.0 s",
    "0.1 s",
    "3 s",
    "61 s",
    "3 min",
    "2 h",
    "5 d",
  ]);
});

test("a track is told shortly, and what has none gets no box", () => {
  expect([17n, 17_706_809_689_690_756_031n].map(trackText)).toEqual(["17", "53bf"]);
  const objects = [create(ObjectSchema, { class: "person", track: 3n }), create(ObjectSchema, { class: "skis" })];
  expect(tracked(objects).map((object) => object.class)).toEqual(["person"]);
});

test("a time of another day carries its day", () => {
  const noon = new Date(2026, 2, 5, 12, 0, 7);
  const us = BigInt(noon.getTime()) * 1000n;
  expect(clockText(us, noon)).toBe("12:00:07");
  expect(clockText(us, new Date(2026, 2, 6))).toBe("2026-03-05 12:00:07");
});
