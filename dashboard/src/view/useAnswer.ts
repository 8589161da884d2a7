import { useState } from "react";

import { verdict } from "../api/follow";
import type { Alert } from "../gen/cortex/v1/alert_pb";
import { mergeAlerts } from "../state/alertBook";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";

/** Answers an alert; the revision that comes of it is shown at once, without waiting for the stream. */
export function useAnswer(alert: Alert): {
  readonly acknowledge: (comment: string, falseAlarm: boolean) => Promise<boolean>;
  readonly say: (comment: string) => Promise<boolean>;
  readonly busy: boolean;
  readonly failure: Failure | null;
} {
  const desk = useDesk();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  const answer = async (call: () => Promise<{ readonly alert?: Alert | undefined }>): Promise<boolean> => {
    setBusy(true);
    setFailure(null);
    try {
      const { alert: revision } = await call();
      if (revision) {
        desk.alerts.update((book) => mergeAlerts(book, [revision]));
      }
      return true;
    } catch (error) {
      if (verdict(error) === "signed-out") {
        desk.signedOut();
      }
      setFailure(failureText(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  const which = { alert: alert.id, site: alert.site };
  return {
    acknowledge: (comment, falseAlarm) => answer(() => desk.clients.alerts.acknowledge({ ...which, comment, falseAlarm })),
    say: (comment) => answer(() => desk.clients.alerts.comment({ ...which, comment })),
    busy,
    failure,
  };
}
