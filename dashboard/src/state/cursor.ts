import type { Alert } from "../gen/cortex/v1/alert_pb";

/** The highest sequence seen, by partition. */
export type Sequences = Readonly<Record<number, bigint>>;

/** Where the cursor is kept between visits. */
const KEY = "cortex.alerts.cursor.1";

/** What both have seen together: the higher sequence of every partition, so a cursor never goes back. */
export function mergeCursors(a: Sequences, b: Sequences): Sequences {
  const merged: Record<number, bigint> = { ...a };
  for (const [partition, sequence] of entries(b)) {
    const known = merged[partition];
    merged[partition] = known === undefined || sequence > known ? sequence : known;
  }
  return merged;
}

/** What a list of alerts has shown. */
export function cursorOf(alerts: readonly Alert[]): Sequences {
  return alerts.reduce<Sequences>((seen, alert) => mergeCursors(seen, { [alert.partition]: alert.sequence }), {});
}

/**
 * Where to resume, given the kept cursor and the alerts just listed. A kept sequence above what the server knows comes
 * from a server that was set up anew and would hide its alerts, so the lower of both counts; a revision sent once more
 * is harmless. `complete` says that nothing was left out of the list.
 */
export function resumeCursor(kept: Sequences, listed: readonly Alert[], complete: boolean): Sequences {
  const seen = cursorOf(listed);
  const resume: Record<number, bigint> = { ...seen };
  for (const [partition, sequence] of entries(kept)) {
    const known = seen[partition];
    if (known !== undefined) {
      resume[partition] = sequence < known ? sequence : known;
    } else if (!complete) {
      resume[partition] = sequence;
    }
  }
  return resume;
}

/** As text for keeping; sequences are strings since they exceed what a JSON number holds. */
export function writeCursor(cursor: Sequences): string {
  return JSON.stringify(Object.fromEntries(entries(cursor).map(([partition, sequence]) => [partition, String(sequence)])));
}

/** Back from text; anything that is not a cursor counts as none. */
export function readCursor(text: string | null): Sequences {
  const cursor: Record<number, bigint> = {};
  try {
    const json: unknown = JSON.parse(text ?? "{}");
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      return {};
    }
    for (const [partition, sequence] of Object.entries(json)) {
      if (/^\d{1,10}$/.test(partition) && typeof sequence === "string" && /^\d{1,20}$/.test(sequence)) {
        cursor[Number(partition)] = BigInt(sequence);
      }
    }
  } catch {
    return {};
  }
  return cursor;
}

/** The cursor kept by this browser. */
export function keptCursor(): Sequences {
  try {
    return readCursor(localStorage.getItem(KEY));
  } catch {
    return {};
  }
}

/** Keeps the cursor for the next visit; a browser that forbids it starts from the list. */
export function keepCursor(cursor: Sequences): void {
  try {
    localStorage.setItem(KEY, writeCursor(cursor));
  } catch {
    return;
  }
}

function entries(cursor: Sequences): Array<[number, bigint]> {
  return Object.entries(cursor).map(([partition, sequence]) => [Number(partition), sequence]);
}
