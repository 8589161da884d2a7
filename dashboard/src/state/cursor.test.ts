import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { AlertSchema, type Alert } from "../gen/cortex/v1/alert_pb";
import { mergeCursors, readCursor, resumeCursor, writeCursor } from "./cursor";

const alert = (partition: number, sequence: bigint): Alert => create(AlertSchema, { partition, sequence });

test("a cursor takes the higher sequence of every partition and never goes back", () => {
  expect(mergeCursors({ 1: 5n, 2: 9n }, { 1: 7n, 2: 3n, 3: 1n })).toEqual({ 1: 7n, 2: 9n, 3: 1n });
});

test("merging does not depend on the order", () => {
  const a = { 1: 5n, 4: 2n };
  const b = { 1: 6n, 9: 1n };
  expect(mergeCursors(a, b)).toEqual(mergeCursors(b, a));
});

test("without a kept cursor the list is the start, so nothing falls between list and stream", () => {
  expect(resumeCursor({}, [alert(3, 8n), alert(3, 11n), alert(5, 2n)], true)).toEqual({ 3: 11n, 5: 2n });
});

test("a kept cursor resumes behind the list", () => {
  expect(resumeCursor({ 3: 6n }, [alert(3, 11n)], true)).toEqual({ 3: 6n });
});

test("a cursor of a server that was set up anew hides nothing", () => {
  expect(resumeCursor({ 3: 900n, 4: 70n }, [alert(3, 2n)], true)).toEqual({ 3: 2n });
});

test("a partition that the list left out keeps its place", () => {
  expect(resumeCursor({ 4: 70n }, [alert(3, 2n)], false)).toEqual({ 3: 2n, 4: 70n });
});

test("sequences beyond what a number holds survive being kept", () => {
  const cursor = { 7: 18_446_744_073_709_551_615n };
  expect(readCursor(writeCursor(cursor))).toEqual(cursor);
});

test.each([null, "", "nonsense", "[1]", "null", '{"x":"1"}', '{"1":2}', '{"1":"-4"}'])("%s is no cursor", (text) => {
  expect(readCursor(text)).toEqual({});
});
