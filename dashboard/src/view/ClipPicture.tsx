import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";

import { momentText, type Shot } from "../live/clipReel";
import type { Arrival } from "../live/liveFeed";
import { Painter } from "../live/painter";
import { Overlay } from "./Overlay";
import style from "./ClipPicture.module.css";

/** One picture of a clip with its boxes. */
export function ClipPicture(props: { readonly shot: Shot }) {
  const { shot } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter>(null);
  const { ref: room, width, height } = useElementSize();
  const [shown, setShown] = useState<Arrival | null>(null);

  useEffect(() => {
    if (!canvas.current) {
      return;
    }
    const own = new Painter(canvas.current, setShown);
    painter.current = own;
    return () => own.close();
  }, []);

  useEffect(() => painter.current?.put({ cloaked: shot.cloaked, at: performance.now() }), [shot]);

  return (
    <div ref={room} className={style.picture} data-e2e="clip-picture" data-painted={shown !== null}>
      <canvas ref={canvas} role="img" aria-label={`Cloaked picture, ${momentText(shot.atMs)} from the alert`} />
      {shown && width > 0 && <Overlay size={{ width, height }} objects={shown.cloaked.objects} zones={[]} rules={[]} />}
      {shown && shown.cloaked.blanked !== "" && <p>Picture withheld: {shown.cloaked.blanked}</p>}
    </div>
  );
}
