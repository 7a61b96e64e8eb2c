"""The loop nests of moe: routing, then the products of each expert that a token takes, in ascending order."""

from __future__ import annotations

import math

from accelsim.errors import InputError
from accelsim.ir.activity import Routing
from accelsim.ir.nest import Access, Axis, Dim, LoopNest, Operand
from accelsim.ops.attributes import choice, integer
from accelsim.ops.nests import FEATURES, FLAT, ROWS, present, read, write
from accelsim.ops.spec import MissingActivityError, WorkInput

_W2, _B2, _FORCED, _POSITIONS, _GATE_B = range(4, 9)
_PRODUCT_X = (ROWS, "reduce")
_PRODUCT_W = ("outputs", "reduce")
_PRODUCT_Y = (ROWS, "outputs")


def moe_work(node: WorkInput) -> tuple[LoopNest, ...]:
    """Nests of the gate, then `expert{e}.*` for every expert with a queue.

    Raises MissingActivityError without a routing, InputError with one that does not fit the node.
    """
    routing = _routing(node)
    nests = list(_gate_nests(node, routing))
    for expert, queue in enumerate(routing.queues):
        if queue:
            nests.extend(_expert_nests(node, expert, queue))
    return tuple(nests)


def _routing(node: WorkInput) -> Routing:
    routing = node.routing
    if routing is None:
        raise MissingActivityError(
            f"node '{node.node.name}': the work of moe depends on which experts the tokens take; "
            "give an activity (recorded by a run, read from a file, or assumed)"
        )
    tokens, top_k = math.prod(node.tensor(0).shape[:-1]), integer("moe", node.node.attrs, "top_k")
    experts = node.tensor(1).shape[0]
    if (routing.tokens, routing.top_k, routing.experts) != (tokens, top_k, experts):
        raise InputError(
            f"node '{node.node.name}': the routing is for {routing.tokens} tokens, top-{routing.top_k} of "
            f"{routing.experts} experts; the node has {tokens} tokens, top-{top_k} of {experts}"
        )
    return routing


def _gate_nests(node: WorkInput, routing: Routing) -> tuple[LoopNest, ...]:
    """Logits, powers, the choice, one division a kept gate, and the zeroed result that experts add to."""
    experts, width = node.tensor(1).shape
    rows = Dim(ROWS, routing.tokens, Axis.ROW)
    outputs = Dim("outputs", experts, Axis.OUTPUT)

    def inside(role: str, access: Access) -> Operand:
        return Operand(role, "", _PRODUCT_Y, routing.tokens * experts, access)

    product = (
        read(node, 0, "x", _PRODUCT_X),
        read(node, 1, "gate_w", _PRODUCT_W),
        *((read(node, _GATE_B, "gate_b", ("outputs",)),) if present(node, _GATE_B) else ()),
        inside("logits", Access.WRITE),
    )
    chosen = (read(node, _FORCED, "forced_ids", (ROWS,)),) if present(node, _FORCED) else ()
    kept = (rows, Dim("outputs", routing.top_k, Axis.OUTPUT))
    return (
        LoopNest("gate", "mac", (rows, outputs, Dim("reduce", width, Axis.REDUCE)), product),
        LoopNest(
            "gate_softmax",
            "exp",
            (rows, outputs),
            (inside("logits", Access.READ), inside("powers", Access.WRITE)),
            after=("gate",),
        ),
        LoopNest(
            "top_k",
            "compare",
            (rows, outputs),
            (inside("powers", Access.READ), *chosen, write(node, 1, "ids", (ROWS,))),
            after=("gate_softmax",),
        ),
        LoopNest("gate_div", "div", kept, (write(node, 2, "gates", _PRODUCT_Y),), after=("top_k",)),
        LoopNest(
            "zero",
            "fill",
            (rows, Dim("outputs", node.outputs[0].shape[-1], Axis.OUTPUT)),
            (write(node, 0, "y", _PRODUCT_Y),),
        ),
    )


def _expert_nests(node: WorkInput, expert: int, queue: int) -> tuple[LoopNest, ...]:
    """fc1, activation, fc2 and the product with the gate, for the tokens in one queue; of one layer no activation and
    no fc2.

    The last product carries the read-add-write of y; `combine` is the multiplication that comes before the addition.
    """
    experts, hidden = node.tensor(3).shape
    width, outputs = node.tensor(0).shape[-1], node.outputs[0].shape[-1]
    rows = Dim(ROWS, queue, Axis.ROW, data_dependent=True)
    touched = min(queue, math.prod(node.tensor(0).shape[:-1]))  # forced ids may name an expert twice for a token
    name = f"expert{expert}"

    def own(index: int, role: str, dims: tuple[str, ...]) -> Operand:
        return read(node, index, role, dims, elements=node.tensor(index).elements // experts)

    def inner(access: Access, dims: tuple[str, ...]) -> Operand:
        return Operand("hidden", "", dims, queue * hidden, access)

    def product(layer: int, size: tuple[int, int], operands: tuple[Operand, ...], after: tuple[str, ...]) -> LoopNest:
        dims = (rows, Dim("outputs", size[0], Axis.OUTPUT), Dim("reduce", size[1], Axis.REDUCE))
        return LoopNest(f"{name}.fc{layer}", "mac", dims, operands, after=after, expert=expert)

    added = write(node, 0, "y", _PRODUCT_Y, access=Access.ACCUMULATE, elements=touched * outputs, indirect=True)
    first = (
        read(node, 0, "x", _PRODUCT_X, elements=touched * width, indirect=True),
        own(2, "w1", _PRODUCT_W),
        *((read(node, _POSITIONS, "positions", _PRODUCT_W),) if present(node, _POSITIONS) else ()),
        own(3, "b1", ("outputs",)),
    )
    if not present(node, _W2):
        layers: tuple[LoopNest, ...] = (product(1, (hidden, width), (*first, added), ("top_k", "zero")),)
    else:
        activation = choice("moe", node.node.attrs, "activation", ("gelu", "relu"))
        second = (inner(Access.READ, _PRODUCT_X), own(_W2, "w2", _PRODUCT_W), own(_B2, "b2", ("outputs",)), added)
        layers = (
            product(1, (hidden, width), (*first, inner(Access.WRITE, _PRODUCT_Y)), ("top_k",)),
            LoopNest(
                f"{name}.{activation}",
                activation,
                (rows, Dim(FEATURES, hidden, Axis.OUTPUT)),
                (inner(Access.READ, FLAT), inner(Access.WRITE, FLAT)),
                after=(f"{name}.fc1",),
                expert=expert,
            ),
            product(2, (outputs, hidden), second, (f"{name}.{activation}", "zero")),
        )
    combine = LoopNest(
        f"{name}.combine",
        "mul",
        (rows, Dim(FEATURES, outputs, Axis.OUTPUT)),
        (Operand("gates", node.node.outputs[2], (ROWS,), queue, Access.READ, indirect=True),),
        after=(layers[-1].name, "gate_div"),
        expert=expert,
    )
    return (*layers, combine)
