"""Timelines small enough to work out by hand: every service as (server, start, end), and every cause."""

from __future__ import annotations

from tests.sim.worlds import DRAM, booked, run_tiny

TWO_TILES = {"inner": 2, "compute": 10, "read": {0: 3}}


def test_double_buffering_loads_the_second_tile_while_the_first_computes() -> None:
    timeline, log = run_tiny(TWO_TILES | {"depth": 2})
    assert log == [(0, 0, 3), (0, 3, 6)]
    assert timeline.total == 23
    assert booked(timeline) == {"fill_drain": 3, "compute": 20}


def test_a_single_buffer_loads_the_second_tile_after_the_first_is_used() -> None:
    timeline, log = run_tiny(TWO_TILES | {"depth": 1})
    assert log == [(0, 0, 3), (0, 13, 16)]
    assert timeline.total == 26
    assert booked(timeline) == {"fill_drain": 3, "input_wait": 3, "compute": 20}


def test_stream_latency_delays_the_first_tile_of_a_row_only() -> None:
    timeline, log = run_tiny(TWO_TILES | {"depth": 2, "stream_latency": 7})
    assert log == [(0, 7, 10), (0, 10, 13)]
    assert timeline.total == 30


def test_serial_overhead_fill_and_flush_have_their_causes() -> None:
    row = {"outer": 2, "inner": 2, "tail": 1, "compute": 10, "flush": 4, "fill": 6, "serial": 5, "cause": 5}
    timeline, log = run_tiny(row, {"inner": 1, "compute": 3, "cause": 7})
    assert log == []
    assert booked(timeline) == {"serial": 5, "vector": 5 * 10 + 3 * 4, "fill_drain": 6}
    assert booked(timeline, 1) == {"host": 3}
    assert timeline.start.tolist() == [0, 73]
    assert timeline.end.tolist() == [73, 76]
    assert (timeline.compute_start[0], timeline.compute_end[0]) == (5, 67)


WEIGHTS = {"outer": 2, "inner": 2, "compute": 10, "held": {0: 15}, "latency": 5}


def test_two_slots_load_the_next_weights_while_these_are_used() -> None:
    timeline, log = run_tiny(WEIGHTS | {"group": 1, "slots": 2})
    assert log == [(0, 0, 15), (0, 20, 35)]
    assert timeline.total == 60
    assert booked(timeline) == {"weight_load": 20, "compute": 40}
    assert (timeline.held_start[0], timeline.held_end[0]) == (0, 40)


def test_one_slot_loads_the_next_weights_after_these_are_used() -> None:
    timeline, log = run_tiny(WEIGHTS | {"group": 1, "slots": 1})
    assert log == [(0, 0, 15), (0, 40, 55)]
    assert timeline.total == 80
    assert booked(timeline) == {"weight_load": 40, "compute": 40}


def test_without_a_group_the_next_weights_wait_for_the_stores_as_well() -> None:
    timeline, log = run_tiny(WEIGHTS | {"depth": 2, "write": {1: 12}})
    # tiles end at 30 and 40, their stores at 42 and 54; weights 54..69, done at 74
    assert log == [(0, 0, 15), (1, 30, 42), (1, 42, 54), (0, 54, 69), (1, 84, 96), (1, 96, 108)]
    assert booked(timeline) == {"weight_load": 20 + 34, "compute": 40, "fill_drain": 14}


def test_weights_of_a_later_row_are_loaded_across_the_row_between() -> None:
    linear = {"inner": 2, "compute": 10, "held": {0: 35}, "group": 1, "slots": 2}
    timeline, log = run_tiny(linear, {"inner": 1, "compute": 8}, linear)
    assert log == [(0, 0, 35), (0, 35, 70)]
    assert timeline.start.tolist() == [0, 55, 63]
    assert timeline.held_start.tolist() == [0, -1, 35]
    assert booked(timeline, 2) == {"weight_load": 7, "compute": 20}


def test_one_slot_loads_across_the_row_between_once_the_buffer_is_free() -> None:
    linear = {"inner": 2, "compute": 10, "held": {0: 35}, "group": 1, "slots": 1}
    timeline, log = run_tiny(linear, {"inner": 1, "compute": 8}, linear)
    assert log == [(0, 0, 35), (0, 55, 90)]
    assert booked(timeline, 2) == {"weight_load": 27, "compute": 20}


