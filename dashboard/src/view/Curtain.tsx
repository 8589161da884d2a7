import { Loader, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

import { Mark } from "./Mark";
import style from "./Curtain.module.css";

/** A page with one message, before and after the console. */
export function Curtain(props: { readonly title: string; readonly busy?: boolean; readonly children?: ReactNode }) {
  return (
    <main className={style.curtain}>
      <Mark size={44} />
      <Title order={1} size="h3" mt="md">
        {props.title}
      </Title>
      {props.children && (
        <Text c="dimmed" mt="xs" role="status">
          {props.children}
        </Text>
      )}
      {props.busy && <Loader size="sm" type="dots" mt="md" aria-label="waiting" />}
    </main>
  );
}
