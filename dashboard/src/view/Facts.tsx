import style from "./Facts.module.css";

/** A label and what it says; left out when that is empty. */
export type Fact = readonly [label: string, text: string];

/** A titled list of facts. */
export function Facts(props: { readonly title: string; readonly facts: readonly Fact[]; readonly mono?: boolean }) {
  return (
    <section>
      <h3 className={style.title}>{props.title}</h3>
      <dl className={style.facts} data-mono={props.mono}>
        {props.facts
          .filter(([, text]) => text !== "")
          .map(([label, text]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{text}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
