import { Shape, type Rule, type Zone } from "../gen/cortex/v1/camera_pb";
import { ObjectState, type Object$ as Seen } from "../gen/cortex/v1/detection_pb";
import { labelSpot, pointsOf, rectOf, tagSpot, type Size } from "../live/geometry";
import { kindText } from "../words/kinds";
import { tracked, trackText } from "../words/track";
import style from "./Overlay.module.css";

/** Height of a box's label and width of one letter in it, in pixels of the page. */
const TAG = { height: 14, letter: 6.1, padding: 6 };

/** Boxes, tracks, zones and lines over a picture of the given size. */
export function Overlay(props: {
  readonly size: Size;
  readonly objects: readonly Seen[];
  readonly zones: readonly Zone[];
  readonly rules: readonly Rule[];
}) {
  const { size } = props;
  return (
    <svg className={style.overlay} viewBox={`0 0 ${size.width} ${size.height}`} aria-hidden="true">
      {props.zones.map((zone) => (
        <ZoneShape key={zone.id} zone={zone} rules={props.rules} size={size} />
      ))}
      {tracked(props.objects).map((object) => (
        <ObjectBox key={String(object.track)} object={object} size={size} />
      ))}
    </svg>
  );
}

function ZoneShape(props: { readonly zone: Zone; readonly rules: readonly Rule[]; readonly size: Size }) {
  const { zone, size } = props;
  const kinds = props.rules
    .filter((rule) => !rule.deleted && rule.zone === zone.id && (rule.camera === "" || rule.camera === zone.camera))
    .map((rule) => kindText(rule.kind).toLowerCase());
  const label = [zone.name || zone.id, [...new Set(kinds)].join(", ")].filter((part) => part !== "").join(" · ");
  const spot = labelSpot(zone.points, size, label.length * TAG.letter);
  return (
    <g className={zone.shape === Shape.LINE ? style.line : style.zone}>
      {zone.shape === Shape.LINE ? (
        <polyline points={pointsOf(zone.points, size)} />
      ) : (
        <polygon points={pointsOf(zone.points, size)} />
      )}
      <text x={spot.x} y={spot.y}>
        {label}
      </text>
    </g>
  );
}

function ObjectBox(props: { readonly object: Seen; readonly size: Size }) {
  const { object, size } = props;
  const rect = rectOf(object.box, size);
  if (!rect) {
    return null;
  }
  const guessed = object.state === ObjectState.CARRIED || object.state === ObjectState.HIDDEN;
  const label = `${object.class} ${trackText(object.track)}`;
  const tag = { width: label.length * TAG.letter + TAG.padding, height: TAG.height };
  const spot = tagSpot(rect, tag, size);
  return (
    <g className={style.object} data-person={object.class === "person"} data-guessed={guessed}>
      <rect x={rect.x} y={rect.y} width={rect.width} height={rect.height} rx={2} />
      <rect className={style.tag} x={spot.x} y={spot.y} width={tag.width} height={tag.height} />
      <text x={spot.x + TAG.padding / 2} y={spot.y + TAG.height - 4}>
        {label}
      </text>
    </g>
  );
}
