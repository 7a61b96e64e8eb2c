"""Changes of a hardware description that may help, derived from the fields that it has and the parts that are used.

Which numbers are worth turning, and by how much, stands in tables; a new kind of part needs a row there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from accelsim.hw.changed import Path, value_at
from accelsim.hw.memory import Buffer
from accelsim.hw.schema import Hardware
from accelsim.ir.dtype import DType
from accelsim.sim.timing import Timing

Values = Mapping[Path, object]


@dataclass(frozen=True)
class Change:
    """A lever before it is tried: values by path."""

    name: str
    kind: str
    values: Values


class _Turn(NamedTuple):
    """A number to turn: in which room, its field, by how much, and how a reader calls it."""

    room: str
    field: str
    factor: float
    kind: str
    words: str


_NUMBERS = (
    _Turn("memories", "bandwidth", 2, "bandwidth", "bandwidth"),
    _Turn("memories", "words", 2, "buffer", "size"),
    _Turn("links", "outstanding", 2, "bandwidth", "bursts in flight"),
    _Turn("links", "burst", 2, "bandwidth", "burst length"),
    _Turn("links", "latency", 0.5, "latency", "start-up latency"),
    _Turn("links", "round_trip", 0.5, "latency", "round trip"),
    _Turn("units", "rows", 2, "array", "rows"),
    _Turn("units", "cols", 2, "array", "columns"),
    _Turn("units", "inputs", 2, "array", "inputs"),
    _Turn("units", "outputs", 2, "array", "outputs"),
    _Turn("units", "pixels", 2, "array", "pixels"),
    _Turn("units", "sides", 2, "array", "side"),
    _Turn("units", "load_words", 2, "array", "words loaded a cycle"),
    _Turn("units", "lanes", 2, "vector", "lanes"),
    _Turn("units", "macs_per_cycle", 2, "array", "products a cycle"),
    _Turn("units", "ii", 0.5, "array", "initiation interval"),
    _Turn("units", "row_latency", 0.5, "latency", "row latency"),
    _Turn("units", "fill", 0.5, "latency", "pipeline depth"),
    _Turn("units", "stream_depth", 2, "buffer", "stream depth"),
    _Turn("units", "queue", 2, "sparsity", "queue"),
    _Turn("units", "decode", 2, "sparsity", "decode rate"),
    _Turn("units", "launch", 0.5, "host", "launch time"),
    _Turn("units", "dispatch", 0.5, "host", "dispatch time"),
    _Turn("units", "handover", 0.5, "host", "handover time"),
    _Turn("units", "macs", 2, "host", "products a second"),
    _Turn("units", "others", 2, "host", "functions a second"),
    _Turn("clocks", "frequency", 2, "clock", "frequency"),
    _Turn("instances", "instances", 2, "array", "instances of the design"),
)
_PARTS = {"memories": "memory", "links": "link", "units": "unit", "clocks": "clock"}

# Words of a choice from the weakest to the strongest; only stronger ones are tried. None: any other word.
_CHOICES: dict[tuple[str, str], tuple[str, ...] | None] = {
    ("units", "dataflow"): None,
    ("units", "fold_overlap"): ("none", "preload", "full"),
    ("schedule", "prefetch"): ("none", "experts", "all"),
    ("schedule", "order"): None,
    ("schedule", "branches"): ("sequential", "concurrent"),
    ("schedule", "mixed"): None,
    ("schedule", "form"): None,
    ("schedule", "differences"): ("separate", "folded"),
}
_NEEDED_OPS = {
    "order": "moe",
    "mixed": "dynamic_conv2d",
    "form": "adapted_linear",
    "differences": "pixel_difference_conv2d",
}
_TITLES = {
    "order": "order of experts",
    "mixed": "kernels mixed",
    "form": "adapters",
    "differences": "pixel differences",
}
_CHOICE_KINDS = {"dataflow": "dataflow", "fold_overlap": "array"}
_MAPS = ("sides",)
_INSIDE = ("functions", "stages", "epilogue", "sparse", *_MAPS)
_FEWEST_BITS = 4


_LARGER = (4, 16)


class Used(NamedTuple):
    """What of a hardware takes part: (room, name) of its parts, and the ops of the graphs."""

    parts: frozenset[tuple[str, str]]
    ops: frozenset[str]


def used_by(timing: Timing) -> Used:
    """The units, links and memories that work in a timing, and all clocks."""
    hardware = timing.hardware
    units = {stage.unit for stage in timing.stages}
    links = {t.link for stage in timing.stages for t in (*stage.streams, *stage.held, *stage.stores)}
    held = {memory for name in units for memory in hardware.units[name].held.values()}
    buffers = {name for name in held if not getattr(hardware.memories[name], "resident", False)}
    memories = {hardware.links[name].memory for name in links} | buffers
    rooms = {"units": units, "links": links, "memories": memories, "clocks": set(hardware.clocks), "instances": {""}}
    ops = {node.op for graph in timing.prepared for node in graph.nodes}
    return Used(frozenset((room, name) for room, names in rooms.items() for name in names), frozenset(ops))


def whole_of(hardware: Hardware) -> Used:
    """Every part, for a design that cannot be timed as it is."""
    rooms = {room: getattr(hardware, room) for room in _PARTS}
    return Used(frozenset((room, name) for room, names in rooms.items() for name in names), frozenset())


def changes(hardware: Hardware, used: Used) -> tuple[Change, ...]:
    """What can be changed of the parts that are used, in order of the description."""
    single = [change for path, _ in hardware.quantities() for change in _number(hardware, path, used)]
    return (
        *single,
        *_together(single),
        *(change for room in (("units",), ("schedule",)) for change in _choices(hardware, room, used)),
        *_double_buffers(hardware, used),
        *_formats(hardware),
    )


def escapes(hardware: Hardware) -> Iterator[Change]:
    """Further changes that may make a design run that cannot: much larger buffers, arrays with half a side."""
    for name, memory in hardware.memories.items():
        if isinstance(memory, Buffer):
            for factor in _LARGER:
                values: dict[Path, object] = {("memories", name, "words"): factor * memory.words.value}
                yield Change(f"{factor}x size of memory {name}", "buffer", values)
    for dotted, quantity in hardware.quantities():
        path = tuple(dotted.split("."))
        turn = next((turn for turn in _NUMBERS if (turn.room, turn.field) == (path[0], path[-1])), None)
        is_side = turn is not None and (turn.room, turn.kind, turn.factor) == ("units", "array", 2) and len(path) == 3
        if turn is not None and is_side and isinstance(quantity.value, int) and quantity.value > 1:
            yield Change(f"half the {turn.words}{_place(path)}", turn.kind, {path: quantity.value // 2})


def _number(hardware: Hardware, dotted: str, used: Used) -> Iterator[Change]:
    """The change of one number, if it is one to turn."""
    path = tuple(dotted.split("."))
    room, part = path[0], path[1] if len(path) > 2 else ""
    field = path[-2] if len(path) > 3 and path[-2] in _MAPS else path[-1]
    if (room, part) not in used.parts or "resources" in path:
        return
    if room == "links" and field == "port_width":
        yield _wider(hardware, part)
    for turn in _NUMBERS:
        if (turn.room, turn.field) == (room, field):
            old = value_at(hardware, path).value
            new = old * turn.factor if turn.factor > 1 or isinstance(old, float) else old // 2
            least = 1 if field == "ii" else 0
            if new != old and new >= least and old > least:
                how = f"{turn.factor:g}x" if turn.factor > 1 else "half the"
                yield Change(f"{how} {turn.words}{_place(path)}", turn.kind, {path: new})


def _place(path: Path) -> str:
    """' of unit linear, gelu'; nothing for a number of the whole design."""
    if len(path) < 3:
        return ""
    inside = path[2:] if path[-2] in _MAPS else path[2:-1]
    return ", ".join([f" of {_PARTS[path[0]]} {path[1]}", *(word for word in inside if word not in _INSIDE)])


def _wider(hardware: Hardware, name: str) -> Change:
    """Twice the width of a port, and of the master behind it if that is no wider."""
    link = hardware.links[name]
    values: dict[Path, object] = {("links", name, "port_width"): 2 * link.port_width.value}
    if link.width.value <= link.port_width.value:
        values["links", name, "width"] = 2 * link.width.value
        return Change(f"2x width of link {name}", "bandwidth", values)
    return Change(f"2x port width of link {name}", "bandwidth", values)


def _together(single: Sequence[Change]) -> Iterator[Change]:
    """The same change of all links, buffers or units at once: two that limit together gain nothing alone."""
    alike: dict[tuple[str, str], list[Change]] = {}
    for change in single:
        path = next(iter(change.values))
        alike.setdefault((path[0], path[-1]), []).append(change)
    for (room, _), members in alike.items():
        if len(members) > 1 and room != "clocks":
            values = {path: value for member in members for path, value in member.values.items()}
            words = members[0].name.split(" of ")[0]
            yield Change(f"{words} of all {len(members)} {room}", members[0].kind, values)


def _choices(hardware: Hardware, start: Path, used: Used) -> Iterator[Change]:
    """Other words of the choices that matter for time."""
    for path, word in _words(value_at(hardware, start), start):
        room, field = path[0], path[-1]
        if (room, field) not in _CHOICES or (room == "units" and (room, path[1]) not in used.parts):
            continue
        if _NEEDED_OPS.get(field, "") not in ("", *used.ops):
            continue
        known = _words_of(hardware, path)
        order = _CHOICES[room, field]
        for other in known if order is None else order[order.index(word) + 1 :]:
            if other != word and other in known:
                where = f" of unit {path[1]}" if room == "units" else ""
                name = f"{_TITLES.get(field, field.replace('_', ' '))}{where}: {other} instead of {word}"
                yield Change(name, _CHOICE_KINDS.get(field, "schedule"), {path: other})


def _words(node: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text below a part, with its path."""
    fields = type(node).model_fields if hasattr(type(node), "model_fields") else ()
    items = node.items() if isinstance(node, Mapping) else ((name, getattr(node, name)) for name in fields)
    for key, child in items:
        if isinstance(child, str):
            yield (*path, key), child
        elif isinstance(child, Mapping) or hasattr(type(child), "model_fields"):
            yield from _words(child, (*path, key))


