"""Scores tracks with the reference scorers `trackeval` and `motmetrics`, for the test that holds `cortex eval tracks`
against them. Also draws what is scored: people who cross, hide and are lost, and a tracker that misses, doubles and
swaps them, with a fixed seed.

    python scores.py FOLDER     writes truth.txt, detections.ndjson and expected.json
"""

import json
import random
import sys
from pathlib import Path

import motmetrics
import numpy as np
from trackeval.datasets import MotChallenge2DBox
from trackeval.metrics import CLEAR, HOTA, Identity

FRAMES, PEOPLE = 60, 8
SIZES = {"width": 768, "height": 576}


def draw(random):
    """True boxes (frame, id, left, top, width, height, class), and found ones (frame, id, box)."""
    truth, found, ids, new = [], [], list(range(1, PEOPLE + 1)), PEOPLE
    starts = [(random.uniform(0, 700), random.uniform(50, 400)) for _ in ids]
    speeds = [(random.uniform(-6, 6), random.uniform(-2, 2)) for _ in ids]
    for frame in range(1, FRAMES + 1):
        if frame % 17 == 0:
            one, other = random.sample(range(PEOPLE), 2)
            ids[one], ids[other] = ids[other], ids[one]
        for person in range(PEOPLE):
            if not person * 3 < frame < FRAMES - person:
                continue
            left, top = (starts[person][axis] + speeds[person][axis] * frame for axis in (0, 1))
            width, height = 30 + 3 * person, 80 + 5 * person
            # The last one is a reflection: neither a hit nor an error.
            kind = 12 if person == PEOPLE - 1 else 1
            truth.append((frame, person + 1, round(left, 2), round(top, 2), width, height, kind))
            if random.random() < 0.12:
                if random.random() < 0.2:
                    new += 1
                    ids[person] = new
                continue
            shift = [random.gauss(0, 4) for _ in range(4)]
            box = [left + shift[0], top + shift[1], left + width + shift[2], top + height + shift[3]]
            found.append((frame, ids[person], [round(side, 2) for side in box]))
        if random.random() < 0.1:
            x, y = random.uniform(0, 700), random.uniform(0, 400)
            found.append((frame, 900 + frame, [round(side, 2) for side in (x, y, x + 40, y + 90)]))
    return truth, found


def trackeval(truth, found):
    """What `trackeval` says, with the preparation of the MOTChallenge."""
    dataset = MotChallenge2DBox.__new__(MotChallenge2DBox)
    dataset.benchmark, dataset.do_preproc = "MOT17", True
    dataset.class_name_to_class_id = {
        "pedestrian": 1, "person_on_vehicle": 2, "car": 3, "bicycle": 4, "motorbike": 5, "non_mot_vehicle": 6,
        "static_person": 7, "distractor": 8, "occluder": 9, "occluder_on_ground": 10, "occluder_full": 11,
        "reflection": 12, "crowd": 13,
    }
    dataset.valid_class_numbers = list(dataset.class_name_to_class_id.values())
    raw = {"seq": "drawn", "num_timesteps": FRAMES}
    for key in ("gt_ids", "gt_dets", "gt_classes", "gt_extras", "tracker_ids", "tracker_dets", "tracker_classes",
                "tracker_confidences", "similarity_scores"):
        raw[key] = []
    for frame in range(1, FRAMES + 1):
        rows = [row for row in truth if row[0] == frame]
        answers = [row for row in found if row[0] == frame]
        boxes = np.array([row[2:6] for row in rows], float).reshape(-1, 4)
        sides = np.array([row[2] for row in answers], float).reshape(-1, 4)
        sides = np.hstack([sides[:, :2], sides[:, 2:] - sides[:, :2]])
        raw["gt_ids"].append(np.array([row[1] for row in rows], int))
        raw["gt_dets"].append(boxes)
        raw["gt_classes"].append(np.array([row[6] for row in rows], int))
        raw["gt_extras"].append({"zero_marked": np.ones(len(rows))})
        raw["tracker_ids"].append(np.array([row[1] for row in answers], int))
        raw["tracker_dets"].append(sides)
        raw["tracker_classes"].append(np.ones(len(answers), int))
        raw["tracker_confidences"].append(np.ones(len(answers)))
        raw["similarity_scores"].append(dataset._calculate_similarities(boxes, sides))
    data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
    quiet = {"PRINT_CONFIG": False}
    clear, identity, hota = (metric.eval_sequence(data) for metric in (CLEAR(quiet), Identity(quiet), HOTA()))
    scores = {
        "mota": clear["MOTA"], "idf1": identity["IDF1"], "hota": hota["HOTA"].mean(), "det_a": hota["DetA"].mean(),
        "ass_a": hota["AssA"].mean(), "precision": clear["CLR_Pr"], "recall": clear["CLR_Re"],
        "false_boxes": int(clear["CLR_FP"]), "missed_boxes": int(clear["CLR_FN"]),
        "id_switches": int(clear["IDSW"]), "frames": FRAMES, "truth_boxes": data["num_gt_dets"],
        "truth_tracks": data["num_gt_ids"], "found_tracks": data["num_tracker_ids"],
    }
    return scores, data


def mot_metrics(data):
    """What `motmetrics` says of the same boxes."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame in range(FRAMES):
        distance = 1 - data["similarity_scores"][frame]
        distance[distance > 0.5] = np.nan
        accumulator.update(data["gt_ids"][frame], data["tracker_ids"][frame], distance)
    names = ["mota", "idf1", "num_switches"]
    summary = motmetrics.metrics.create().compute(accumulator, metrics=names)
    mota, idf1, switches = (summary[name].iloc[0] for name in names)
    return {"mota": float(mota), "idf1": float(idf1), "id_switches": int(switches)}


def main(folder):
    truth, found = draw(random.Random(20))
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{frame},{id},{left},{top},{width},{height},1,{kind},1" for frame, id, left, top, width, height, kind in truth]
    (folder / "truth.txt").write_text("\n".join(rows) + "\n")
    lines = [
        {"camera": "drawn", "frame": frame - 1, "track": id, "state": "detected", "class": "person", "box": box}
        for frame, id, box in found
    ]
    (folder / "detections.ndjson").write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    scores, data = trackeval(truth, found)
    expected = {"trackeval": scores, "motmetrics": mot_metrics(data)}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
