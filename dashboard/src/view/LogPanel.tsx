import { Button, Modal, SegmentedControl, Text } from "@mantine/core";
import { useState } from "react";

import { LogKind, type LogEntry } from "../gen/cortex/v1/alert_pb";
import { ofKind } from "../state/logBook";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { logLook } from "../words/kinds";
import { cssColour } from "../words/severity";
import { clockText, dateOf } from "../words/time";
import { SeverityBadge } from "./SeverityBadge";
import { StillPicture } from "./StillPicture";
import style from "./LogPanel.module.css";

const KINDS: readonly LogKind[] = [LogKind.UNSPECIFIED, LogKind.SYSTEM, LogKind.ANOMALY, LogKind.KNOWN, LogKind.UNKNOWN];

/** The live log, newest first. */
export function LogPanel() {
  const book = useStore(useDesk().log);
  const [kind, setKind] = useState<LogKind>(LogKind.UNSPECIFIED);
  const [pictured, setPictured] = useState<LogEntry | null>(null);
  const shown = ofKind(book, kind);
  const now = new Date();
  return (
    <section className={style.panel} aria-label="Live log">
      <div className={style.bar}>
        <Text component="h2" size="sm" fw={600} m={0}>
          Live log
        </Text>
        <SegmentedControl
          size="xs"
          aria-label="Kind of entries"
          value={String(kind)}
          onChange={(value) => setKind(Number(value))}
          data={KINDS.map((each) => ({ value: String(each), label: logLook(each).text }))}
        />
      </div>
      <div className={style.list} role="log" aria-live="off" tabIndex={0} aria-label="Entries, newest first">
        {shown.map((entry) => (
          <LogLine key={entry.id} entry={entry} now={now} show={setPictured} />
        ))}
        {shown.length === 0 && (
          <Text c="dimmed" ta="center" py="md">
            Nothing yet.
          </Text>
        )}
      </div>
      <Modal opened={pictured !== null} onClose={() => setPictured(null)} size="lg" title={pictured?.text}>
        {pictured && <StillPicture frame={pictured.frame} alt={`Cloaked picture: ${pictured.text}`} />}
      </Modal>
    </section>
  );
}

function LogLine(props: { readonly entry: LogEntry; readonly now: Date; readonly show: (entry: LogEntry) => void }) {
  const { entry } = props;
  const look = logLook(entry.kind);
  const named = entry.name !== "" && !entry.text.includes(entry.name);
  return (
    <div className={style.line} data-e2e="log-entry">
      <time dateTime={dateOf(entry.timeUs).toISOString()}>{clockText(entry.timeUs, props.now)}</time>
      <span className={style.kind} style={{ color: cssColour(look.colour) }}>
        {look.text}
      </span>
      <span className={style.camera}>{entry.camera}</span>
      <span className={style.text}>
        {entry.kind === LogKind.ANOMALY && <SeverityBadge severity={entry.severity} />} {entry.text}
        {named && <strong> {entry.name}</strong>}
      </span>
      {entry.frame && (
        <Button size="compact-xs" variant="subtle" color="gray" c="dimmed" fw={500} onClick={() => props.show(entry)} aria-label={`Picture: ${entry.text}`}>
          Picture
        </Button>
      )}
    </div>
  );
}
