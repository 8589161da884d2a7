import { Button, FileInput, MultiSelect, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { verdict } from "../api/follow";
import type { PictureReport, Watchlist } from "../gen/cortex/v1/recognition_pb";
import { complaints, PICTURE_TYPES } from "../state/portraits";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { Notice } from "./Notice";
import { Portraits } from "./Portraits";
import style from "./EnrolForm.module.css";

/** Adds pictures of a person. */
export function EnrolForm(props: { readonly lists: readonly Watchlist[]; readonly enrolled: () => void }) {
  const desk = useDesk();
  const [name, setName] = useState("");
  const [files, setFiles] = useState<File[]>([]);
  const [lists, setLists] = useState<string[]>([]);
  const [reports, setReports] = useState<readonly PictureReport[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const wrong = complaints(files);

  const choose = (chosen: File[]): void => {
    setFiles(chosen);
    setReports([]);
    setFailure(null);
  };

  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    setReports([]);
    try {
      const pictures = await Promise.all(files.map(async (file) => new Uint8Array(await file.arrayBuffer())));
      const answer = await desk.clients.identities.enrol({ name: name.trim(), pictures, lists });
      setReports(answer.reports);
      props.enrolled();
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
    <form className={style.form} onSubmit={(event) => void send(event)} aria-label="Enrol a person">
      <Text component="h2" size="sm" fw={600} m={0}>
        Enrol a person
      </Text>
      <TextInput label="Name" required maxLength={200} value={name} onChange={(event) => setName(event.currentTarget.value)} />
      <FileInput
        label="Pictures"
        description="1 to 16, one face in each: frontal, sharp, well lit. JPEG, PNG or WebP up to 10 MiB."
        placeholder="Choose pictures"
        multiple
        clearable
        required
        accept={PICTURE_TYPES.join(",")}
        value={files}
        onChange={choose}
        error={wrong.length > 0 ? wrong.join(" ") : undefined}
      />
      <Portraits files={files} reports={reports} />
      <MultiSelect
        label="Watch-lists"
        description={props.lists.length === 0 ? "There is none yet: nobody looks for this person." : "On none, nobody looks for this person."}
        value={lists}
        onChange={setLists}
        data={props.lists.map((list) => ({ value: list.id, label: list.title }))}
        clearable
      />
      <Button type="submit" loading={busy} disabled={name.trim() === "" || files.length === 0 || wrong.length > 0 || reports.length > 0}>
        Enrol
      </Button>
      <Notice failure={failure} />
      {reports.length > 0 && (
        <Text size="sm" role="status">
          {reports.filter((report) => report.accepted).length} of {reports.length} pictures enrolled.
        </Text>
      )}
    </form>
  );
}
