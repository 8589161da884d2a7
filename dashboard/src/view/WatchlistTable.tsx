import { Button, Table, Text } from "@mantine/core";
import { useState } from "react";

import { verdict } from "../api/follow";
import { Severity } from "../gen/cortex/v1/common_pb";
import type { Watchlist } from "../gen/cortex/v1/recognition_pb";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { dateOf, dayText } from "../words/time";
import { Notice } from "./Notice";
import { SeverityBadge } from "./SeverityBadge";
import { useNow } from "./useNow";

/** Who is looked for, why, until when, and how sure a match must be. */
export function WatchlistTable(props: { readonly lists: readonly Watchlist[]; readonly changed: () => void }) {
  const desk = useDesk();
  const now = useNow();
  const [failure, setFailure] = useState<Failure | null>(null);
  if (props.lists.length === 0) {
    return <Text c="dimmed">There is no list: nobody is looked for.</Text>;
  }

  const remove = async (id: string): Promise<void> => {
    try {
      await desk.clients.watchlists.delete({ id });
      setFailure(null);
      props.changed();
    } catch (error) {
      if (verdict(error) === "signed-out") {
        desk.signedOut();
      }
      setFailure(failureText(error));
    }
  };

  return (
    <>
      <Notice failure={failure} />
      <Table verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>List</Table.Th>
            <Table.Th>Purpose and legal basis</Table.Th>
            <Table.Th>Owner</Table.Th>
            <Table.Th>People</Table.Th>
            <Table.Th>In force until</Table.Th>
            <Table.Th>A match</Table.Th>
            <Table.Th aria-label="Actions" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {props.lists.map((list) => (
            <Table.Tr key={list.id}>
              <Table.Td>{list.title}</Table.Td>
              <Table.Td>
                {list.purpose}
                <Text size="xs" c="dimmed">
                  {list.legalBasis}
                </Text>
              </Table.Td>
              <Table.Td>{list.owner}</Table.Td>
              <Table.Td>{list.members.length}</Table.Td>
              <Table.Td>
                {dateOf(list.expiresUs).getTime() > now ? dayText(dateOf(list.expiresUs)) : <Text c="red" size="sm">Expired: nobody is looked for</Text>}
              </Table.Td>
              <Table.Td>
                {list.severity === Severity.UNSPECIFIED ? "Log only" : <SeverityBadge severity={list.severity} />}
                <Text size="xs" c="dimmed">
                  {list.withoutConfirmation ? "Counts at once" : "Two people confirm"}; {(100 * list.falseAlarms).toFixed(2)} % false alarms
                </Text>
              </Table.Td>
              <Table.Td ta="right">
                <Button
                  size="compact-xs"
                  variant="subtle"
                  color="red"
                  onClick={() => void remove(list.id)}
                  aria-label={`Delete ${list.title}`}
                >
                  Delete
                </Button>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}
