import type { Moment } from "../gen/cortex/v1/alert_pb";
import { kindText } from "../words/kinds";
import { clockText } from "../words/time";
import facts from "./Facts.module.css";
import { SeverityBadge } from "./SeverityBadge";
import style from "./Timeline.module.css";

/** What happened in an incident, oldest first; `count` says how many anomalies there were. */
export function Timeline(props: { readonly moments: readonly Moment[]; readonly count: number }) {
  const now = new Date();
  const left = props.count - props.moments.length;
  return (
    <section data-e2e="timeline">
      <h3 className={facts.title}>Time line</h3>
      <ol className={style.line}>
        {props.moments.map((moment, place) => (
          <li key={moment.anomaly}>
            <time>{clockText(moment.timeUs, now)}</time>
            <SeverityBadge severity={moment.severity} />
            <span>
              <strong>{kindText(moment.kind)}</strong> {moment.why}
              <small>
                {moment.camera}, rule {moment.rule}
                {place === 0 && left > 0 && `; ${left} more before the next`}
              </small>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
