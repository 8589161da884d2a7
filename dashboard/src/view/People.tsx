import { Text } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";

import { verdict } from "../api/follow";
import type { Person, Watchlist } from "../gen/cortex/v1/recognition_pb";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { EnrolForm } from "./EnrolForm";
import { Notice } from "./Notice";
import { PersonTable } from "./PersonTable";
import { WatchlistForm } from "./WatchlistForm";
import { WatchlistTable } from "./WatchlistTable";
import style from "./People.module.css";

/** The people that may be recognised, and the lists that say who is looked for and why. */
export function People() {
  const desk = useDesk();
  const [people, setPeople] = useState<readonly Person[]>([]);
  const [lists, setLists] = useState<readonly Watchlist[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);

  const refresh = useCallback(async (): Promise<void> => {
    try {
      const [enrolled, looked] = await Promise.all([desk.clients.identities.list({}), desk.clients.watchlists.list({})]);
      setPeople(enrolled.people);
      setLists(looked.watchlists);
      setFailure(null);
    } catch (error) {
      if (verdict(error) === "signed-out") {
        desk.signedOut();
      }
      setFailure(failureText(error));
    }
  }, [desk]);

  useEffect(() => void refresh(), [refresh]);

  return (
    <div className={style.people}>
      <div className={style.forms}>
        <EnrolForm lists={lists} enrolled={() => void refresh()} />
        <WatchlistForm changed={() => void refresh()} />
      </div>
      <div className={style.list}>
        <Notice failure={failure} />
        <section aria-label="People enrolled">
          <Text component="h2" size="sm" fw={600} mb="xs">
            Enrolled <span className={style.count}>{people.length}</span>
          </Text>
          {!failure && <PersonTable people={people} lists={lists} changed={() => void refresh()} />}
        </section>
        <section aria-label="Watch-lists">
          <Text component="h2" size="sm" fw={600} mb="xs" mt="lg">
            Watch-lists <span className={style.count}>{lists.length}</span>
          </Text>
          {!failure && <WatchlistTable lists={lists} changed={() => void refresh()} />}
        </section>
      </div>
    </div>
  );
}
