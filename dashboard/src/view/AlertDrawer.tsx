import { Drawer, Text } from "@mantine/core";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import { nameOf } from "../state/logBook";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { kindText, stateText } from "../words/kinds";
import { clockText } from "../words/time";
import { trackText } from "../words/track";
import { AnswerForm } from "./AnswerForm";
import { AlertPicture } from "./AlertPicture";
import { Facts, type Fact } from "./Facts";
import { Measures } from "./Measures";
import { SeverityBadge } from "./SeverityBadge";
import { Timeline } from "./Timeline";
import { usePrecision } from "./usePrecision";
import style from "./AlertDrawer.module.css";

/** Everything about one alert. */
export function AlertDrawer(props: { readonly id: string | null; readonly close: () => void }) {
  const book = useStore(useDesk().alerts);
  const alert = book.find((known) => known.id === props.id);
  return (
    <Drawer
      opened={alert !== undefined}
      onClose={props.close}
      position="right"
      size={520}
      title={alert && <Heading alert={alert} />}
      closeButtonProps={{ "aria-label": "Close the details" }}
    >
      {alert && <Details alert={alert} />}
    </Drawer>
  );
}

function Heading(props: { readonly alert: Alert }) {
  return (
    <span className={style.heading}>
      <SeverityBadge severity={props.alert.severity} />
      <strong>{kindText(props.alert.kind)}</strong>
      <span className={style.state}>{stateText(props.alert.state)}</span>
    </span>
  );
}

function Details(props: { readonly alert: Alert }) {
  const { alert } = props;
  const anomaly = alert.latest;
  return (
    <div className={style.details}>
      <AlertPicture key={alert.id} alert={alert} />
      <Text className={style.why}>{alert.why}</Text>
      {alert.count > 1 && anomaly && anomaly.why !== alert.why && (
        <Text size="sm" c="dimmed">
          Latest: {anomaly.why}
        </Text>
      )}
      {alert.damped && (
        <Text size="sm" c="dimmed">
          {alert.damped}
        </Text>
      )}
      <AnswerForm key={alert.id} alert={alert} />
      {alert.timeline.length > 1 && <Timeline moments={alert.timeline} count={alert.count} />}
      {anomaly && anomaly.measures.length > 0 && <Measures measures={anomaly.measures} />}
      <AlertFacts alert={alert} />
    </div>
  );
}

function AlertFacts(props: { readonly alert: Alert }) {
  const { alert } = props;
  const log = useStore(useDesk().log);
  const precision = usePrecision(alert);
  const now = new Date();
  const anomaly = alert.latest;
  const facts: Fact[] = [
    ["Camera", alert.camera],
    ["Site", alert.site],
    ["Place", anomaly?.place ?? ""],
    ["Rule", anomaly ? `${alert.rule} (version ${anomaly.ruleVersion})` : alert.rule],
    ["Subject", anomaly && anomaly.track > 0n ? `${anomaly.class || "track"} ${trackText(anomaly.track)}` : ""],
    ["Person", anomaly?.person ? (nameOf(log, anomaly.person) ?? anomaly.person) : ""],
    ["Direction", anomaly?.direction ?? ""],
    ["First", clockText(alert.firstUs, now)],
    ["Latest", clockText(alert.lastUs, now)],
    ["Anomalies", String(alert.count)],
    ["Rule was right", precision],
    ["Answered by", alert.acknowledgedBy],
    ["Comment", alert.comment && `${alert.comment} (${alert.commentedBy})`],
    ["False alarm", alert.falseAlarm ? "yes" : ""],
  ];
  const origins: Fact[] = [
    ["Alert", alert.id],
    ["Revision", `${alert.revision} (${alert.change}, ${clockText(alert.writtenUs, now)})`],
    ["Track", anomaly && anomaly.track > 0n ? String(anomaly.track) : ""],
    ["Frame", anomaly?.frame ? `epoch ${anomaly.frame.epoch}, picture ${anomaly.frame.seq}` : ""],
    ...Object.entries(anomaly?.models ?? {})
      .sort()
      .map(([task, digest]): Fact => [`Model: ${task}`, digest]),
  ];
  return (
    <>
      <Facts title="What happened" facts={facts} />
      <Facts title="Where it comes from" facts={origins} mono />
    </>
  );
}
