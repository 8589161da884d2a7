import { Button, Checkbox, Textarea } from "@mantine/core";
import { useState } from "react";

import { AlertState, type Alert } from "../gen/cortex/v1/alert_pb";
import { isOpen } from "../state/alertBook";
import { Notice } from "./Notice";
import { useAnswer } from "./useAnswer";
import style from "./AnswerForm.module.css";

/** The server's limit on a comment, in characters. */
const COMMENT_MAX = 2_000;

/** Takes an alert in hand, judges it anew, or says something about it. Nothing for a closed one. */
export function AnswerForm(props: { readonly alert: Alert }) {
  const { alert } = props;
  const { acknowledge, say, busy, failure } = useAnswer(alert);
  const [comment, setComment] = useState("");
  const [falseAlarm, setFalseAlarm] = useState(alert.falseAlarm);
  if (alert.state === AlertState.CLOSED) {
    return null;
  }
  const words = comment.trim();
  const send = async (call: () => Promise<boolean>): Promise<void> => {
    if (await call()) {
      setComment("");
    }
  };
  return (
    <form
      className={style.form}
      onSubmit={(event) => {
        event.preventDefault();
        void send(() => acknowledge(words, falseAlarm));
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
        <Button.Group>
          <Button size="sm" variant="default" disabled={words === "" || busy} onClick={() => void send(() => say(words))}>
            Comment
          </Button>
          <Button type="submit" size="sm" loading={busy}>
            {isOpen(alert) ? "Acknowledge" : "Judge again"}
          </Button>
        </Button.Group>
      </div>
      <Notice failure={failure} />
    </form>
  );
}
