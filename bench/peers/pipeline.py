"""The straightforward Python pipeline that Cortex is measured against, written to be fair: each step is done by the
native library that does it best, nothing is computed twice, and Python only glues.

Decode (OpenCV), objects and faces (ONNX Runtime, the same files), tracks (ByteTrack of PyPI `trackers`), and on
request redaction of faces and faceless heads and a tile as JPEG. One thread throughout. Prints one JSON object.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "threads;1")  # read when OpenCV opens a file

import cv2
import numpy as np
import onnxruntime
import supervision
from trackers import ByteTrackTracker

OBJECT_FLOOR = 0.1  # Cortex's `detector.score_floor`
ACTIVATION = 0.6  # Cortex's `detector.activation`
FACE_SCORE = 0.35  # Cortex's `detector.face_score`
PERSON = 0
VEHICLES = (2, 3, 5, 7)  # one group in suppression, as in Cortex
TILE_WIDTH = 640


class Clock:
    """CPU seconds by step."""

    def __init__(self):
        self.start = self.last = time.process_time()
        self.steps = {}

    def mark(self, step):
        now = time.process_time()
        self.steps[step] = self.steps.get(step, 0.0) + now - self.last
        self.last = now


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def suppress(boxes, scores, classes, iou):
    """Indices that non-maximum suppression within each class keeps; `boxes` are x1, y1, x2, y2."""
    sized = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    return np.asarray(cv2.dnn.NMSBoxesBatched(sized, scores, classes, 0.0, iou), int).reshape(-1)


class Objects:
    """NanoDet-g: letterboxed, boxes and scores out."""

    def __init__(self, models, size):
        self.session = session(models / "object_nanodet_g_int8.onnx")
        self.size = size
        self.canvas = np.full((size[1], size[0], 3), 114, np.uint8)

    def __call__(self, picture, clock):
        height, width = picture.shape[:2]
        scale = min(self.size[0] / width, self.size[1] / height)
        w, h = round(width * scale), round(height * scale)
        left, top = (self.size[0] - w) // 2, (self.size[1] - h) // 2
        how = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
        self.canvas[top : top + h, left : left + w] = cv2.resize(picture, (w, h), interpolation=how)
        tensor = cv2.dnn.blobFromImage(self.canvas, swapRB=True)
        clock.mark("prepare")
        boxes, scores = self.session.run(None, {"input": tensor})
        clock.mark("objects")
        row, kind = np.nonzero(scores[0] > OBJECT_FLOOR)
        score = scores[0][row, kind]
        box = (boxes[0][row] - [left, top, left, top]) / scale
        box = np.clip(box, 0, [width, height, width, height])
        if len(box):
            kept = suppress(box, score, np.where(np.isin(kind, VEHICLES), VEHICLES[0], kind), 0.6)
            box, score, kind = box[kept], score[kept], kind[kept]
        clock.mark("decode outputs")
        return box, score, kind


class Faces:
    """CenterFace: stretched to multiples of 32, heat map and sizes at a quarter of the input out."""

    def __init__(self, models, side):
        self.session = session(models / "face_centerface.onnx")
        self.side = side

    def __call__(self, picture, clock):
        height, width = picture.shape[:2]
        scale = self.side / max(width, height)
        w, h = (max(32, int(np.ceil(length * scale / 32)) * 32) for length in (width, height))
        how = cv2.INTER_AREA if w < width else cv2.INTER_LINEAR
        tensor = cv2.dnn.blobFromImage(cv2.resize(picture, (w, h), interpolation=how), swapRB=True)
        clock.mark("prepare")
        heat, size, offset, _ = self.session.run(None, {"input": tensor})
        clock.mark("faces")
        y, x = np.nonzero(heat[0, 0] > FACE_SCORE)
        tall, wide = np.exp(size[0, :, y, x].T) * 4
        x1 = (x + offset[0, 1, y, x] + 0.5) * 4 - wide / 2
        y1 = (y + offset[0, 0, y, x] + 0.5) * 4 - tall / 2
        box = np.stack([x1, y1, x1 + wide, y1 + tall], 1) / [w / width, h / height, w / width, h / height]
        if len(box):
            box = box[suppress(box, heat[0, 0, y, x], np.zeros(len(box), int), 0.3)]
        clock.mark("decode outputs")
        return box


def redact(picture, box, grow):
    """Mosaic of at most 6 cells a width over the box, grown about its centre."""
    height, width = picture.shape[:2]
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * grow
    x1, y1 = np.maximum(centre - half, 0).astype(int)
    x2, y2 = np.minimum(centre + half + 1, [width, height]).astype(int)
    if x2 > x1 and y2 > y1:
        part = picture[y1:y2, x1:x2]
        cells = (6, max(1, round(6 * (y2 - y1) / (x2 - x1))))
        small = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
        picture[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)


def redact_people(picture, faces, tracks):
    """Every face; of every person without a face the head part: the upper quarter of the box."""
    for face in faces:
        redact(picture, face, 1.3)
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    for x1, y1, x2, y2 in tracks.xyxy[tracks.class_id == PERSON]:
        inside = (centres > [x1, y1]).all(1) & (centres < [x2, (y1 + y2) / 2]).all(1)
        if not inside.any():
            redact(picture, np.array([x1, y1, x2, y1 + (y2 - y1) / 4]), 1.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", required=True)
    parser.add_argument("--frames", type=int, default=0, help="0 is all")
    parser.add_argument("--every", type=int, default=1, help="the models look at every n-th frame")
    parser.add_argument("--models", type=Path, default=Path("models/files"))
    parser.add_argument("--object-size", default="640x384")
    parser.add_argument("--face-side", type=int, default=640)
    parser.add_argument("--redact", action="store_true")
    parser.add_argument("--jpeg", action="store_true")
    options = parser.parse_args()

    cv2.setNumThreads(1)
    objects = Objects(options.models, tuple(map(int, options.object_size.split("x"))))
    faces = Faces(options.models, options.face_side)
    clip = cv2.VideoCapture(options.clip, cv2.CAP_FFMPEG)
    rate = clip.get(cv2.CAP_PROP_FPS) or 25.0
    tracker = ByteTrackTracker(lost_track_buffer=30, frame_rate=rate, track_activation_threshold=ACTIVATION)
    clock = Clock()
    frames = seen = jpeg_bytes = read_frames = 0
    while not options.frames or frames < options.frames:
        read, picture = clip.read()
        if not read:
            break
        clock.mark("decode")
        read_frames += 1
        if (read_frames - 1) % options.every:
            continue
        boxes, scores, classes = objects(picture, clock)
        found = faces(picture, clock)
        tracks = tracker.update(supervision.Detections(boxes.astype(np.float32), confidence=scores, class_id=classes))
        clock.mark("track")
        if options.redact:
            redact_people(picture, found, tracks)
            clock.mark("redact")
        if options.jpeg:
            tile = (TILE_WIDTH, round(TILE_WIDTH * picture.shape[0] / picture.shape[1]))
            small = cv2.resize(picture, tile, interpolation=cv2.INTER_AREA)
            jpeg_bytes += len(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])[1])
            clock.mark("jpeg")
        frames += 1
        seen += len(boxes)
    cpu = time.process_time() - clock.start
    steps = {step: round(1000 * cost / max(frames, 1), 3) for step, cost in clock.steps.items()}
    print(json.dumps({
        "frames": frames,
        "cpu_seconds": round(cpu, 3),
        "cpu_ms_per_frame": round(1000 * cpu / max(frames, 1), 3),
        "breakdown": steps,
        "detections": seen,
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "jpeg_bytes": jpeg_bytes,
    }))


if __name__ == "__main__":
    main()
