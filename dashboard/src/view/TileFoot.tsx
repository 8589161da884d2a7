import { Tooltip } from "@mantine/core";

import type { Health } from "../state/health";
import { dropText } from "../words/kinds";
import style from "./TileFoot.module.css";

/** How many pictures were analysed, and what became of the others; `current` unless the server was lost since. */
export function TileFoot(props: { readonly health: Health; readonly current: boolean }) {
  const { health } = props;
  const connected = props.current ? health.connected : undefined;
  const left = health.dropped.reduce((sum, [, count]) => sum + count, 0n);
  return (
    <figcaption className={style.foot}>
      <span className={style.link} data-connected={connected ?? "unknown"}>
        {connected === undefined ? "status unknown" : connected ? "connected" : "not connected"}
      </span>
      <span>
        analysed {health.analysed.toLocaleString()} of {health.received.toLocaleString()}
      </span>
      {left > 0n && (
        <Tooltip
          multiline
          label={health.dropped.map(([reason, count]) => (
            <div key={reason}>
              {count.toLocaleString()} {dropText(reason)}
            </div>
          ))}
        >
          <span tabIndex={0} className={style.left}>
            left out {left.toLocaleString()}
            <span className={style.why}> · {health.dropped.map(([reason]) => dropText(reason)).join(", ")}</span>
          </span>
        </Tooltip>
      )}
    </figcaption>
  );
}
