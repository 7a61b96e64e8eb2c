"""The timeline of a run as columns: what each unit and link did when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accelsim.report.figures import CAUSE_COLOURS, CAUSE_TITLES
from accelsim.report.scale import time_scale
from accelsim.report.trace import lanes, shown_events
from accelsim.results.result import Event, Result

MOST_EVENTS = 20_000
"""Intervals that the page holds: the longest."""

DRAWN_EVENTS = 1_500
"""Intervals drawn at a time: more are no clearer and slow to zoom."""

_OTHER = "var(--faint)"


@dataclass(frozen=True)
class Timeline:
    """`lanes` are (title, intervals that follow each other), in the order of drawing."""

    lanes: tuple[tuple[str, tuple[Event, ...]], ...]
    left_out: int

    def record(self, result: Result) -> dict[str, Any]:
        """Plain values for the script: the intervals as columns of numbers, names and causes by their index."""
        scale = time_scale(result.latency_s)
        names: dict[str, int] = {}
        causes: dict[str, int] = {}
        columns: dict[str, list[int]] = {"track": [], "start": [], "end": [], "name": [], "cause": []}
        for track, (_, events) in enumerate(self.lanes):
            for event in events:
                columns["track"].append(track)
                columns["start"].append(event.start_cycle)
                columns["end"].append(event.end_cycle)
                columns["name"].append(names.setdefault(event.name, len(names)))
                columns["cause"].append(causes.setdefault(event.cause, len(causes)))
        return {
            "tracks": [title for title, _ in self.lanes],
            "names": list(names),
            "causes": [
                {"title": CAUSE_TITLES.get(c, c or "busy"), "colour": CAUSE_COLOURS.get(c, _OTHER)} for c in causes
            ],
            "events": columns,
            "end": max([result.cycles, *columns["end"]]),
            "unit": scale.unit,
            "per_unit": result.clock_hz * scale.factor,
            "most": DRAWN_EVENTS,
        }


def timeline(result: Result, *, most: int = MOST_EVENTS) -> Timeline:
    """The longest `most` intervals of a result, or of its nodes where it has no events; units first, then links."""
    events = shown_events(result)
    kept = sorted(events, key=lambda event: event.start_cycle - event.end_cycle)[:most]
    tracks = sorted(dict.fromkeys(event.track for event in events), key=_unit_first)
    found = [
        (track if number == 1 else f"{track} ({number})", tuple(lane))
        for track in tracks
        for number, lane in enumerate(lanes(_of(track, kept)), 1)
    ]
    return Timeline(tuple(found), len(events) - len(kept))


def _of(track: str, events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.track == track]


def _unit_first(track: str) -> bool:
    return not track.startswith("unit ")
