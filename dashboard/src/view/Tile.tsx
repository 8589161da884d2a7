import { Tooltip, UnstyledButton } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";

import type { CameraStatus } from "../gen/cortex/v1/camera_pb";
import { fitInto } from "../live/geometry";
import type { Arrival } from "../live/liveFeed";
import { Painter } from "../live/painter";
import { healthOf, type Health } from "../state/health";
import { useDesk } from "../state/desk";
import { useStore } from "../state/store";
import { spanText } from "../words/time";
import { Overlay } from "./Overlay";
import { TileFoot } from "./TileFoot";
import { useNow } from "./useNow";
import style from "./Tile.module.css";

/** A picture older than this, in milliseconds, is not called live. */
const LATE_MS = 3_000;
/** A picture older than this is dimmed. */
const STALE_MS = 10_000;

/** One camera's picture, what was seen in it, and how old it is. */
export function Tile(props: {
  readonly id: string;
  readonly status: CameraStatus | undefined;
  readonly boxes: boolean;
  readonly zones: boolean;
  readonly large: boolean;
  readonly canGrow: boolean;
  readonly toggle: () => void;
}) {
  const desk = useDesk();
  const plan = useStore(desk.plan);
  const links = useStore(desk.links);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { ref: room, width, height } = useElementSize();
  const [shown, setShown] = useState<Arrival | null>(null);
  useNow();

  useEffect(() => {
    if (!canvas.current) {
      return;
    }
    const painter = new Painter(canvas.current, setShown);
    const detach = desk.live.attach(props.id, (arrival) => painter.put(arrival));
    return () => {
      detach();
      painter.close();
    };
  }, [desk, props.id]);

  const health = healthOf(props.status);
  const age = shown ? Math.max(performance.now() - shown.at, 0) + health.ageMs : undefined;
  const name = props.status?.camera?.name || props.id;
  const picture = shown?.cloaked;
  const size = fitInto({ width: picture?.width || 16, height: picture?.height || 9 }, { width, height });
  const zones = plan.zones.filter((zone) => zone.camera === props.id && !zone.deleted);
  const notice = noticeOf(health, age, picture?.blanked ?? "");
  return (
    <figure className={style.tile} data-e2e="tile" data-painted={shown !== null} aria-label={`Camera ${name}`}>
      <div className={style.room} ref={room}>
        <div className={style.stage} style={{ width: size.width, height: size.height }} data-stale={notice !== null}>
          <canvas ref={canvas} className={style.canvas} role="img" aria-label={`Cloaked live picture of ${name}`} />
          {picture && size.width > 0 && (
            <Overlay
              size={size}
              objects={props.boxes ? picture.objects : []}
              zones={props.zones ? zones : []}
              rules={plan.rules}
            />
          )}
        </div>
        {notice && <p className={style.notice}>{notice}</p>}
        <div className={style.top}>
          <span className={style.name}>{name}</span>
          <Age age={age} />
          {props.canGrow && (
            <Tooltip label={props.large ? "Show all cameras" : "Show only this camera"}>
              <UnstyledButton
                className={style.grow}
                onClick={props.toggle}
                aria-pressed={props.large}
                aria-label={props.large ? "Show all cameras" : `Show only ${name}`}
              >
                <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.5">
                  <path d={props.large ? "M5.5 1v4.5H1M8.5 13V8.5H13" : "M8.5 1H13v4.5M5.5 13H1V8.5"} />
                </svg>
              </UnstyledButton>
            </Tooltip>
          )}
        </div>
      </div>
      <TileFoot health={health} current={links.cameras.state === "live"} />
    </figure>
  );
}

function Age(props: { readonly age: number | undefined }) {
  if (props.age === undefined) {
    return <span className={style.age}>no picture yet</span>;
  }
  const late = props.age > LATE_MS;
  return (
    <span className={style.age} data-late={late} title="Time through the stages and since the picture reached this page">
      {late ? `last picture ${spanText(props.age)} ago` : `live · ${spanText(props.age)}`}
    </span>
  );
}

function noticeOf(health: Health, age: number | undefined, blanked: string): string | null {
  if (health.error !== "") {
    return health.error;
  }
  if (health.connected === false) {
    return "The camera is not connected";
  }
  if (age !== undefined && age > STALE_MS) {
    return `No new picture for ${spanText(age)}`;
  }
  if (blanked !== "") {
    return `Picture withheld: ${blanked}`;
  }
  return age === undefined ? "Waiting for the first picture" : null;
}
