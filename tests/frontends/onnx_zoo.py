"""A small model of everything that is not a plain operator: branches, functions, computed sizes, several outputs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper

from tests.frontends.onnx_models import Model


def _twice() -> onnx.FunctionProto:
    """Leaky ReLU with an attribute of the caller, added to itself."""
    inner = helper.make_node("LeakyRelu", ["a"], ["b"], name="leaky")
    reference = AttributeProto()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "slope", AttributeProto.FLOAT
    inner.attribute.append(reference)
    outer = helper.make_node("Add", ["b", "b"], ["c"], name="sum")
    return helper.make_function(
        "own", "Twice", ["a"], ["c"], [inner, outer], [helper.make_opsetid("", 18)], attributes=["slope"]
    )


def _branch(name: str, kind: str, x: str) -> onnx.GraphProto:
    nodes = [helper.make_node(kind, [x, x], [f"{name}_out"], name=name)]
    made = helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [1, 2, 4, 4])
    return helper.make_graph(nodes, name, [], [made])


def zoo() -> onnx.ModelProto:
    m = Model()
    m.functions.append(_twice())
    m.scope = "/body"
    name = f"/body/Twice_{len(m.nodes)}"
    m.nodes.append(helper.make_node("Twice", ["x"], ["twice"], name=name, domain="own", slope=0.25))
    rank = m.add("Size", [m.add("Shape", ["twice"])])
    four = m.add("Equal", [rank, m.weight("four", np.int64(4))])
    x = m.add("If", [four], then_branch=_branch("then", "Mul", "twice"), else_branch=_branch("else", "Add", "twice"))
    turned = m.add(
        "Slice", [x, m.ints("starts", -1, 0), m.ints("ends", -100, 4), m.ints("axes", 2, 3), m.ints("steps", -2, 1)]
    )
    back = m.add("Resize", [turned, "", "", m.ints("sizes", 1, 2, 4, 4)], mode="nearest", nearest_mode="floor")
    padded = m.add("Pad", [back, m.ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)], mode="reflect")
    conv = m.add("Conv", [padded, m.normal("w", 2, 1, 3, 3)], group=2, auto_pad="VALID")
    m.nodes.append(helper.make_node("Split", [conv], ["left", "right"], name="/body/Split", axis=1, num_outputs=2))
    joined = m.add("Concat", ["right", "left"], axis=1)
    capped = m.add("Clip", [joined, "", m.weight("six", np.float32(6))])
    small = m.add("Where", [m.add("Greater", [capped, m.weight("zero", np.float32(0))]), capped, x])
    flat = m.add("Reshape", [small, m.add("Concat", [m.ints("one", 1), m.ints("open", -1)], axis=0)])
    k = m.add("Min", [m.ints("three", 3), m.add("Shape", [flat], start=1)])
    top = m.add("TopK", [flat, k], outputs=2)
    return m.finish({"x": [1, 2, 4, 4]}, {"y": small, "k": top}, opset=18)
