"""A network of a few nodes for tests, with the inputs and outputs of an RT-DETR that has its post-processor inside.

    tiny.py OUT.onnx

It answers one box for each picture: as large as it is told the picture is, its score the picture's mean brightness,
its class the number of pictures in the call.
"""

import sys

import onnx
from onnx import TensorProto, helper


def constant(name, kind, shape, values):
    return helper.make_tensor(name, kind, shape, values)


nodes = [
    helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
    helper.make_node("Div", ["mean", "white"], ["share"]),
    helper.make_node("Unsqueeze", ["share", "one"], ["scores"]),
    helper.make_node("Shape", ["input"], ["pictures"], start=0, end=1),
    helper.make_node("Concat", ["pictures", "one"], ["column"], axis=0),
    helper.make_node("Expand", ["pictures", "column"], ["labels"]),
    helper.make_node("Cast", ["orig_target_sizes"], ["corner"], to=TensorProto.FLOAT),
    helper.make_node("Sub", ["corner", "corner"], ["origin"]),
    helper.make_node("Concat", ["origin", "corner"], ["box"], axis=1),
    helper.make_node("Unsqueeze", ["box", "one"], ["boxes"]),
]
graph = helper.make_graph(
    nodes,
    "tiny",
    [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32]),
        helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, ["N", 2]),
    ],
    [
        helper.make_tensor_value_info("labels", TensorProto.INT64, ["N", 1]),
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["N", 1, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1]),
    ],
    [constant("white", TensorProto.FLOAT, [], [255.0]), constant("one", TensorProto.INT64, [1], [1])],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
onnx.checker.check_model(model, full_check=True)
onnx.save(model, sys.argv[1])
