import type { Measure } from "../gen/cortex/v1/detection_pb";
import { capitalised } from "./kinds";

/** A measured value ready to be shown. */
export interface MeasureText {
  /** What was measured, without the unit. */
  readonly label: string;
  /** The value with its unit. */
  readonly value: string;
  /** The threshold with its unit. */
  readonly threshold: string;
  /** Value over threshold, 0..2; 1 when there is no threshold to compare with. */
  readonly ratio: number;
}

const UNITS: ReadonlyArray<readonly [string, string]> = [
  ["_ms", " ms"],
  ["_us", " µs"],
  ["_px", " px"],
  ["_s", " s"],
];

/** Puts a measure into words: the unit is the suffix of its name. */
export function measureText(measure: Measure): MeasureText {
  const found = UNITS.find(([suffix]) => measure.name.endsWith(suffix));
  const stem = found ? measure.name.slice(0, -found[0].length) : measure.name;
  const unit = found ? found[1] : "";
  const ratio = measure.threshold > 0 ? measure.value / measure.threshold : 1;
  return {
    label: capitalised(stem.replaceAll("_", " ")),
    value: number(measure.value) + unit,
    threshold: number(measure.threshold) + unit,
    ratio: Math.min(Math.max(ratio, 0), 2),
  };
}

function number(value: number): string {
  return String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100);
}
