import { follow, verdict } from "../api/follow";
import { pause } from "../api/backoff";
import { whileVisible } from "../api/visible";
import { mergeAlerts } from "./alertBook";
import { keepCursor, keptCursor, mergeCursors, resumeCursor, type Sequences } from "./cursor";
import type { Desk } from "./desk";
import { mergeLog } from "./logBook";

/** Alerts fetched at the start. */
const LISTED = 100;
/** Log lines fetched at every connect. */
const BACKLOG = 200;
/** The server sends a cursor every few seconds; silence this long means that the connection is dead. */
const ALERT_SILENCE_MS = 45_000;
/** Zones, rules and the set of cameras change by hand. */
const PLAN_EVERY_MS = 30_000;

/** Follows the alerts, also while the page is out of sight: its title counts them. */
export function followAlerts(desk: Desk, signal: AbortSignal): void {
  let cursor: Sequences | undefined;
  const { alerts } = desk.clients;
  const open = async function* (attempt: AbortSignal, headers: () => void) {
    if (!cursor) {
      const listed = await alerts.list({ limit: LISTED }, { signal: attempt });
      desk.alerts.update((book) => mergeAlerts(book, listed.alerts));
      cursor = resumeCursor(keptCursor(), listed.alerts, listed.alerts.length < LISTED);
    }
    yield* alerts.subscribe({ after: { sequences: cursor } }, { signal: attempt, onHeader: headers });
  };
  void follow(
    {
      open,
      take: ({ event }) => {
        if (event.case === "alert") {
          desk.alerts.update((book) => mergeAlerts(book, [event.value]));
        } else if (event.case === "cursor") {
          cursor = mergeCursors(cursor ?? {}, event.value.sequences);
          keepCursor(cursor);
        }
      },
      say: (link) => desk.say("alerts", link),
      signedOut: desk.signedOut,
      silenceMs: ALERT_SILENCE_MS,
    },
    signal,
  );
}

/** Follows pictures, cameras, log, zones and rules: what is only shown, so only while the page is in sight. */
export function followView(desk: Desk, signal: AbortSignal): void {
  whileVisible(
    (seen) => {
      followPictures(desk, seen);
      followCameras(desk, seen);
      followLog(desk, seen);
      void followPlan(desk, seen);
    },
    () => pauseView(desk),
    signal,
  );
  signal.addEventListener("abort", () => pauseView(desk));
}

function pauseView(desk: Desk): void {
  for (const stream of ["pictures", "cameras", "log"] as const) {
    desk.say(stream, { state: "paused" });
  }
}

function followPictures(desk: Desk, signal: AbortSignal): void {
  void follow(
    {
      open: (attempt, headers) => desk.clients.live.watch({}, { signal: attempt, onHeader: headers }),
      take: (cloaked) => desk.live.accept(cloaked, performance.now()),
      say: (link) => desk.say("pictures", link),
      signedOut: desk.signedOut,
    },
    signal,
  );
}

function followCameras(desk: Desk, signal: AbortSignal): void {
  void follow(
    {
      open: (attempt, headers) => desk.clients.cameras.watchStatus({}, { signal: attempt, onHeader: headers }),
      take: (status) => {
        const camera = status.camera;
        if (camera) {
          desk.cameras.update((known) => {
            const next = new Map(known);
            if (camera.deleted) {
              next.delete(camera.id);
            } else {
              next.set(camera.id, status);
            }
            return next;
          });
        }
      },
      say: (link) => desk.say("cameras", link),
      signedOut: desk.signedOut,
    },
    signal,
  );
}

function followLog(desk: Desk, signal: AbortSignal): void {
  void follow(
    {
      open: (attempt, headers) => desk.clients.log.tail({ backlog: BACKLOG }, { signal: attempt, onHeader: headers }),
      take: (entry) => desk.log.update((book) => mergeLog(book, [entry])),
      say: (link) => desk.say("log", link),
      signedOut: desk.signedOut,
    },
    signal,
  );
}

async function followPlan(desk: Desk, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const { zones, rules } = await desk.clients.rules.list({}, { signal });
      desk.plan.set({ zones, rules });
      // The stream tells of changes; only the list tells that a camera is gone.
      const { cameras } = await desk.clients.cameras.list({}, { signal });
      desk.cameras.set(new Map(cameras.flatMap((each) => (each.camera ? [[each.camera.id, each]] : []))));
      desk.live.keep(new Set(desk.cameras.get().keys()));
    } catch (error) {
      if (!signal.aborted && verdict(error) === "signed-out") {
        desk.signedOut();
        return;
      }
    }
    await pause(PLAN_EVERY_MS, signal);
  }
}
