"""Formats of zeros and policies of mixed kernels that cannot be meant are errors of the file."""

from __future__ import annotations

import re
from typing import Any

import pytest

from accelsim.hw.document import ConfigError
from accelsim.hw.load import load_hardware


def sourced(**values: Any) -> dict[str, Any]:
    return {k: {"value": v, "sourced": "test"} if not isinstance(v, str) else v for k, v in values.items()}


TWO_FOUR = {"kind": "n-m", **sourced(keep=2, of=4)}
CSC = {"kind": "unstructured", "index": "absolute"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"units.array.sparse": {"u": CSC}}, "cannot skip 'unstructured' weights; it can skip compacted, n-m, block"),
        ({"units.vector.sparse": {"tf": TWO_FOUR}}, "no unit of its kind skips weights"),
        ({"units.array.sparse": {"tf": {**TWO_FOUR, **sourced(keep=5)}}}, "5 of 4 cannot be kept"),
        ({"units.array.sparse": {"tf": {"kind": "n:m"}}}, "n-m"),
        ({"schedule.kernels": {"mixed": "on-chip"}}, "needs 'memory'"),
        ({"schedule.kernels": {"mixed": "on-chip", "memory": "weight"}}, "did you mean 'weights'"),
        ({"schedule.kernels": {"mixed": "outputs", "memory": "weights"}}, "has no effect"),
        ({"schedule.kernels": {"mixed": "outputs", "static": "weights"}}, "has no effect"),
        ({"schedule.kernels": {"mixed": "host"}}, "'host' needs a unit of kind 'host'"),
        ({"schedule.kernels": {"static": "ddr"}}, "'ddr' is not a buffer"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_hardware("systolic-16", changes)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({**CSC, "index": "relative"}, "needs 'index_bits'"),
        ({**CSC, "index": "bitmap", **sourced(index_bits=4)}, "4"),
    ],
)
def test_an_index_is_given_as_its_kind_needs_it(form: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_hardware("edge-moe-zcu102", {"units.linear.sparse": {"u": form}})


def test_a_design_may_skip_what_its_arrays_can() -> None:
    hardware = load_hardware("systolic-32-two-four")
    form = hardware.units["array"].sparse["two-four"]
    assert (form.kind, form.keep.value, form.of.value, form.index_bits) == ("n-m", 2, 4, 2)  # type: ignore[union-attr]
