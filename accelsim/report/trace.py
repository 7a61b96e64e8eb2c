"""The timeline as a Chrome trace: load trace.json in ui.perfetto.dev or chrome://tracing.

A track 'unit linear' becomes the thread 'linear' of the process 'units'. Intervals that overlap on one track
(transfers in flight on a link) go to further threads, because slices of one thread may only nest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from accelsim.errors import InputError
from accelsim.results.result import Event, Result

MOST_EVENTS = 100_000
_NO_CAUSE = "work"


def trace_text(result: Result, *, most: int = MOST_EVENTS) -> str:
    """JSON text with at most `most` intervals: the longest.

    What was left out is counted in the trace itself.
    """
    return json.dumps(trace_record(result, most=most), separators=(",", ":"), allow_nan=False) + "\n"


def trace_record(result: Result, *, most: int = MOST_EVENTS) -> dict[str, Any]:
    """The trace as plain values; times in microseconds. Without events in the result, the nodes are shown."""
    events = shown_events(result)
    kept = sorted(events, key=lambda event: event.start_cycle - event.end_cycle)[:most]
    left_out = len(events) - len(kept)
    tracks = tuple(dict.fromkeys(event.track for event in events))
    records: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    track_of: dict[int, str] = {}
    thread = 0
    for track in tracks:
        kind, _, name = track.partition(" ")
        if kind not in processes:
            processes[kind] = len(processes) + 1
            records += _process(processes[kind], f"{kind}s of {result.hardware}", left_out)
        members = [event for event in kept if event.track == track]
        for number, lane in enumerate(lanes(members), 1):
            thread += 1
            track_of[thread] = track
            title = (name or track) if number == 1 else f"{name or track} ({number})"
            records += _thread(processes[kind], thread, title)
            records += [_slice(event, processes[kind], thread, result.clock_hz) for event in lane]
    other = {
        "model": result.model,
        "hardware": result.hardware,
        "tasks": ", ".join(result.scenario.tasks),
        "clock_hz": result.clock_hz,
        "cycles": result.cycles,
        "events": len(kept),
        "events_left_out": left_out,
        "left_out_rule": "the shortest",
        "tracks": track_of,
    }
    return {"displayTimeUnit": "ns", "otherData": other, "traceEvents": records}


def events_of_trace(text: str) -> tuple[tuple[Event, ...], int]:
    """The events that `trace_text` wrote, in order of time, and how many it left out.

    Raises InputError for a trace that is none of ours.
    """
    try:
        record = json.loads(text)
        tracks = {int(thread): str(track) for thread, track in record["otherData"]["tracks"].items()}
        left_out = int(record["otherData"]["events_left_out"])
        slices = [one for one in record["traceEvents"] if one["ph"] == "X"]
        events = [
            Event(
                tracks[one["tid"]],
                one["name"],
                one["args"]["start_cycle"],
                one["args"]["start_cycle"] + one["args"]["cycles"],
                "" if one["cat"] == _NO_CAUSE else one["cat"],
            )
            for one in slices
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not a trace of this accelsim: {type(error).__name__} {error}") from None
    events.sort(key=lambda event: (event.start_cycle, event.end_cycle, event.track, event.name))
    return tuple(events), left_out


def shown_events(result: Result) -> tuple[Event, ...]:
    """The events of a result, or, where it has none, its nodes as intervals of their units."""
    return result.events or tuple(
        Event(f"unit {node.unit}", node.name, node.start_cycle, node.start_cycle + node.cycles, node.bound)
        for node in result.nodes
        if node.cycles
    )


def lanes(events: Sequence[Event]) -> list[list[Event]]:
    """The events in order of time, spread over as few lanes as hold them without overlap (at least one)."""
    found: list[list[Event]] = [[]]
    for event in sorted(events, key=lambda event: (event.start_cycle, event.end_cycle, event.name)):
        free = (lane for lane in found if not lane or lane[-1].end_cycle <= event.start_cycle)
        lane = next(free, None)
        if lane is None:
            lane = []
            found.append(lane)
        lane.append(event)
    return found


def _process(pid: int, title: str, left_out: int) -> list[dict[str, Any]]:
    records = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": title}},
        {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": pid}},
    ]
    if left_out:
        label = f"the {left_out:,} shortest events of the trace are left out"
        records.append({"ph": "M", "name": "process_labels", "pid": pid, "tid": 0, "args": {"labels": label}})
    return records


def _thread(pid: int, tid: int, title: str) -> list[dict[str, Any]]:
    return [
        {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": title}},
        {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}},
    ]


def _slice(event: Event, pid: int, tid: int, clock_hz: float) -> dict[str, Any]:
    start = round(event.start_cycle * 1e6 / clock_hz, 6)
    end = round(event.end_cycle * 1e6 / clock_hz, 6)
    return {
        "ph": "X",
        "name": event.name,
        "cat": event.cause or _NO_CAUSE,
        "pid": pid,
        "tid": tid,
        "ts": start,
        "dur": round(end - start, 6),
        "args": {"cycles": event.end_cycle - event.start_cycle, "start_cycle": event.start_cycle},
    }
