import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { AlertSchema, AlertState, type Alert } from "../gen/cortex/v1/alert_pb";
import { Severity } from "../gen/cortex/v1/common_pb";
import { mergeAlerts, openCount, shownAlerts } from "./alertBook";

const alert = (id: string, revision: number, lastUs: bigint, more: Partial<Omit<Alert, "$typeName" | "$unknown">> = {}): Alert =>
  create(AlertSchema, { id, revision, lastUs, state: AlertState.OPEN, severity: Severity.MEDIUM, ...more });
const names = (book: readonly Alert[]): string[] => book.map(({ id, revision }) => `${id}${revision}`);

test("the newest revision wins, whatever the order they come in", () => {
  const forwards = mergeAlerts(mergeAlerts([], [alert("a", 1, 10n)]), [alert("a", 2, 20n)]);
  const backwards = mergeAlerts(mergeAlerts([], [alert("a", 2, 20n)]), [alert("a", 1, 10n)]);
  expect(names(forwards)).toEqual(["a2"]);
  expect(names(backwards)).toEqual(["a2"]);
});

test("what is sent again after a reconnect is not doubled and changes nothing", () => {
  const book = mergeAlerts([], [alert("a", 1, 10n), alert("b", 1, 20n)]);
  expect(mergeAlerts(book, [alert("b", 1, 20n), alert("a", 1, 10n)])).toBe(book);
});

test("doubles within one batch count once", () => {
  expect(names(mergeAlerts([], [alert("a", 1, 10n), alert("a", 3, 30n), alert("a", 2, 20n)]))).toEqual(["a3"]);
});

test("the latest anomaly is first, and an alert that grew moves up", () => {
  const book = mergeAlerts([], [alert("a", 1, 10n), alert("b", 1, 20n)]);
  expect(names(book)).toEqual(["b1", "a1"]);
  expect(names(mergeAlerts(book, [alert("a", 2, 30n)]))).toEqual(["a2", "b1"]);
});

test("the book is bounded and lets the oldest go", () => {
  expect(names(mergeAlerts([], [alert("a", 1, 1n), alert("b", 1, 2n), alert("c", 1, 3n)], 2))).toEqual(["c1", "b1"]);
});

test("the open view leaves out what was answered, and a least severity what matters less", () => {
  const book = mergeAlerts(
    [],
    [
      alert("a", 2, 1n, { state: AlertState.ACKNOWLEDGED, severity: Severity.HIGH }),
      alert("b", 1, 2n, { severity: Severity.LOW }),
      alert("c", 1, 3n, { severity: Severity.CRITICAL }),
    ],
  );
  expect(openCount(book)).toBe(2);
  expect(names(shownAlerts(book, { all: false, least: Severity.INFO }))).toEqual(["c1", "b1"]);
  expect(names(shownAlerts(book, { all: true, least: Severity.HIGH }))).toEqual(["c1", "a2"]);
});
