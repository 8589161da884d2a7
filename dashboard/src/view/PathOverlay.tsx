import type { Box, Point } from "../gen/cortex/v1/common_pb";
import { pointsOf, rectOf } from "../live/geometry";
import style from "./PathOverlay.module.css";

/** Units of the drawing; it is stretched over the picture. */
const UNIT = { width: 1000, height: 1000 };

/** Where the subject was, and the way its feet went, over a still. */
export function PathOverlay(props: { readonly path: readonly Point[]; readonly box: Box | undefined }) {
  const rect = rectOf(props.box, UNIT);
  const end = props.path.at(-1);
  return (
    <svg className={style.path} viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">
      {rect && <rect x={rect.x} y={rect.y} width={rect.width} height={rect.height} />}
      {props.path.length > 1 && <polyline points={pointsOf(props.path, UNIT)} />}
      {end && <path d={`M${end.x * UNIT.width} ${end.y * UNIT.height}h0`} className={style.end} />}
    </svg>
  );
}
