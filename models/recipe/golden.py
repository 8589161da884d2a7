"""What the reference says of a picture: objects by both variants, faces with embeddings, and the pose of the first person.

golden.py PICTURE MODELS OUT.json
"""

import json
import sys

import numpy as np

import pp

PERSON = 0

picture, models, out = sys.argv[1:4]
image = pp.rgb(picture)


def objects(name):
    boxes, scores, classes = pp.BoxesScores(f"{models}/{name}.onnx", size=(640, 384))(image, thr=0.35)
    return [
        {"class": int(kind), "score": round(float(score), 5), "box": box.round(3).tolist()}
        for box, score, kind in zip(boxes, scores, classes)
    ]


def embedding(points):
    chip = pp.align(image, points, pp.DLIB150, 150)
    one, mirrored = (embedder.run(None, {"input": pp.chw(view)})[0][0] for view in (chip, chip[:, ::-1]))
    total = one + mirrored
    return (total / np.linalg.norm(total)).round(6).tolist()


embedder = pp.session(f"{models}/face_dlib_resnet_128_int8.onnx")
faces = pp.CenterFace(f"{models}/face_centerface.onnx", max_side=512)
people = objects("object_nanodet_g")
person = next(one["box"] for one in people if one["class"] == PERSON)
pose = pp.MoveNetSingle(f"{models}/pose_movenet_lightning_192.onnx")(image, person)
golden = {
    "objects": people,
    "objects_int8": objects("object_nanodet_g_int8"),
    "faces": [
        {
            "score": round(float(score), 5),
            "box": box.round(3).tolist(),
            "landmarks": points.round(3).tolist(),
            "embedding": embedding(points),
        }
        for box, score, points in zip(*faces(image, thr=0.5))
    ],
    "pose": {"box": person, "keypoints": pose.astype(float).round(3).tolist()},
}
with open(out, "w") as file:
    json.dump(golden, file, indent=1)
    file.write("\n")
