import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { LogEntrySchema, LogKind, type LogEntry } from "../gen/cortex/v1/alert_pb";
import { mergeLog, nameOf, ofKind } from "./logBook";

const entry = (id: string, timeUs: bigint, kind = LogKind.SYSTEM, name = ""): LogEntry =>
  create(LogEntrySchema, { id, timeUs, kind, name, person: name === "" ? "" : "p1" });

test("the backlog of a reconnect doubles nothing, and the newest is first", () => {
  const book = mergeLog([], [entry("a", 1n), entry("b", 2n)]);
  expect(mergeLog(book, [entry("b", 2n), entry("c", 3n)]).map(({ id }) => id)).toEqual(["c", "b", "a"]);
  expect(mergeLog(book, [entry("a", 1n)])).toBe(book);
});

test("the log is bounded", () => {
  expect(mergeLog([], [entry("a", 1n), entry("b", 2n), entry("c", 3n)], 2).map(({ id }) => id)).toEqual(["c", "b"]);
});

test("one kind can be shown alone, and a person is called what the server called them", () => {
  const book = mergeLog([], [entry("a", 1n), entry("b", 2n, LogKind.KNOWN, "Ada")]);
  expect(ofKind(book, LogKind.KNOWN).map(({ id }) => id)).toEqual(["b"]);
  expect(ofKind(book, LogKind.UNSPECIFIED)).toBe(book);
  expect(nameOf(book, "p1")).toBe("Ada");
  expect(nameOf(book, "p2")).toBeUndefined();
});
