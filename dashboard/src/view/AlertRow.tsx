import { Badge, Button, Text, UnstyledButton } from "@mantine/core";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import { isOpen } from "../state/alertBook";
import { kindText, stateText } from "../words/kinds";
import { cssColour, severityLook } from "../words/severity";
import { clockText, dateOf, spanText } from "../words/time";
import { SeverityBadge } from "./SeverityBadge";
import { StillPicture } from "./StillPicture";
import { useAnswer } from "./useAnswer";
import { useNow } from "./useNow";
import style from "./AlertRow.module.css";

/** One alert of the list: how grave, what, where, why, when, and its picture. A click anywhere shows the details. */
export function AlertRow(props: { readonly alert: Alert; readonly chosen: boolean; readonly show: (alert: Alert) => void }) {
  const { alert } = props;
  const now = useNow();
  return (
    <li
      className={style.row}
      data-e2e="alert"
      data-open={isOpen(alert)}
      data-chosen={props.chosen}
      style={{ borderLeftColor: cssColour(severityLook(alert.severity).colour) }}
    >
      <div className={style.head}>
        <SeverityBadge severity={alert.severity} />
        <UnstyledButton className={style.kind} onClick={() => props.show(alert)} aria-label={`Details: ${alert.why}`}>
          {kindText(alert.kind)}
        </UnstyledButton>
        {alert.count > 1 && (
          <Badge size="sm" variant="default" tt="none" title={`${alert.count} anomalies in this incident`}>
            ×{alert.count}
          </Badge>
        )}
        <span className={style.camera}>{alert.camera}</span>
      </div>
      <div className={style.body}>
        <div className={style.words}>
          <span className={style.why} data-e2e="why">
            {alert.why}
          </span>
          <span className={style.when}>
            <time dateTime={dateOf(alert.lastUs).toISOString()}>{clockText(alert.lastUs, new Date(now))}</time>
            {" · "}
            {spanText(now - Number(alert.lastUs / 1000n))} ago
          </span>
          <Answer alert={alert} />
        </div>
        <StillPicture frame={alert.latest?.frame} alt="" />
      </div>
    </li>
  );
}

function Answer(props: { readonly alert: Alert }) {
  const { alert } = props;
  const { acknowledge, busy, failure } = useAnswer(alert);
  return (
    <div className={style.answer}>
      {isOpen(alert) ? (
        <Button size="compact-xs" variant="default" loading={busy} onClick={() => void acknowledge("", false)}>
          Acknowledge
        </Button>
      ) : (
        <Text size="xs" c="dimmed">
          {stateText(alert.state)}
          {alert.acknowledgedBy !== "" && ` by ${alert.acknowledgedBy}`}
          {alert.falseAlarm && " · false alarm"}
        </Text>
      )}
      {failure && (
        <Text size="xs" c="orange.4" role="alert">
          {failure.title}: {failure.text}
        </Text>
      )}
    </div>
  );
}
