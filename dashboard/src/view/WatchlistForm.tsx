import { Button, Checkbox, NativeSelect, NumberInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { verdict } from "../api/follow";
import { Severity } from "../gen/cortex/v1/common_pb";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { SEVERITIES, severityLook } from "../words/severity";
import { Notice } from "./Notice";
import style from "./EnrolForm.module.css";

const DAY_MS = 86_400_000;

/** Makes a watch-list: what for, by which law, whose it is, and for how long. */
export function WatchlistForm(props: { readonly changed: () => void }) {
  const desk = useDesk();
  const [title, setTitle] = useState("");
  const [purpose, setPurpose] = useState("");
  const [legalBasis, setLegalBasis] = useState("");
  const [owner, setOwner] = useState("");
  const [days, setDays] = useState(90);
  const [percent, setPercent] = useState(1);
  const [severity, setSeverity] = useState<Severity>(Severity.HIGH);
  const [confirmed, setConfirmed] = useState(true);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const id = title.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 64);

  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await desk.clients.watchlists.upsert({
        watchlist: {
          id,
          title: title.trim(),
          purpose,
          legalBasis,
          owner,
          expiresUs: BigInt(Date.now() + days * DAY_MS) * 1000n,
          falseAlarms: percent / 100,
          severity,
          withoutConfirmation: !confirmed,
        },
      });
      setTitle("");
      props.changed();
    } catch (error) {
      if (verdict(error) === "signed-out") {
        desk.signedOut();
      }
      setFailure(failureText(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form className={style.form} onSubmit={(event) => void send(event)} aria-label="Make a watch-list">
      <Text component="h2" size="sm" fw={600} m={0}>
        Make a watch-list
      </Text>
      <TextInput label="Title" required maxLength={100} value={title} onChange={(event) => setTitle(event.currentTarget.value)} />
      <TextInput label="Purpose" required maxLength={500} value={purpose} onChange={(event) => setPurpose(event.currentTarget.value)} />
      <TextInput
        label="Legal basis"
        description="Law, court order or consent."
        required
        maxLength={500}
        value={legalBasis}
        onChange={(event) => setLegalBasis(event.currentTarget.value)}
      />
      <TextInput label="Owner" required maxLength={100} value={owner} onChange={(event) => setOwner(event.currentTarget.value)} />
      <NumberInput label="In force for (days)" min={1} max={366} value={days} onChange={(value) => setDays(Number(value))} />
      <NumberInput
        label="False alarms (%)"
        description="Share of unknown people that may be taken for somebody of the list."
        min={0.01}
        max={10}
        decimalScale={2}
        value={percent}
        onChange={(value) => setPercent(Number(value))}
      />
      <NativeSelect
        label="A match"
        value={String(severity)}
        onChange={(event) => setSeverity(Number(event.currentTarget.value))}
        data={[
          { value: String(Severity.UNSPECIFIED), label: "Note it in the log only" },
          ...SEVERITIES.map((level) => ({ value: String(level), label: `Raise an alert: ${severityLook(level).text}` })),
        ]}
      />
      <Checkbox
        label="Two people must confirm a match before anybody is told who it is"
        checked={confirmed}
        onChange={(event) => setConfirmed(event.currentTarget.checked)}
      />
      <Button type="submit" loading={busy} disabled={id === "" || purpose.trim() === "" || legalBasis.trim() === "" || owner.trim() === ""}>
        Make the list
      </Button>
      <Notice failure={failure} />
    </form>
  );
}
