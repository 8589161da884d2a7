import { Text } from "@mantine/core";
import { useCallback, useEffect, useState } from "react";

import { verdict } from "../api/follow";
import type { Person } from "../gen/cortex/v1/services_pb";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { EnrolForm } from "./EnrolForm";
import { Notice } from "./Notice";
import { PersonTable } from "./PersonTable";
import style from "./People.module.css";

/** The people that may be recognised: enrol, look, forget. */
export function People() {
  const desk = useDesk();
  const [people, setPeople] = useState<readonly Person[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);

  const refresh = useCallback(async (): Promise<void> => {
    try {
      setPeople((await desk.clients.identities.list({})).people);
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
      <EnrolForm enrolled={() => void refresh()} />
      <section className={style.list} aria-label="People enrolled">
        <Text component="h2" size="sm" fw={600} mb="xs">
          Enrolled <span className={style.count}>{people.length}</span>
        </Text>
        <Notice failure={failure} />
        {!failure && <PersonTable people={people} changed={() => void refresh()} />}
      </section>
    </div>
  );
}
