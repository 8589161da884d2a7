import { LogKind, type LogEntry } from "../gen/cortex/v1/alert_pb";

/** The live log as the page knows it: each entry once, newest first. */
export type LogBook = readonly LogEntry[];

/** How many lines the page holds. */
export const LOG_SIZE = 400;

/** Takes entries in; one that is already there (a reconnect sends a backlog) is not doubled. */
export function mergeLog(book: LogBook, incoming: readonly LogEntry[], size: number = LOG_SIZE): LogBook {
  const known = new Set(book.map((entry) => entry.id));
  const fresh = incoming.filter((entry) => !known.has(entry.id) && known.add(entry.id));
  if (fresh.length === 0) {
    return book;
  }
  return [...fresh, ...book].sort(newestFirst).slice(0, size);
}

/** The entries of one kind; all for LOG_KIND_UNSPECIFIED. */
export function ofKind(book: LogBook, kind: LogKind): LogBook {
  return kind === LogKind.UNSPECIFIED ? book : book.filter((entry) => entry.kind === kind);
}

/** The name of a person, as far as the server has told it to this page. */
export function nameOf(book: LogBook, person: string): string | undefined {
  return book.find((entry) => entry.person === person && entry.name !== "")?.name;
}

function newestFirst(a: LogEntry, b: LogEntry): number {
  if (a.timeUs !== b.timeUs) {
    return a.timeUs > b.timeUs ? -1 : 1;
  }
  return a.sequence > b.sequence ? -1 : a.sequence < b.sequence ? 1 : 0;
}
