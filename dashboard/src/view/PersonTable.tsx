import { Button, Group, Modal, Table, Text } from "@mantine/core";
import { useState } from "react";

import { verdict } from "../api/follow";
import type { Person, Watchlist } from "../gen/cortex/v1/recognition_pb";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { dateOf, dayText } from "../words/time";
import { Notice } from "./Notice";

/** Everybody enrolled, with a way to forget them. */
export function PersonTable(props: {
  readonly people: readonly Person[];
  readonly lists: readonly Watchlist[];
  readonly changed: () => void;
}) {
  const title = (id: string): string => props.lists.find((list) => list.id === id)?.title ?? id;
  const [leaving, setLeaving] = useState<Person | null>(null);
  if (props.people.length === 0) {
    return <Text c="dimmed">Nobody is enrolled.</Text>;
  }
  return (
    <>
      <Table verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Pictures</Table.Th>
            <Table.Th>Looked for by</Table.Th>
            <Table.Th>Enrolled</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {props.people.map((person) => (
            <Table.Tr key={person.id}>
              <Table.Td>{person.name}</Table.Td>
              <Table.Td>{person.embeddings}</Table.Td>
              <Table.Td>{person.lists.length === 0 ? "Nobody" : person.lists.map(title).join(", ")}</Table.Td>
              <Table.Td>{dayText(dateOf(person.enrolledUs))}</Table.Td>
              <Table.Td ta="right">
                <Button
                  size="compact-xs"
                  variant="subtle"
                  color="red"
                  onClick={() => setLeaving(person)}
                  aria-label={`Forget ${person.name}`}
                >
                  Forget
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Modal opened={leaving !== null} onClose={() => setLeaving(null)} title={`Forget ${leaving?.name ?? ""}?`} centered>
        {leaving && <Forget person={leaving} done={props.changed} close={() => setLeaving(null)} />}
      </Modal>
    </>
  );
}

function Forget(props: { readonly person: Person; readonly done: () => void; readonly close: () => void }) {
  const desk = useDesk();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const forget = async (): Promise<void> => {
    setBusy(true);
    try {
      await desk.clients.identities.delete({ person: props.person.id });
      props.done();
      props.close();
    } catch (error) {
      if (verdict(error) === "signed-out") {
        desk.signedOut();
      }
      setFailure(failureText(error));
      setBusy(false);
    }
  };
  return (
    <>
      <Text>The key of everything known of this person is destroyed: name, pictures and face data, in backups too. This cannot be undone.</Text>
      <Notice failure={failure} />
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={props.close}>
          Keep
        </Button>
        <Button color="red" loading={busy} onClick={() => void forget()}>
          Forget
        </Button>
      </Group>
    </>
  );
}
