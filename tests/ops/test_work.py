"""Loop nests whose structure hardware descriptions rely on."""

from __future__ import annotations

from accelsim.ir import Access, Axis, LoopNest
from accelsim.ir.graph import AttrValue
from accelsim.ops.registry import all_ops
from tests.contracts.case import Case, floats


def axes(nest: LoopNest) -> dict[str, tuple[Axis, int]]:
    return {dim.name: (dim.axis, dim.size) for dim in nest.dims}


def test_conv2d_tells_pixels_channels_and_kernel_apart() -> None:
    attrs: dict[str, AttrValue] = {"groups": 2, "padding": (1, 1, 1, 1)}
    (nest,) = Case("conv2d", (floats(1, 4, 5, 6), floats(8, 2, 3, 3)), {}, attrs).nests()
    assert axes(nest) == {
        "batch": (Axis.BATCH, 1),
        "group": (Axis.BATCH, 2),
        "oh": (Axis.ROW, 5),
        "ow": (Axis.ROW, 6),
        "oc": (Axis.OUTPUT, 4),
        "ic": (Axis.REDUCE, 2),
        "kh": (Axis.REDUCE, 3),
        "kw": (Axis.REDUCE, 3),
    }


def test_conv2d_reads_no_pixel_that_its_strides_skip_and_none_of_the_padding() -> None:
    (skipping,) = Case("conv2d", (floats(1, 2, 9, 9), floats(1, 2, 1, 1)), {}, {"stride": (4, 4)}).nests()
    assert skipping.operands[0].elements == 2 * 3 * 3
    (overlapping,) = Case("conv2d", (floats(1, 2, 9, 9), floats(1, 2, 3, 3)), {}, {"stride": (2, 4)}).nests()
    assert overlapping.operands[0].elements == 2 * 9 * 6  # columns 0-2 and 4-6
    (padded,) = Case("conv2d", (floats(1, 2, 4, 4), floats(1, 2, 3, 3)), {}, {"padding": (9, 9, 9, 9)}).nests()
    assert padded.operands[0].elements == 2 * 4 * 4


def test_linear_counts_all_leading_sizes_as_rows() -> None:
    (nest,) = Case("linear", (floats(2, 3, 5), floats(4, 5)), {}).nests()
    assert axes(nest) == {"rows": (Axis.ROW, 6), "outputs": (Axis.OUTPUT, 4), "reduce": (Axis.REDUCE, 5)}
    assert nest.macs == 2 * 3 * 5 * 4


def test_the_weights_of_linear_are_shared_by_its_rows() -> None:
    (nest,) = Case("linear", (floats(2, 3, 5), floats(4, 5), floats(4)), {}).nests()
    assert {o.role: (o.dims, o.constant) for o in nest.operands} == {
        "x": (("rows", "reduce"), False),
        "w": (("outputs", "reduce"), True),
        "b": (("outputs",), True),
        "y": (("rows", "outputs"), False),
    }


def test_attention_is_two_products_with_a_softmax_between_them() -> None:
    q, k, v = floats(1, 3, 4, 5), floats(1, 3, 6, 5), floats(1, 3, 6, 7)
    nests = {n.name: n for n in Case("attention", (q, k, v), {}, {"scale": 1.0}).nests()}
    assert [(n.name, n.function, n.after) for n in nests.values()] == [
        ("scores", "mac", ()),
        ("softmax", "exp", ("scores",)),
        ("softmax_div", "div", ("softmax",)),
        ("context", "mac", ("softmax_div",)),
    ]
    assert axes(nests["scores"]) == {
        "heads": (Axis.BATCH, 3),
        "queries": (Axis.ROW, 4),
        "keys": (Axis.OUTPUT, 6),
        "reduce": (Axis.REDUCE, 5),
    }
    assert axes(nests["context"]) == {
        "heads": (Axis.BATCH, 3),
        "queries": (Axis.ROW, 4),
        "channels": (Axis.OUTPUT, 7),
        "keys": (Axis.REDUCE, 6),
    }


def test_scores_live_inside_attention_and_leave_two_statistics_a_row() -> None:
    q, k, v = floats(1, 3, 4, 5), floats(1, 3, 6, 5), floats(1, 3, 6, 7)
    nests = {n.name: n for n in Case("attention", (q, k, v), {}, {"scale": 1.0}).nests()}
    inside = [(n.name, o.role, o.elements, o.access) for n in nests.values() for o in n.operands if not o.tensor]
    assert inside == [
        ("scores", "scores", 3 * 4 * 6, Access.WRITE),
        ("softmax", "scores", 3 * 4 * 6, Access.READ),
        ("softmax", "statistics", 3 * 4 * 2, Access.WRITE),
        ("softmax_div", "statistics", 3 * 4 * 2, Access.READ),
        ("context", "scores", 3 * 4 * 6, Access.READ),
    ]


def test_layer_norm_reads_its_input_once_and_writes_its_output_once() -> None:
    nests = Case("layer_norm", (floats(2, 3, 8), floats(8), floats(8)), {}).nests()
    assert [(n.name, n.function) for n in nests] == [
        ("statistics", "mac_stat"),
        ("rsqrt", "rsqrt"),
        ("normalise", "scale"),
    ]
    touched = [(n.name, o.role, o.elements) for n in nests for o in n.operands]
    assert touched == [
        ("statistics", "x", 48),
        ("normalise", "w", 8),
        ("normalise", "b", 8),
        ("normalise", "y", 48),
    ]


def test_a_broadcast_operand_is_indexed_only_by_the_loops_it_changes_along() -> None:
    (nest,) = Case("add", (floats(2, 3, 4), floats(4)), {}).nests()
    assert {o.role: (o.dims, o.elements) for o in nest.operands} == {
        "a": (("rows", "features"), 24),
        "b": (("features",), 4),
        "y": (("rows", "features"), 24),
    }


def test_softmax_sums_along_its_axis_in_rows_of_everything_else() -> None:
    for nest in Case("softmax", (floats(2, 3, 4),), {}, {"axis": 1}).nests():
        assert {name: size for name, (_, size) in axes(nest).items()} == {"rows": 8, "features": 3}


def test_a_matrix_that_all_of_a_batch_shares_is_not_indexed_by_the_batch() -> None:
    (nest,) = Case("matmul", (floats(3, 4), floats(2, 4, 5)), {}).nests()
    assert {o.role: o.dims for o in nest.operands} == {
        "a": ("rows", "reduce"),
        "b": ("batch", "outputs", "reduce"),
        "y": ("batch", "rows", "outputs"),
    }


def test_a_slice_reads_only_what_it_keeps() -> None:
    cut: dict[str, AttrValue] = {"starts": (1,), "ends": (3,), "axes": (0,), "steps": (1,)}
    (nest,) = Case("slice", (floats(5, 4),), {}, cut).nests()
    assert [(o.role, o.elements) for o in nest.operands] == [("x", 8), ("y", 8)]


def test_layout_ops_are_those_that_only_move_elements() -> None:
    layout = {spec.name for spec in all_ops() if spec.layout}
    moved = {"tile", "reverse", "split", "depth_to_space", "space_to_depth"}
    assert layout == {"reshape", "transpose", "concat", "expand", "slice"} | moved
