import { Badge, Text, Tooltip } from "@mantine/core";

import { connectionOf, linkText, type Connection } from "../state/connection";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { dayText, timeOfDay } from "../words/time";
import { Mark } from "./Mark";
import { useNow } from "./useNow";
import style from "./Header.module.css";

/** The views of the console. */
export type Place = "live" | "people";

const PLACES: ReadonlyArray<readonly [Place, string]> = [
  ["live", "Live"],
  ["people", "People"],
];

const COLOURS: Record<Connection["state"], string> = {
  live: "teal",
  connecting: "blue",
  reconnecting: "orange",
  partly: "yellow",
};

/** Name, views, connection, deployment profile, who is signed in, time. */
export function Header(props: { readonly place: Place }) {
  const { session } = useDesk();
  const now = new Date(useNow());
  return (
    <header className={style.header}>
      <div className={style.brand}>
        <Mark size={24} />
        <Text component="h1" fw={650} size="lg" m={0}>
          Cortex
        </Text>
      </div>
      <nav className={style.nav} aria-label="Views">
        {PLACES.map(([place, text]) => (
          <a key={place} href={`#/${place}`} aria-current={props.place === place ? "page" : undefined}>
            {text}
          </a>
        ))}
      </nav>
      <div className={style.right}>
        <ConnectionBadge />
        {session.profile !== "" && (
          <Tooltip label="Deployment profile">
            <Badge variant="outline" color="gray" tt="none" fw={500}>
              {session.profile}
            </Badge>
          </Tooltip>
        )}
        <Tooltip label={session.roles.length > 0 ? `Roles: ${session.roles.join(", ")}` : "No roles"}>
          <Text size="sm" c="dimmed" className={style.subject}>
            {session.subject}
          </Text>
        </Tooltip>
        <time className={style.clock} dateTime={now.toISOString()} title={dayText(now)}>
          {timeOfDay(now)}
        </time>
      </div>
    </header>
  );
}

function ConnectionBadge() {
  const links = useStore(useDesk().links);
  const connection = connectionOf(links);
  const details = Object.entries(links).map(([name, link]) => `${name}: ${linkText(link)}`);
  return (
    <Tooltip multiline maw={420} label={details.map((line) => <div key={line}>{line}</div>)}>
      <Badge
        variant="light"
        color={COLOURS[connection.state]}
        tt="none"
        fw={600}
        leftSection={<span className={style.dot} data-state={connection.state} />}
        role="status"
        data-connection={connection.state}
      >
        {connection.text}
      </Badge>
    </Tooltip>
  );
}