def test_a_group_is_not_loaded_before_its_first_row() -> None:
    timeline, log = run_tiny({"inner": 1, "compute": 8}, WEIGHTS | {"outer": 1, "group": 1, "slots": 2, "serial": 2})
    assert log == [(0, 10, 25)]
    assert booked(timeline, 1) == {"serial": 2, "weight_load": 20, "compute": 20}


def test_a_prefetch_shares_the_dram_with_the_tiles_that_run() -> None:
    timeline, log = run_tiny(
        {"outer": 2, "inner": 4, "compute": 10, "depth": 2, "group": 1, "slots": 2}
        | {"read": {0: (2, 2)}, "held": {2: (8, 9)}},
        memory=(0, 0, 0, 0),
    )
    first = [(2, 0, 8), (DRAM, 0, 9), (0, 0, 2), (DRAM, 9, 11)]
    # The second weights are issued at 11: their port at once, their claim of 9 as 3 + 2 + 2 + 2 beside tiles.
    beside = [
        (2, 11, 19), (DRAM, 11, 14),
        (0, 2, 4), (DRAM, 14, 16), (DRAM, 16, 18),
        (0, 21, 23), (DRAM, 21, 23), (DRAM, 23, 25),
        (0, 31, 33), (DRAM, 31, 33), (DRAM, 33, 35),
    ]  # fmt: skip
    after = [(0, t, t + 2) for t in (41, 51, 61, 71)]
    assert log[:15] == first + beside
    assert [service for service in log[15:] if service[0] == 0] == after
    assert timeline.held_end[0] == 35
    assert booked(timeline) == {"fill_drain": 11, "compute": 80}


def test_slow_stores_hold_up_the_tile_that_needs_their_buffer() -> None:
    timeline, log = run_tiny({"inner": 4, "compute": 10, "depth": 2, "write": {1: 15}})
    assert log == [(1, 10, 25), (1, 25, 40), (1, 40, 55), (1, 55, 70)]
    assert booked(timeline) == {"compute": 40, "output_wait": 10, "fill_drain": 20}


def test_slow_stores_of_an_iteration_hold_up_the_iteration_that_needs_their_buffer() -> None:
    timeline, log = run_tiny({"outer": 3, "inner": 1, "compute": 10, "depth": 2, "store": {1: 25}})
    assert log == [(1, 10, 35), (1, 35, 60), (1, 60, 85)]
    # The third iteration, ready at 20, waits for the first store; it ends at 45, its store at 85.
    assert booked(timeline) == {"compute": 30, "output_wait": 15, "fill_drain": 40}


def test_a_load_is_not_queued_behind_a_store_that_is_not_ready() -> None:
    timeline, log = run_tiny(
        {"inner": 2, "compute": 10, "depth": 2, "read": {0: (3, 3)}, "write": {1: (3, 3)}},
        memory=(0, 0, 0, 0),
    )
    dram = [service for service in log if service[0] == DRAM]
    assert dram == [(DRAM, 0, 3), (DRAM, 3, 6), (DRAM, 13, 16), (DRAM, 23, 26)]
    assert booked(timeline) == {"fill_drain": 6, "compute": 20}


def test_channels_of_one_dram_wait_for_each_other_and_channels_of_two_do_not() -> None:
    row = {"inner": 3, "compute": 1, "depth": 2, "read": {0: (4, 4), 2: (4, 4)}}
    assert run_tiny(row, memory=(0, 0, 0, 0))[0].total == 3 * 8 + 1
    assert run_tiny(row, memory=(0, 0, 1, 1))[0].total == 3 * 4 + 1


def test_a_row_without_tiles_takes_its_weights_and_flush() -> None:
    timeline, _ = run_tiny({"outer": 3, "flush": 2, "held": {0: 5}, "group": 1, "slots": 2})
    assert timeline.total == 17
    assert booked(timeline) == {"weight_load": 5 + 3 + 3, "compute": 6}


def test_a_program_without_rows_takes_no_time() -> None:
    timeline, _ = run_tiny()
    assert timeline.total == 0
    assert timeline.causes.shape == (0, 8)
