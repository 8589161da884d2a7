import type { RulePrecision } from "../gen/cortex/v1/services_pb";

/** How often a rule was right on a camera, as `92 % of 25 answered`; empty when nobody has answered yet. */
export function precisionText(
  rules: readonly Pick<RulePrecision, "rule" | "camera" | "acknowledged" | "falseAlarms">[],
  rule: string,
  camera: string,
): string {
  const found = rules.find((known) => known.rule === rule && known.camera === camera);
  if (!found || found.acknowledged === 0) {
    return "";
  }
  const right = found.acknowledged - found.falseAlarms;
  return `${Math.round((100 * right) / found.acknowledged)} % of ${found.acknowledged} answered`;
}
