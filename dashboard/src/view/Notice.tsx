import { Alert } from "@mantine/core";

import type { Failure } from "../words/failure";
import style from "./Notice.module.css";

/** What did not work, in words; read out at once. Nothing when all is well. */
export function Notice(props: { readonly failure: Failure | null }) {
  if (!props.failure) {
    return null;
  }
  return (
    <Alert className={style.notice} variant="default" title={props.failure.title} role="alert">
      {props.failure.text}
    </Alert>
  );
}