def _words_of(hardware: Hardware, path: Path) -> tuple[str, ...]:
    """The words that a choice accepts."""
    owner = value_at(hardware, path[:-1])
    return tuple(getattr(type(owner).model_fields[path[-1]].annotation, "__args__", ()))


def _double_buffers(hardware: Hardware, used: Used) -> Iterator[Change]:
    """A second copy of buffers that have one, so that loads hide behind work."""
    for name, memory in hardware.memories.items():
        single = isinstance(memory, Buffer) and memory.copies.value == 1 and not memory.resident
        if single and ("memories", name) in used.parts:
            yield Change(f"double buffering in memory {name}", "buffer", {("memories", name, "copies"): 2})


def _formats(hardware: Hardware) -> Iterator[Change]:
    """Numbers stored in half the bits. What that does to the accuracy is not simulated here."""
    halves = {name: _half(form) for name, form in hardware.precision.items()}
    for names, words in (({"weight"}, "weights"), ({"activation"}, "activations"), (set(halves), "all numbers")):
        values: dict[Path, object] = {
            ("precision", name): half for name, half in halves.items() if name in names and half is not None
        }
        if values:
            yield Change(f"{words} stored in half the bits", "precision", values)


_HALVES: dict[str, Callable[[DType], DType]] = {
    "float": lambda form: DType("float", form.bits // 2),
    "bfloat": lambda form: DType("float", form.bits // 2),
    "int": lambda form: DType("int", form.bits // 2),
    "uint": lambda form: DType("uint", form.bits // 2),
    "fixed": lambda form: DType("fixed", form.bits // 2, -(-(form.integer_bits or 0) // 2)),
    "ufixed": lambda form: DType("ufixed", form.bits // 2, -(-(form.integer_bits or 0) // 2)),
}


def _half(form: DType) -> DType | None:
    """The format of half the bits, None where that is no format to compute in."""
    least = 2 * (8 if form.is_float else _FEWEST_BITS)
    return _HALVES[form.kind](form) if form.kind in _HALVES and form.bits >= least and form.bits % 2 == 0 else None
