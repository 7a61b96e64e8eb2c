"""Where bandwidth is limited: the peer's buffers, and why a design of ours waits otherwise."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from accelsim.errors import DoesNotFitError
from accelsim.evaluate.scalesim.layer import Convolution, Layer, product_of
from accelsim.evaluate.scalesim.rows import PUBLISHED, cases_of
from accelsim.evaluate.scalesim.stalls import Case, Ours
from accelsim.evaluate.scalesim.traffic import Buffer, Buffers, demands, traffic
from accelsim.mapping.dataflows.folds import Dataflow
from tests.evaluate.scalesim_page import page

CASES = [case for case in cases_of(PUBLISHED) if case.has_bandwidths]
DATAFLOWS: tuple[Dataflow, ...] = ("output-stationary", "weight-stationary", "input-stationary")
ROOMY = Buffers(Buffer(2**20, 4), Buffer(2**20, 4), Buffer(2**20, 4))


def _layer(sizes: Convolution, dataflow: Dataflow, rows: int = 4, columns: int = 3) -> Layer:
    return Layer(*product_of(sizes), rows, columns, dataflow)


def test_the_page_is_made_from_the_rows_that_ship() -> None:
    assert Path("docs/scalesim.md").read_text(encoding="utf-8") == page()


def test_every_split_sums_to_the_time_from_the_first_word_to_the_last() -> None:
    for case in CASES:
        theirs, ours = case.theirs(), case.ours()
        waits = theirs.counted_twice + theirs.ifmap + theirs.filter + theirs.ofmap
        assert waits == case.peer.stalls
        assert case.fold_cycles + waits + theirs.ends == case.peer.cycles + 1
        assert min(asdict(theirs).values()) >= 0, case.name
        if isinstance(ours, Ours):
            assert min(asdict(ours).values()) >= 0, case.name


def test_ours_keeps_the_bounds_of_array_and_ports_on_every_row() -> None:
    fitting = 0
    for case in CASES:
        ours = case.ours()
        if not isinstance(ours, Ours):
            continue
        fitting += 1
        layer, (ifmap, weights, results) = case.layer, demands(case.convolution, case.layer)
        cycles = case.fold_cycles + ours.stalls + ours.ends
        assert cycles >= layer.m * layer.n * layer.k / (layer.rows * layer.columns)
        sizes = (len(set(ifmap.addresses)), len(set(weights.addresses)), layer.m * layer.n)
        for size, buffer in zip(sizes, case.buffers, strict=True):
            assert cycles >= size / (buffer.rate or math.inf), case.name
        assert ours.words_read >= sizes[0] + sizes[1]
        assert ours.words_written >= layer.m * layer.n
        assert results.sum() >= layer.m * layer.n
    assert fitting == 72


def test_a_layer_of_which_no_tile_fits_says_what_would_help() -> None:
    errors = [error for case in CASES if isinstance(error := case.ours(), DoesNotFitError)]
    assert len(errors) == len(CASES) - 72
    assert all("would help" in str(error) for error in errors)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_buffers_that_hold_everything_never_make_the_peer_wait(dataflow: Dataflow) -> None:
    sizes = Convolution(9, 8, 3, 2, 5, 7, 2)
    found = traffic(sizes, _layer(sizes, dataflow), ROOMY)
    assert found.waited == (0, 0, 0)
    assert found.moved[2] >= math.prod(product_of(sizes)[:2])


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_every_word_of_both_operands_is_asked_for_and_fetched(dataflow: Dataflow) -> None:
    sizes = Convolution(9, 8, 3, 2, 5, 7, 2)
    layer = _layer(sizes, dataflow)
    ifmap, weights, results = demands(sizes, layer)
    for demand in (ifmap, weights):
        assert set(demand.addresses) == set(demand.fetched) - {-1}
        assert demand.starts[-1] == len(demand.addresses)
        assert len(demand.starts) == len(results) + 1
    assert set(weights.addresses) == set(range(layer.n * layer.k))
    row_folds = 1 if dataflow == "output-stationary" else -(-layer.k // layer.rows)
    assert results.sum() == layer.m * layer.n * row_folds


def test_waits_counted_once_are_never_longer() -> None:
    doubled = 0
    for case in CASES:
        once = traffic(case.convolution, case.layer, case.buffers, twice=False)
        assert once.stalls <= case.peer.stalls
        doubled += once.stalls < case.peer.stalls
    assert doubled > 20


def test_twice_the_bandwidth_never_makes_ours_slower() -> None:
    for case in CASES[::4]:
        faster = replace(case, buffers=Buffers(*(Buffer(words, 2 * (rate or 1)) for words, rate in case.buffers)))
        before, after = case.ours(), faster.ours()
        if isinstance(before, Ours) and isinstance(after, Ours):
            assert after.stalls + after.ends <= 1.01 * (before.stalls + before.ends + case.fold_cycles)


def test_a_port_without_a_bandwidth_has_no_design() -> None:
    sizes = Convolution(4, 4, 1, 1, 4, 4, 1)
    layer = _layer(sizes, "weight-stationary")
    open_ended = Case("open", sizes, layer, ROOMY._replace(filter=Buffer(1024, None)), as_product=False)
    with pytest.raises(ValueError, match="open: no bandwidth is given for its filter"):
        open_ended.hardware()
    with pytest.raises(ValueError, match="all ports have a bandwidth, or none"):
        traffic(sizes, layer, open_ended.buffers)
