import { Badge } from "@mantine/core";

import type { Severity } from "../gen/cortex/v1/common_pb";
import { severityLook } from "../words/severity";

/** A severity as a word on its colour. */
export function SeverityBadge(props: { readonly severity: Severity }) {
  const look = severityLook(props.severity);
  return (
    <Badge size="sm" radius="sm" variant="filled" color={look.colour} title={look.means} tt="none">
      {look.text}
    </Badge>
  );
}
