"""What every registered op keeps: shapes, counts of work, footprints, attributes, errors, expansions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from accelsim.errors import InternalError
from accelsim.ir import Access
from accelsim.ops import BUILT_IN
from accelsim.ops.build import GraphBuilder
from accelsim.ops.registry import all_ops, op_spec
from accelsim.ops.spec import REQUIRED, OpSpec, ShapeError
from tests.contracts.case import Case, type_of
from tests.contracts.interpret import interpret
from tests.contracts.op_cases import CASES
from tests.contracts.wrong_cases import WRONG, Wrong

each_op = pytest.mark.parametrize("spec", all_ops(), ids=lambda spec: spec.name)
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_op
def test_every_op_has_sample_cases_and_wrong_cases(spec: OpSpec) -> None:
    assert any(case.op == spec.name for case in CASES)
    assert any(wrong.op == spec.name for wrong in WRONG)


def test_the_built_in_list_is_the_registry_and_holds_each_op_once() -> None:
    names = [spec.name for spec in BUILT_IN]
    assert sorted(names) == [spec.name for spec in all_ops()]
    assert len(set(names)) == len(names)


@each_case
def test_inferred_types_are_those_of_the_reference(case: Case) -> None:
    assert case.inferred() == tuple(type_of(array) for array in case.reference())


@each_case
def test_a_reference_gives_finite_arrays_and_the_same_ones_again(case: Case) -> None:
    for first, second in zip(case.reference(), case.reference(), strict=True):
        assert np.all(np.isfinite(first))
        np.testing.assert_array_equal(first, second)


@each_case
def test_points_of_the_nests_are_the_operations_counted_by_hand(case: Case) -> None:
    counted: Counter[str] = Counter()
    for nest in case.nests():
        counted[nest.function] += nest.points
    assert dict(counted) == dict(case.points)


@each_op
def test_no_op_costs_nothing(spec: OpSpec) -> None:
    for case in (case for case in CASES if case.op == spec.name):
        assert sum(nest.points for nest in case.nests()) > 0
        assert all(nest.points > 0 for nest in case.nests())


@each_case
def test_operands_touch_some_elements_and_no_more_than_their_tensor_has(case: Case) -> None:
    work = case.work_input()
    tensors = {
        **{name: t for name, t in zip(work.node.inputs, work.inputs, strict=True) if t is not None},
        **dict(zip(work.node.outputs, work.outputs, strict=True)),
    }
    for nest in case.nests():
        for operand in nest.operands:
            assert operand.elements > 0, (nest.name, operand)
            if operand.tensor:
                assert operand.elements <= tensors[operand.tensor].elements, (nest.name, operand)


@each_case
def test_nests_name_loops_operands_and_predecessors_that_exist(case: Case) -> None:
    work = case.work_input()
    known = {*work.node.inputs, *work.node.outputs, ""}
    before: set[str] = set()
    for nest in case.nests():
        loops = [dim.name for dim in nest.dims]
        assert len(set(loops)) == len(loops), nest.name
        assert nest.name not in before
        assert before.issuperset(nest.after)
        for operand in nest.operands:
            assert set(operand.dims) <= set(loops), (nest.name, operand)
            assert operand.tensor in known
            assert operand.constant == (operand.tensor in work.constants)
        before.add(nest.name)


_MADE_BY_POLICIES = {"dynamic_conv2d": {"blend"}}


@each_op
def test_the_parts_of_an_op_are_the_names_of_its_nests(spec: OpSpec) -> None:
    nests = {nest.name.split(".", 1)[-1] for case in CASES if case.op == spec.name for nest in case.nests()}
    assert nests | _MADE_BY_POLICIES.get(spec.name, set()) == set(spec.parts)


@each_case
def test_every_operand_of_the_op_is_read_or_written_by_some_nest_under_its_own_name(case: Case) -> None:
    node = case.work_input().node
    operands = [operand for nest in case.nests() for operand in nest.operands]
    for index, name in enumerate(node.inputs):
        roles = {o.role for o in operands if o.tensor == name and o.access is Access.READ}
        assert not name or roles == {case.spec.input_name(index)}
    for index, name in enumerate(node.outputs):
        roles = {o.role for o in operands if o.tensor == name and o.access is not Access.READ}
        assert roles == {case.spec.output_name(index)}


@each_case
def test_layout_ops_move_elements_and_others_compute(case: Case) -> None:
    assert case.spec.layout == (set(case.points) == {"copy"})


@each_op
def test_an_unknown_attribute_is_refused_with_the_nearest_known_one(spec: OpSpec) -> None:
    with pytest.raises(InternalError, match=f"{spec.name} has no attribute 'flavour'"):
        spec.bind("sample", {"flavour": 1})


@each_op
def test_a_required_attribute_left_out_is_named(spec: OpSpec) -> None:
    needed = [key for key, default in spec.attrs.items() if default is REQUIRED]
    if not needed:
        assert set(spec.bind("sample", {})) == set(spec.attrs)
        return
    with pytest.raises(InternalError, match=f"{spec.name} needs attribute '{needed[0]}'"):
        spec.bind("sample", {})


@each_case
def test_binding_gives_every_attribute_a_value(case: Case) -> None:
    assert set(case.bound) == set(case.spec.attrs)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_operands_that_do_not_fit_are_named_with_op_and_sizes(wrong: Wrong) -> None:
    spec = op_spec(wrong.op)
    with pytest.raises(ShapeError) as caught:
        spec.infer(wrong.types, spec.bind("sample", wrong.attrs))
    text = str(caught.value)
    assert text.startswith(f"{wrong.op}: ")
    assert all(word in text for word in wrong.words), text


@each_case
def test_a_missing_operand_and_one_too_many_are_refused(case: Case) -> None:
    with pytest.raises(ShapeError, match=f"^{case.op}: "):
        case.spec.infer((), case.bound)
    with pytest.raises(ShapeError, match=f"^{case.op}: "):
        case.spec.infer((None, *case.types[1:]), case.bound)
    if not case.spec.inputs[-1].endswith("*"):
        spare = (type_of(np.zeros(1, np.float32)),) * len(case.spec.inputs)
        with pytest.raises(ShapeError, match=f"^{case.op}: takes "):
            case.spec.infer((*case.types, *spare), case.bound)


def _expanded(case: Case, form: str) -> tuple[tuple[str, ...], GraphBuilder]:
    builder = GraphBuilder("expansion")
    builder.prefix, builder.module = "block.moe.", "block"
    names = tuple(
        builder.add_input(f"in{i}", type_of(array)) if array is not None else "" for i, array in enumerate(case.arrays)
    )
    return case.spec.expansions[form](builder, names, case.bound), builder


EXPANDED = [(case, form) for case in CASES for form in case.spec.expansions]


@pytest.mark.parametrize(("case", "form"), EXPANDED, ids=[f"{case}-{form}" for case, form in EXPANDED])
def test_an_expansion_equals_the_reference(case: Case, form: str) -> None:
    outputs, builder = _expanded(case, form)
    graph = builder.finish(outputs)
    inputs = {f"in{i}": array for i, array in enumerate(case.arrays) if array is not None}
    made = interpret(graph, inputs)
    for name, expected, tensor in zip(outputs, case.reference(), case.inferred(), strict=True):
        assert graph.tensors[name] == tensor
        np.testing.assert_allclose(made[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("case", "form"), EXPANDED, ids=[f"{case}-{form}" for case, form in EXPANDED])
def test_an_expansion_is_made_of_other_ops_under_the_names_of_its_caller(case: Case, form: str) -> None:
    _, builder = _expanded(case, form)
    assert not any(op_spec(node.op).expansions for node in builder.nodes)
    assert all(node.name.startswith("block.moe.") and node.module == "block" for node in builder.nodes)
    assert all(name.startswith("block.moe.") for name in builder.parameters)
