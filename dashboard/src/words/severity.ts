import { Severity } from "../gen/cortex/v1/common_pb";

/** How a severity is shown: always by its word, with a colour beside it. */
export interface SeverityLook {
  /** The word. */
  readonly text: string;
  /** What it asks of the operator. */
  readonly means: string;
  /** A colour of the theme, name and shade, on which the word can be read (contrast at least 4.5 to 1). */
  readonly colour: string;
}

const LOOKS: Record<Severity, SeverityLook> = {
  [Severity.UNSPECIFIED]: { text: "None", means: "no severity given", colour: "gray.7" },
  [Severity.INFO]: { text: "Info", means: "worth a line in the log", colour: "gray.7" },
  [Severity.LOW]: { text: "Low", means: "look when there is time", colour: "blue.8" },
  [Severity.MEDIUM]: { text: "Medium", means: "look now", colour: "yellow.6" },
  [Severity.HIGH]: { text: "High", means: "act", colour: "orange.6" },
  [Severity.CRITICAL]: { text: "Critical", means: "somebody may be in danger", colour: "red.8" },
};

/** The severities that may be chosen, lowest first. */
export const SEVERITIES: readonly Severity[] = [
  Severity.INFO,
  Severity.LOW,
  Severity.MEDIUM,
  Severity.HIGH,
  Severity.CRITICAL,
];

/** Word and colour of a severity; a value newer than this page is shown by its number, as grave as it may be. */
export function severityLook(severity: Severity): SeverityLook {
  return LOOKS[severity] ?? { text: `Level ${severity}`, means: "unknown to this page", colour: "red.8" };
}

/** A colour of the theme as a CSS value. */
export function cssColour(colour: string): string {
  return `var(--mantine-color-${colour.replace(".", "-")})`;
}
