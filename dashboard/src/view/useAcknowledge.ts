import { useState } from "react";

import { verdict } from "../api/follow";
import type { Alert } from "../gen/cortex/v1/alert_pb";
import { mergeAlerts } from "../state/alertBook";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";

/** Takes an alert in hand; the answer's revision is shown at once, without waiting for the stream. */
export function useAcknowledge(alert: Alert): {
  readonly acknowledge: (comment: string, falseAlarm: boolean) => Promise<boolean>;
  readonly busy: boolean;
  readonly failure: Failure | null;
} {
  const desk = useDesk();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  const acknowledge = async (comment: string, falseAlarm: boolean): Promise<boolean> => {
    setBusy(true);
    setFailure(null);
    try {
      const answer = await desk.clients.alerts.acknowledge({ alert: alert.id, site: alert.site, comment, falseAlarm });
      const revision = answer.alert;
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
  return { acknowledge, busy, failure };
}
