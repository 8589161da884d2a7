import { useEffect, useState } from "react";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import { useDesk } from "../state/desk";
import { precisionText } from "../words/precision";

/** How often the alert's rule was right on its camera, in words; asked anew when the alert is answered. */
export function usePrecision(alert: Alert): string {
  const { alerts } = useDesk().clients;
  const [text, setText] = useState("");
  const { rule, camera, acknowledgedBy, falseAlarm } = alert;
  useEffect(() => {
    const asked = new AbortController();
    alerts.precision({}, { signal: asked.signal }).then(
      (answer) => setText(precisionText(answer.rules, rule, camera)),
      // A fact is missing, and everything else of the alert is shown.
      () => undefined,
    );
    return () => asked.abort();
  }, [alerts, rule, camera, acknowledgedBy, falseAlarm]);
  return text;
}
