import { VisuallyHidden } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

import { isOpen } from "../state/alertBook";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { severityLook } from "../words/severity";

/** Tells a screen reader of alerts that come while the page is open. */
export function Announcer() {
  const book = useStore(useDesk().alerts);
  const since = useRef(BigInt(Date.now()) * 1000n);
  const [text, setText] = useState("");

  useEffect(() => {
    const newest = book.find((alert) => alert.writtenUs > since.current && isOpen(alert));
    if (newest) {
      since.current = newest.writtenUs;
      setText(`${severityLook(newest.severity).text} alert on ${newest.camera}: ${newest.why}`);
    }
  }, [book]);

  return (
    <VisuallyHidden role="status" aria-live="polite">
      {text}
    </VisuallyHidden>
  );
}
