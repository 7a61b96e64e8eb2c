"""A convolution with pixel differences is a plain one with other weights."""

from __future__ import annotations

from accelsim.ir.frozen import FrozenMap
from accelsim.ir.graph import Graph, Node
from accelsim.ops.attributes import real
from accelsim.ops.conv_geometry import Geometry
from accelsim.ops.pixel_difference import folded_kernel
from accelsim.passes.constants import Constants, each_node

_OP = "pixel_difference_conv2d"


def fold_pixel_difference(graph: Graph) -> Graph:
    """Each pixel_difference_conv2d with constant weights becomes a conv2d: no operation, no parameter more than that.

    The weight under the centre takes up theta times the sum of its kernel. Fold before quantising: the centre's
    range grows. Results differ by rounding alone.
    """

    def change(constants: Constants, node: Node) -> Node | None:
        if node.op != _OP or not constants.known(node.inputs[1]):
            return None
        name = node.inputs[1]
        w = folded_kernel(constants.value(name), real(_OP, node.attrs, "theta"))
        inputs = (node.inputs[0], constants.add(f"{name}.folded", w, constants.kind(name)), *node.inputs[2:])
        attrs = FrozenMap(Geometry.of(_OP, node.attrs).attrs)
        return Node(node.name, "conv2d", inputs, node.outputs, attrs, node.module, node.accumulator, node.origins)

    return each_node(graph, change, after="fold_pixel_difference")
