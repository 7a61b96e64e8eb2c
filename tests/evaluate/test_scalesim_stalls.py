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


def test_the_peer_is_split_into_what_it_waits_for() -> None:
    for case in CASES:
        theirs = case.theirs()
        parts = asdict(theirs)
        assert min(count for name, count in parts.items() if name != "counted_twice") >= 0, case.name
        once = traffic(case.asked, case.layer.columns, case.buffers, twice=False)
        assert (theirs.ifmap, theirs.filter, theirs.ofmap) == once.waited
        assert sum(once.waited) + theirs.counted_twice == case.peer.stalls


def test_ours_is_split_so_that_it_sums_and_nothing_is_less_than_nothing() -> None:
    for case in CASES:
        ours = case.ours()  # which raises where its causes do not sum to its cycles
        assert not isinstance(ours, Ours) or min(asdict(ours).values()) >= 0, case.name


def test_ours_keeps_the_bounds_of_array_and_ports_on_every_row() -> None:
    fitting = 0
    for case in CASES:
        ours = case.ours()
        if not isinstance(ours, Ours):
            continue
        fitting += 1
        layer, (ifmap, weights, results) = case.layer, case.asked
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
    layer = _layer(sizes, dataflow)
    found = traffic(demands(sizes, layer), layer.columns, ROOMY)
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


def test_counting_waits_twice_changes_most_rows_and_may_even_shorten_a_layer() -> None:
    twice = [case.theirs().counted_twice for case in CASES]
    assert sum(extra > 0 for extra in twice) > 20
    sizes = Convolution(12, 126, 1, 126, 1, 12, 1)
    layer = Layer(*product_of(sizes), 4, 16, "weight-stationary")
    buffers = Buffers(Buffer(2048, 8), Buffer(1024, 8), Buffer(1024, 2))
    assert Case("shorter", sizes, layer, buffers).theirs().counted_twice == -24


def test_twice_the_bandwidth_makes_ours_no_slower_than_the_search_is_exact() -> None:
    for case in CASES:
        faster = replace(case, buffers=Buffers(*(Buffer(words, 2 * (rate or 1)) for words, rate in case.buffers)))
        before, after = case.ours(), faster.ours()
        if isinstance(before, Ours) and isinstance(after, Ours):
            cycles = [case.fold_cycles + ours.stalls + ours.ends for ours in (before, after)]
            assert cycles[1] <= 1.01 * cycles[0], case.name


def test_ports_of_any_width_are_taken() -> None:
    wide = replace(CASES[0], buffers=Buffers(*(Buffer(words, 10**9) for words, _ in CASES[0].buffers)))
    assert isinstance(wide.ours(), Ours)
    assert wide.peer.stalls == 0


def test_without_bandwidths_the_peer_never_waits() -> None:
    for case in cases_of(PUBLISHED):
        if not case.has_bandwidths:
            assert case.peer.waited == (0, 0, 0), case.name


def test_a_port_without_a_bandwidth_has_no_design() -> None:
    sizes = Convolution(4, 4, 1, 1, 4, 4, 1)
    layer = _layer(sizes, "weight-stationary")
    open_ended = Case("open", sizes, layer, ROOMY._replace(filter=Buffer(1024, None)))
    with pytest.raises(ValueError, match="open: no bandwidth is given for its filter"):
        open_ended.hardware()
    with pytest.raises(ValueError, match="all ports have a bandwidth, or none"):
        traffic(open_ended.asked, layer.columns, open_ended.buffers)
