import type { Measure } from "../gen/cortex/v1/detection_pb";
import { measureText } from "../words/measure";
import facts from "./Facts.module.css";
import style from "./Measures.module.css";

/** What was measured, each value as a bar against its threshold, which stands in the middle. */
export function Measures(props: { readonly measures: readonly Measure[] }) {
  return (
    <section>
      <h3 className={facts.title}>Measured against the threshold</h3>
      {props.measures.map((measure) => {
        const text = measureText(measure);
        return (
          <div key={measure.name} className={style.measure}>
            <span>{text.label}</span>
            <span className={style.bar} aria-hidden="true">
              <span style={{ width: `${text.ratio * 50}%` }} />
            </span>
            <span className={style.value}>
              <strong>{text.value}</strong> of {text.threshold}
            </span>
          </div>
        );
      })}
    </section>
  );
}
