"""Says how much a rebuilt model differs from the one that ships, where their digests do.

    compare.py BUILT SHIPPED

Calibration runs the network, and another processor adds in another order: scales of 8-bit models then differ by less
than a thousandth. Anything more is an error.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper

NEAR = 1e-3

built, shipped = (onnx.load(path) for path in sys.argv[1:3])
weights = [{one.name: numpy_helper.to_array(one) for one in model.graph.initializer} for model in (built, shipped)]
nodes = [[node.SerializeToString() for node in model.graph.node] for model in (built, shipped)]
if nodes[0] != nodes[1] or {k: v.shape for k, v in weights[0].items()} != {k: v.shape for k, v in weights[1].items()}:
    sys.exit("another network")
furthest = 0.0
for name, one in weights[0].items():
    other = weights[1][name].astype(np.float64)
    largest = np.abs(other).max(initial=1e-30)
    furthest = max(furthest, np.abs(one.astype(np.float64) - other).max(initial=0.0) / largest)
print(f"numbers differ by {furthest:.1e} of a tensor's largest")
sys.exit(0 if furthest < NEAR else "that is too much")
