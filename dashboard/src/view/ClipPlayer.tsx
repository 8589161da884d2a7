import { ActionIcon, Button, Slider } from "@mantine/core";
import { type ReactNode, useState } from "react";

import type { FrameId } from "../gen/cortex/v1/common_pb";
import { fetchFile, fileName, momentText, type Reel, shotAt } from "../live/clipReel";
import { useDesk } from "../state/desk";
import { failureText, type Failure } from "../words/failure";
import { ClipPicture } from "./ClipPicture";
import { Notice } from "./Notice";
import { useClip, type ClipPhase } from "./useClip";
import { usePlay } from "./usePlay";
import style from "./ClipPlayer.module.css";

/** One press of an arrow key, in milliseconds: about a picture. */
const STEP_MS = 200;

/** Plays the seconds before and after an alert; until then the alert's own picture, `children`, is seen. */
export function ClipPlayer(props: {
  readonly frame: FrameId | undefined;
  readonly timeUs: bigint;
  /** Somebody looks at it. */
  readonly begun: () => void;
  readonly children: ReactNode;
}) {
  const phase = useClip(props.frame);
  const reel = phase.name === "here" ? phase.reel : null;
  const play = usePlay(reel);
  const shot = reel && play.atMs !== null ? shotAt(reel, play.atMs) : undefined;
  return (
    <section className={style.player} aria-label="Clip" data-e2e="clip" data-phase={phase.name}>
      {shot ? <ClipPicture shot={shot} /> : props.children}
      {reel && (
        <div className={style.controls}>
          <ActionIcon
            variant="default"
            size="md"
            onClick={() => {
              props.begun();
              play.toggle();
            }}
            aria-label={play.playing ? "Pause the clip" : "Play the clip"}
          >
            <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">
              <path d={play.playing ? "M2 1h3v10H2zM7 1h3v10H7z" : "M2 1l9 5-9 5z"} />
            </svg>
          </ActionIcon>
          <Slider
            className={style.time}
            size="sm"
            min={reel.fromMs}
            max={reel.untilMs}
            step={STEP_MS}
            precision={0}
            value={play.atMs ?? Math.max(0, reel.fromMs)}
            onChange={(atMs) => {
              props.begun();
              play.seek(atMs);
            }}
            label={momentText}
            marks={reel.fromMs < 0 ? [{ value: 0 }] : []}
            thumbLabel="Moment of the clip, from the alert"
            thumbValueText={momentText}
          />
          <span className={style.moment}>{momentText(play.atMs ?? 0)}</span>
          {props.frame && <Save frame={props.frame} timeUs={props.timeUs} />}
        </div>
      )}
      <p className={style.words} role="status">
        {wordsOf(phase, reel)}
      </p>
      <Notice failure={phase.name === "failed" ? phase.failure : null} />
    </section>
  );
}

function wordsOf(phase: ClipPhase, reel: Reel | null): string {
  switch (phase.name) {
    case "waiting":
      return "Looking for the clip";
    case "none":
      return "No clip was kept of this alert";
    default:
      return reel?.recording ? "The clip is still being recorded" : "";
  }
}

/** Saves the clip as a file that players play. */
function Save(props: { readonly frame: FrameId; readonly timeUs: bigint }) {
  const { live } = useDesk().clients;
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const save = async (): Promise<void> => {
    setBusy(true);
    setFailure(null);
    try {
      const url = URL.createObjectURL(await fetchFile(live, props.frame));
      const link = document.createElement("a");
      link.href = url;
      link.download = fileName(props.frame.camera, props.timeUs);
      link.click();
      URL.revokeObjectURL(url);
    } catch (error) {
      setFailure(failureText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button variant="default" size="xs" loading={busy} onClick={() => void save()}>
        Save as file
      </Button>
      <Notice failure={failure} />
    </>
  );
}
