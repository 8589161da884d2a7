"""Writes what the reference says of a picture: people, faces, embeddings. Usage: golden.py PICTURE MODELS OUT.json"""
import json
import sys

import numpy as np
import pp

picture, models, out = sys.argv[1:4]
image = pp.rgb(picture)
objects = pp.BoxesScores(f"{models}/object_nanodet_g.onnx", size=(640, 384))
boxes, scores, classes = objects(image, thr=0.35)
faces = pp.CenterFace(f"{models}/face_centerface.onnx", max_side=512)
places, confidences, landmarks = faces(image, thr=0.5)
session = pp.session(f"{models}/face_dlib_resnet_128_int8.onnx")
embeddings = []
for points in landmarks:
    chip = pp.align(image, points, pp.DLIB150, 150)
    one, mirrored = (session.run(None, {"input": pp.chw(c)})[0][0] for c in (chip, chip[:, ::-1]))
    total = one + mirrored
    embeddings.append((total / np.linalg.norm(total)).round(6).tolist())
json.dump({
    "objects": [{"class": int(c), "score": round(float(s), 5), "box": b.round(3).tolist()} for b, s, c in zip(boxes, scores, classes)],
    "faces": [{"score": round(float(s), 5), "box": b.round(3).tolist(), "landmarks": p.round(3).tolist(), "embedding": e}
              for b, s, p, e in zip(places, confidences, landmarks, embeddings)],
}, open(out, "w"), indent=1)
