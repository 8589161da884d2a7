const DAY_MS = 86_400_000;

/** Microseconds since 1970 as a date of the page. */
export function dateOf(us: bigint): Date {
  return new Date(Number(us / 1000n));
}

/** Time of day in the page's time zone; with the day in front when it is not `now`'s. */
export function clockText(us: bigint, now: Date): string {
  const date = dateOf(us);
  const time = timeOfDay(date);
  return date.toDateString() === now.toDateString() ? time : `${dayText(date)} ${time}`;
}

/** Hours, minutes and seconds in the page's time zone, 24 hours. */
export function timeOfDay(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
}

/** Year, month and day in the page's time zone. */
export function dayText(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** A span of time, in milliseconds, as short as it can be read: `0.4 s`, `3 s`, `3 min`, `2 h`, `5 d`. */
export function spanText(ms: number): string {
  const s = Math.max(ms, 0) / 1000;
  if (s < 0.95) {
    return `${s.toFixed(1)} s`;
  }
  if (s < 99.5) {
    return `${Math.round(s)} s`;
  }
  if (s < 5_400) {
    return `${Math.round(s / 60)} min`;
  }
  return ms < 2 * DAY_MS ? `${Math.round(s / 3_600)} h` : `${Math.round(ms / DAY_MS)} d`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}
