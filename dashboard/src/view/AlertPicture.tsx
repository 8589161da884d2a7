import { Button } from "@mantine/core";
import { useState } from "react";

import type { Alert } from "../gen/cortex/v1/alert_pb";
import type { Anomaly } from "../gen/cortex/v1/detection_pb";
import { ClipPlayer } from "./ClipPlayer";
import { PathOverlay } from "./PathOverlay";
import { StillPicture } from "./StillPicture";

/** The picture and the clip of an alert's latest anomaly; of the one that is being looked at, once its clip is played. */
export function AlertPicture(props: { readonly alert: Alert }) {
  const { why, lastUs, latest } = props.alert;
  const [held, hold] = useState<Anomaly | undefined>();
  const anomaly = held ?? latest;
  return (
    <>
      <ClipPlayer
        key={anomaly?.id}
        frame={anomaly?.frame}
        timeUs={anomaly?.timeUs ?? lastUs}
        begun={() => hold(anomaly)}
      >
        <StillPicture frame={anomaly?.frame} alt={`Cloaked picture: ${why}`}>
          {anomaly && <PathOverlay path={anomaly.path} box={anomaly.box} />}
        </StillPicture>
      </ClipPlayer>
      {held && held.id !== latest?.id && (
        <Button variant="default" size="xs" onClick={() => hold(undefined)}>
          It happened again: show the latest
        </Button>
      )}
    </>
  );
}
