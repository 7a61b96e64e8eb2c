"""The operands and loop nests of cross_task_attention."""

from __future__ import annotations

from accelsim.ir.graph import Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.attention import KEY_DIMS, MIXED_DIMS, QUERY_DIMS, VALUE_DIMS, AttentionSizes, attention_nests
from accelsim.ops.attributes import integer
from accelsim.ops.conv_geometry import IMAGE_DIMS, KERNEL_DIMS, RESULT_DIMS, Geometry
from accelsim.ops.nests import FLAT, flat_dims, inner, present, read, write
from accelsim.ops.spec import WorkInput

_OP = "cross_task_attention"
INPUTS = (
    *("target", "source", "extract_w", "extract_b", "q_w", "q_b", "k_w", "k_b", "v_w", "v_b"),
    *("project_w", "project_b", "self_w?", "self_gate_w?", "alpha?"),
)
_AT = {name.rstrip("?"): index for index, name in enumerate(INPUTS)}


def same_padding(kernel: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Padding under which a kernel [.., .., height, width] of odd sides keeps the size of the image."""
    rows, columns = kernel[2] // 2, kernel[3] // 2
    return rows, columns, rows, columns


def cross_task_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Nests in the order of the definition. Sampling and resizing only change which element is read."""
    return _CrossTask(node).nests()


class _CrossTask:
    """The sizes of one node, and its nests."""

    def __init__(self, node: WorkInput) -> None:
        self.node = node
        self.batch, _, self.height, self.width = node.tensor(0).shape
        self.step = integer(_OP, node.node.attrs, "downsample")
        self.pixels = self.height * self.width
        self.tokens = self.pixels // self.step**2

    def nests(self) -> tuple[LoopNest, ...]:
        features, q, v = (self.outputs(name) for name in ("extract_w", "q_w", "v_w"))
        target = read(self.node, 0, "target", IMAGE_DIMS, elements=self.node.tensor(0).elements // self.step**2)
        tiles = self.small("tiles" if self.step > 1 else "features", features, IMAGE_DIMS)
        pooled = ("pool",) if self.step > 1 else ("extract_relu",)
        sizes = AttentionSizes(self.batch, self.tokens, self.tokens, q, v)
        context = self.small("context", v, MIXED_DIMS, Access.WRITE)
        operands = (
            self.small("q", q, QUERY_DIMS),
            self.small("k", q, KEY_DIMS),
            self.small("v", v, VALUE_DIMS),
            context,
        )
        nests = [
            self.conv("extract", read(self.node, 1, "source", IMAGE_DIMS), self.large("features", features)),
            self.relu("extract", "features", features),
            *self.own(features),
            *self.pool(features),
            self.conv("q", target, self.small("q", q, RESULT_DIMS, Access.WRITE), small=True),
            self.relu("q", "q", q, small=True),
        ]
        for name, width in (("k", q), ("v", v)):
            result = self.small(name, width, RESULT_DIMS, Access.WRITE)
            nests.append(self.conv(name, tiles, result, small=True, after=pooled))
            nests.append(self.relu(name, name, width, small=True))
        nests += attention_nests(sizes, operands, after=("q_relu", "k_relu", "v_relu"))
        if present(self.node, _AT["alpha"]):
            dims = (Dim("rows", self.batch * self.tokens, Axis.ROW), Dim("features", v, Axis.OUTPUT))
            scaled = (self.small("context", v, FLAT), self.small("context", v, FLAT, Access.WRITE))
            alpha = read(self.node, _AT["alpha"], "alpha", ("features",))
            nests.append(LoopNest("alpha", "mul", dims, (alpha, *scaled), after=("context",)))
        return (*nests, *self.projection(nests[-1].name, v))

    def outputs(self, weight: str) -> int:
        return self.node.tensor(_AT[weight]).shape[0]

    def large(self, role: str, channels: int, dims: tuple[str, ...] = RESULT_DIMS) -> Operand:
        """A value at the resolution of the maps, written."""
        return inner(role, dims, self.batch * channels * self.pixels, Access.WRITE)

    def small(self, role: str, channels: int, dims: tuple[str, ...], access: Access = Access.READ) -> Operand:
        """A value at the resolution of the attention."""
        return inner(role, dims, self.batch * channels * self.tokens, access)

    def conv(
        self, name: str, x: Operand, y: Operand, *more: Operand, small: bool = False, after: tuple[str, ...] = ()
    ) -> LoopNest:
        """A convolution with the weights `<name>_w` and, where there is one, the bias `<name>_b`."""
        index = _AT[f"{name}_w"]
        kernel = self.node.tensor(index).shape
        step = self.step if small else 1
        result = Tensor((self.batch, kernel[0], self.height // step, self.width // step))
        operands = [x, *more, read(self.node, index, f"{name}_w", KERNEL_DIMS)]
        if f"{name}_b" in _AT:
            operands.append(read(self.node, _AT[f"{name}_b"], f"{name}_b", ("group", "oc")))
        dims = Geometry((1, 1), same_padding(kernel), (1, 1), 1).dims(kernel, result)
        return LoopNest(name, "mac", dims, (*operands, y), after=after)

    def relu(self, conv: str, role: str, channels: int, *, small: bool = False) -> LoopNest:
        """The rectifier on what the nest `conv` wrote."""
        step = self.step if small else 1
        value = Tensor((self.batch, channels, self.height // step, self.width // step))
        both = (inner(role, FLAT, value.elements), inner(role, FLAT, value.elements, Access.WRITE))
        return LoopNest(f"{conv}_relu", "relu", flat_dims(value), both, after=(conv,))

    def own(self, features: int) -> tuple[LoopNest, ...]:
        if not present(self.node, _AT["self_w"]):
            return ()
        channels = self.outputs("self_w")
        extracted = inner("features", IMAGE_DIMS, self.batch * features * self.pixels)
        elements = self.batch * channels * self.pixels
        dims = (Dim("rows", self.batch * self.pixels, Axis.ROW), Dim("features", channels, Axis.OUTPUT))
        gate, own = inner("gate", FLAT, elements), inner("own", FLAT, elements)
        return (
            self.conv("self", extracted, self.large("own", channels), after=("extract_relu",)),
            self.conv("self_gate", extracted, self.large("gate", channels), after=("extract_relu",)),
            LoopNest("self_sigmoid", "sigmoid", dims, (gate, self.large("gate", channels, FLAT)), after=("self_gate",)),
            LoopNest(
                "self_mul",
                "mul",
                dims,
                (gate, own, self.large("own", channels, FLAT)),
                after=("self", "self_sigmoid"),
            ),
        )

    def pool(self, features: int) -> tuple[LoopNest, ...]:
        if self.step == 1:
            return ()
        dims = (
            Dim("rows", self.batch * self.tokens, Axis.ROW),
            Dim("features", features, Axis.OUTPUT),
            Dim("window", self.step**2, Axis.REDUCE),
        )
        source = inner("features", ("rows", "features", "window"), self.batch * features * self.pixels)
        tiles = self.small("tiles", features, FLAT, Access.WRITE)
        return (LoopNest("pool", "compare", dims, (source, tiles), after=("extract_relu",)),)

    def projection(self, last: str, context: int) -> tuple[LoopNest, ...]:
        more: tuple[Operand, ...] = ()
        after: tuple[str, ...] = (last,)
        if present(self.node, _AT["self_w"]):
            more = (inner("own", IMAGE_DIMS, self.batch * self.outputs("self_w") * self.pixels),)
            after = (last, "self_mul")
        x = self.small("context", context, IMAGE_DIMS)
        y = write(self.node, 0, "y", RESULT_DIMS)
        result = write(self.node, 0, "y", FLAT)
        made = inner("y", FLAT, result.elements)
        return (
            self.conv("project", x, y, *more, after=after),
            LoopNest("project_relu", "relu", flat_dims(self.node.outputs[0]), (made, result), after=("project",)),
        )
