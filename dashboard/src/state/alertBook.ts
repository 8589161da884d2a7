import { AlertState, type Alert } from "../gen/cortex/v1/alert_pb";
import type { Severity } from "../gen/cortex/v1/common_pb";

/** The alerts that the page knows, each once at its newest revision, the one with the latest anomaly first. */
export type AlertBook = readonly Alert[];

/** How many alerts the page holds; older ones are left to the server. */
export const BOOK_SIZE = 300;

/** What the list shows. */
export interface AlertView {
  /** Closed and acknowledged ones too. */
  readonly all: boolean;
  /** This severity or above. */
  readonly least: Severity;
}

/** Takes alerts in: the newest revision wins whatever the order they come in, none is there twice. */
export function mergeAlerts(book: AlertBook, incoming: readonly Alert[], size: number = BOOK_SIZE): AlertBook {
  const byId = new Map(book.map((alert) => [alert.id, alert]));
  let changed = false;
  for (const alert of incoming) {
    const known = byId.get(alert.id);
    if (!known || alert.revision > known.revision) {
      byId.set(alert.id, alert);
      changed = true;
    }
  }
  return changed ? [...byId.values()].sort(newestFirst).slice(0, size) : book;
}

/** The alerts that a view shows. */
export function shownAlerts(book: AlertBook, view: AlertView): AlertBook {
  return book.filter((alert) => alert.severity >= view.least && (view.all || isOpen(alert)));
}

/** Nobody has answered it. */
export function isOpen(alert: Alert): boolean {
  return alert.state !== AlertState.ACKNOWLEDGED && alert.state !== AlertState.CLOSED;
}

/** How many nobody has answered. */
export function openCount(book: AlertBook): number {
  return book.filter(isOpen).length;
}

function newestFirst(a: Alert, b: Alert): number {
  if (a.lastUs !== b.lastUs) {
    return a.lastUs > b.lastUs ? -1 : 1;
  }
  return a.id < b.id ? -1 : 1;
}
