import type { CameraStatus, Status } from "../gen/cortex/v1/camera_pb";

/** How a camera is, from what all stages say of it. */
export interface Health {
  /** Pictures arrive; unknown before any stage has spoken. */
  readonly connected: boolean | undefined;
  /** What went wrong last; empty when all is well. */
  readonly error: string;
  /** Pictures taken in since the start. */
  readonly received: bigint;
  /** Pictures analysed since the start. */
  readonly analysed: bigint;
  /** What was left out since the start, most first. */
  readonly dropped: ReadonlyArray<readonly [reason: string, count: bigint]>;
  /** Age of a picture when the last stage was done with it, in milliseconds; 0 when unknown. */
  readonly ageMs: number;
}

/** Sums up the stages: taken in is ingest's count, analysed the detector's, left out all of theirs. */
export function healthOf(status: CameraStatus | undefined): Health {
  const stages = status?.stages ?? [];
  const ingest = stages.find((stage) => stage.stage === "ingest");
  const detector = stages.find((stage) => stage.stage === "detector");
  return {
    connected: ingest ? ingest.connected : stages.length > 0 ? stages.some((stage) => stage.connected) : undefined,
    error: stages.find((stage) => stage.error !== "")?.error ?? "",
    received: ingest?.received ?? greatest(stages, (stage) => stage.received),
    analysed: detector?.analysed ?? greatest(stages, (stage) => stage.analysed),
    dropped: droppedBy(stages),
    ageMs: stages.reduce((age, stage) => Math.max(age, stage.ageMs), 0),
  };
}

function greatest(stages: readonly Status[], count: (stage: Status) => bigint): bigint {
  return stages.reduce((most, stage) => (count(stage) > most ? count(stage) : most), 0n);
}

function droppedBy(stages: readonly Status[]): Array<[string, bigint]> {
  const sums = new Map<string, bigint>();
  for (const { reason, count } of stages.flatMap((stage) => stage.dropped)) {
    sums.set(reason, (sums.get(reason) ?? 0n) + count);
  }
  return [...sums].filter(([, count]) => count > 0n).sort((a, b) => (a[1] > b[1] ? -1 : 1));
}
