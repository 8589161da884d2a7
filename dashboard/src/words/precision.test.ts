import { expect, test } from "vitest";

import { precisionText } from "./precision";

test("a rule's precision is that of its camera", () => {
  const rules = [
    { rule: "gate", camera: "a", acknowledged: 3, falseAlarms: 1 },
    { rule: "gate", camera: "b", acknowledged: 4, falseAlarms: 4 },
  ];
  expect(precisionText(rules, "gate", "a")).toBe("67 % of 3 answered");
  expect(precisionText(rules, "gate", "b")).toBe("0 % of 4 answered");
  expect(precisionText(rules, "gate", "c")).toBe("");
});
