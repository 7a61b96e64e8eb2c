"""docs/scalesim.md, from the rows that ship: `python -m tests.evaluate.scalesim_page > docs/scalesim.md`."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.evaluate.scalesim.rows import PUBLISHED, cases_of
from accelsim.evaluate.scalesim.stalls import Case, Ours, Theirs

HEADING = """# Stalls of SCALE-Sim and ours

The fold formulas of accelsim give every cycle, utilisation and SRAM access that SCALE-Sim 3.0.0 reports where its array
never waits (with its three slips as a setting). Where bandwidth is limited the two differ, because they fill their
buffers differently. `accelsim validate scalesim` takes the peer's bookkeeping over and is equal to it, DRAM counts and
stalls included; and it puts the same layers through our own timeline, on the same array, with buffers of as many words
and ports as wide (`accelsim/evaluate/scalesim/array.yaml`; a word of our ofmap buffer is a sum of 32 bit, which leaves
as 8 bit). This page lists why the two differ (`python -m tests.evaluate.scalesim_page`); the notes of `--format csv`
have the same for rows of your own.

What the peer waits for:

- **ifmap, filter**: half of a buffer is a window on a ring of what was fetched. A word outside of it moves the ring on,
  half a buffer at a time, until it comes by again. Where an operand is used again by later folds, or in another order
  than it was fetched, all of it is read anew, and `words read` goes far beyond the sizes of the operands. Ours cuts
  tiles that fit and holds one operand while the others stream past.
- **ofmap**: results leave by a port of so many words a cycle. Weight- and input-stationary folds write their partial
  sums as well, one set for each fold of the reduction, and never read them back; ours adds in the accumulators.
- **counted twice**: what it adds to these waits that version 3.0.0 counts each wait for a refill two times. It is
  little where waits follow each other, as refills go on meanwhile and later waits shrink by as much.

What ours waits for:

- **restarts**: cycles of folds that end before the peer's would. A tile must lie in half a buffer as a whole; where a
  fold would stream more than that, ours ends it and begins it again for the next tile, preload and skew included, while
  the peer streams on through its window. Tiles may also be cut smaller than they have to be, to begin earlier.
- **weight load, input wait, output wait**: waits for a held operand, for streamed tiles, and for room for results.

**ends** are the words before the first cycle and after the last: the peer fills half of both buffers before it begins,
ours begins after the first tiles. For both, ends, waits and the cycles of the folds sum to the time from the first word
read to the last written. Of the peer's ports the one that makes a line wait longest is charged, of equals ifmap, then
filter.

Ours looks for the shortest time, not for the least traffic: where a port is wide enough, words are read, and sums of
four words written and read back, more often than they would have to be. A layer of which no tile fits into half a
buffer has no number on our side.
"""
COLUMNS = ("case", "array", "product", "SRAM kB", "words a cycle", "folds")
THEIRS = ("counted_twice", "ifmap", "filter", "ofmap", "ends", "words_read", "words_written")
OURS = ("restarts", "weight_load", "input_wait", "output_wait", "ends", "words_read", "words_written")


def page() -> str:
    cases = [case for case in cases_of(PUBLISHED) if case.has_bandwidths]
    pairs = [(case, case.theirs(), case.ours()) for case in cases]
    table = "\n".join(_table(pairs))
    return f"{HEADING}\n{_totals(pairs)}\n\n{table}\n"


def _totals(pairs: list[tuple[Case, Theirs, Ours | Exception]]) -> str:
    both = [(theirs, ours) for _, theirs, ours in pairs if isinstance(ours, Ours)]
    sums = [f"{name} {sum(getattr(theirs, name) for theirs, _ in both):,}" for name in THEIRS]
    own = [f"{name} {sum(getattr(ours, name) for _, ours in both):,}" for name in OURS]
    folds = sum(case.fold_cycles for case, _, ours in pairs if isinstance(ours, Ours))
    return (
        f"Of {len(pairs)} rows with bandwidths, {len(both)} run on both; their folds take {folds:,} cycles. "
        f"Theirs: {', '.join(sums)}. Ours: {', '.join(own)}."
    ).replace("_", " ")


def _table(pairs: list[tuple[Case, Theirs, Ours | Exception]]) -> Iterator[str]:
    names = [*COLUMNS, *(f"theirs: {name}" for name in THEIRS), *(f"ours: {name}" for name in OURS)]
    yield _line([name.replace("_", " ") for name in names])
    yield _line(["---"] * len(names))
    for case, theirs, ours in pairs:
        layer, buffers = case.layer, case.buffers
        yield _line(
            [
                case.name,
                f"{layer.rows} x {layer.columns} {layer.dataflow}",
                f"{layer.m} x {layer.k} x {layer.n}",
                " ".join(str(buffer.words // 1024) for buffer in buffers),
                " ".join(str(buffer.rate) for buffer in buffers),
                f"{case.fold_cycles:,}",
                *(f"{getattr(theirs, name):,}" for name in THEIRS),
                *(f"{getattr(ours, name):,}" if isinstance(ours, Ours) else "-" for name in OURS),
            ]
        )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(page(), end="")
