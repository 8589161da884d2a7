import { Button, Checkbox, Textarea } from "@mantine/core";
import { useState } from "react";

import { AlertState, type Alert } from "../gen/cortex/v1/alert_pb";
import { isOpen } from "../state/alertBook";
import { Notice } from "./Notice";
import { useAcknowledge } from "./useAcknowledge";
import style from "./AcknowledgeForm.module.css";

/** The server's limit on a comment, in characters. */
const COMMENT_MAX = 2_000;

/** Takes an alert in hand with a comment, or says more about one that is. Nothing for a closed one. */
export function AcknowledgeForm(props: { readonly alert: Alert }) {
  const { alert } = props;
  const { acknowledge, busy, failure } = useAcknowledge(alert);
  const [comment, setComment] = useState("");
  const [falseAlarm, setFalseAlarm] = useState(alert.falseAlarm);
  if (alert.state === AlertState.CLOSED) {
    return null;
  }
  const send = async (): Promise<void> => {
    if (await acknowledge(comment.trim(), falseAlarm)) {
      setComment("");
    }
  };
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Textarea
        label="Comment"
        placeholder="What was done about it (optional)"
        autosize
        minRows={2}
        maxRows={6}
        maxLength={COMMENT_MAX}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <div className={style.row}>
        <Checkbox label="False alarm" checked={falseAlarm} onChange={(event) => setFalseAlarm(event.currentTarget.checked)} />
        <Button type="submit" size="sm" loading={busy}>
          {isOpen(alert) ? "Acknowledge" : "Add to it"}
        </Button>
      </div>
      <Notice failure={failure} />
    </form>
  );
}
