import { NativeSelect, SegmentedControl, Text } from "@mantine/core";
import { useState } from "react";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import { Severity } from "../gen/cortex/v1/common_pb";
import { openCount, shownAlerts } from "../state/alertBook";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { SEVERITIES, severityLook } from "../words/severity";
import { AlertRow } from "./AlertRow";
import style from "./AlertPanel.module.css";

/** The alerts, the latest first. */
export function AlertPanel(props: { readonly chosen: string | null; readonly show: (alert: Alert) => void }) {
  const book = useStore(useDesk().alerts);
  const [all, setAll] = useState(false);
  const [least, setLeast] = useState<Severity>(Severity.INFO);
  const shown = shownAlerts(book, { all, least });
  return (
    <aside className={style.panel} aria-label="Alerts">
      <div className={style.bar}>
        <Text component="h2" size="sm" fw={600} m={0}>
          Alerts
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="Which alerts"
          value={all ? "all" : "open"}
          onChange={(value) => setAll(value === "all")}
          data={[
            { value: "open", label: `Open ${openCount(book)}` },
            { value: "all", label: "All" },
          ]}
        />
        <NativeSelect
          size="xs"
          w="8.2rem"
          aria-label="Least severity"
          value={String(least)}
          onChange={(event) => setLeast(Number(event.currentTarget.value))}
          data={SEVERITIES.map((severity) => ({
            value: String(severity),
            label: severity === Severity.INFO ? "Any severity" : `${severityLook(severity).text} and up`,
          }))}
        />
      </div>
      <ol className={style.list}>
        {shown.map((alert) => (
          <AlertRow key={alert.id} alert={alert} chosen={alert.id === props.chosen} show={props.show} />
        ))}
      </ol>
      {shown.length === 0 && (
        <Text c="dimmed" ta="center" px="md" className={style.empty}>
          {all || least !== Severity.INFO ? "Nothing to show." : "All quiet: no open alerts."}
        </Text>
      )}
    </aside>
  );
}
