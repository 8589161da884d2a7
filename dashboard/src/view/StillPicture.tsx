import { type ReactNode, useEffect, useRef, useState } from "react";

import type { FrameId } from "../gen/cortex/v1/common_pb";
import { frameKey } from "../live/stillShelf";
import { useDesk } from "../state/desk";
import style from "./StillPicture.module.css";

type Phase = { readonly name: "waiting" } | { readonly name: "none" } | { readonly name: "here"; readonly url: string };

/** The cloaked still of a frame, fetched when it comes into sight; `children` are laid over it. */
export function StillPicture(props: { readonly frame: FrameId | undefined; readonly alt: string; readonly children?: ReactNode }) {
  const { stills } = useDesk();
  const holder = useRef<HTMLDivElement>(null);
  const [phase, setPhase] = useState<Phase>({ name: "waiting" });
  const frame = useRef(props.frame);
  frame.current = props.frame;
  const key = props.frame ? frameKey(props.frame) : "";

  useEffect(() => {
    const wanted = frame.current;
    if (!wanted || !holder.current) {
      setPhase({ name: "none" });
      return;
    }
    setPhase({ name: "waiting" });
    const stop = new AbortController();
    let url = "";
    const sight = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        sight.disconnect();
        void stills.fetch(wanted, stop.signal).then((blob) => {
          if (!stop.signal.aborted) {
            url = blob ? URL.createObjectURL(blob) : "";
            setPhase(blob ? { name: "here", url } : { name: "none" });
          }
        });
      }
    });
    sight.observe(holder.current);
    return () => {
      sight.disconnect();
      stop.abort();
      URL.revokeObjectURL(url);
    };
  }, [stills, key]);

  return (
    <div ref={holder} className={style.still} data-phase={phase.name}>
      {phase.name === "here" ? <img src={phase.url} alt={props.alt} /> : <span>{phase.name === "none" ? "no picture" : ""}</span>}
      {phase.name === "here" && props.children}
    </div>
  );
}
