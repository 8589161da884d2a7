import { AlertState, LogKind } from "../gen/cortex/v1/alert_pb";

const ANOMALIES: Readonly<Record<string, string>> = {
  entry: "Entry",
  exit: "Exit",
  dwell: "Dwell",
  crossing: "Line crossed",
  crowd: "Crowd",
  offline: "Camera offline",
  recovered: "Camera back",
  frozen: "Camera's picture stands still",
  looped: "Camera shows a recording",
  covered: "Camera dark or covered",
  overexposed: "Camera overexposed",
  defocused: "Camera out of focus",
  moved: "Camera was moved",
  noisy: "Camera's signal is noisy",
  slow: "Camera sends few pictures",
  clock: "Camera's clock is off",
  watchlist: "Watch-list match",
};

const DROPS: Readonly<Record<string, string>> = {
  rate: "above the set rate",
  late: "too late",
  idle: "never decoded, nothing moved",
  unchanged: "nothing moved",
  superseded: "overtaken by a newer one",
  decode: "could not be decoded",
};

/** The kind of an anomaly in words; an unknown one is shown as it is. */
export function kindText(kind: string): string {
  return ANOMALIES[kind] ?? capitalised(kind.replaceAll("_", " "));
}

/** Why a picture was left out, in words; an unknown reason is shown as it is. */
export function dropText(reason: string): string {
  return DROPS[reason] ?? reason.replaceAll("_", " ");
}

/** Where an alert stands, in a word. */
export function stateText(state: AlertState): string {
  switch (state) {
    case AlertState.ACKNOWLEDGED:
      return "Acknowledged";
    case AlertState.CLOSED:
      return "Closed";
    default:
      return "Open";
  }
}

/** The kind of a log entry: its word and the colour beside it. */
export function logLook(kind: LogKind): { readonly text: string; readonly colour: string } {
  switch (kind) {
    case LogKind.SYSTEM:
      return { text: "System", colour: "gray.5" };
    case LogKind.ANOMALY:
      return { text: "Anomaly", colour: "orange.4" };
    case LogKind.KNOWN:
      return { text: "Known", colour: "teal.4" };
    case LogKind.UNKNOWN:
      return { text: "Unknown", colour: "grape.4" };
    default:
      return { text: "All", colour: "gray.5" };
  }
}

/** The first letter large. */
export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
