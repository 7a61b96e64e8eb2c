"""How long each sample of a data set takes: one model on one hardware, with the routing that each sample really has."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from accelsim.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class SampleTimes:
    """`cycles` of each sample of a task, in the order of the data.

    No routing at all takes more than `bound_cycles`, which is None where no bound is proven: then `reason` says why.
    `routed` says whether the work depends on the sample at all.
    """

    task: str
    cycles: tuple[int, ...]
    routed: bool
    bound_cycles: int | None = None
    reason: str = ""

    @cached_property
    def sorted_cycles(self) -> tuple[int, ...]:
        return tuple(sorted(self.cycles))

    def percentile(self, percent: float) -> int:
        """The cycles that `percent` of the samples do not exceed: of a sample, not interpolated (nearest rank)."""
        return self.sorted_cycles[max(0, math.ceil(percent / 100 * len(self.cycles)) - 1)]

    @property
    def mean(self) -> float:
        return sum(self.cycles) / len(self.cycles)


@dataclass(frozen=True)
class Distribution:
    """Times of the samples of a split by task, on a clock of `clock_hz`."""

    model: str
    hardware: str
    data: str
    split: str
    clock_hz: float
    tasks: tuple[SampleTimes, ...]
    graph_digest: str
    hardware_digest: str
    data_digest: str
    accelsim_version: str

    def seconds(self, cycles: float) -> float:
        return cycles / self.clock_hz

    def dumps(self) -> str:
        """The JSON text, percentiles and bounds in seconds among it."""
        record: dict[str, Any] = {key: value for key, value in asdict(self).items() if key != "tasks"}
        record["tasks"] = [
            {
                **asdict(one),
                "mean_s": self.seconds(one.mean),
                **{f"p{percent}_s": self.seconds(one.percentile(percent)) for percent in PERCENTILES},
                "max_s": self.seconds(one.sorted_cycles[-1]),
                "bound_s": None if one.bound_cycles is None else self.seconds(one.bound_cycles),
            }
            for one in self.tasks
        ]
        return json.dumps(record, indent=1, allow_nan=False) + "\n"

    def csv(self) -> str:
        """A row for each sample of each task."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("task", "sample", "cycles", "latency_s"))
        for one in self.tasks:
            writer.writerows((one.task, index, n, self.seconds(n)) for index, n in enumerate(one.cycles))
        return out.getvalue()

    def frame(self) -> pandas.DataFrame:
        """The rows of `csv` as a table. Raises MissingExtraError."""
        try:
            import pandas
        except ModuleNotFoundError:
            raise MissingExtraError("pandas", "table", "a data frame of the samples") from None
        return pandas.read_csv(io.StringIO(self.csv()))
