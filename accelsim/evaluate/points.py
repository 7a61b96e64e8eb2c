"""Many settings of one hardware under one model and task, as columns: what a sweep asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accelsim.errors import DoesNotFitError, InputError, UnsupportedError
from accelsim.evaluate.load import load_model
from accelsim.evaluate.simulate import activity_of, frame_of, hardware_for
from accelsim.frontends.inputs import input_options
from accelsim.results import Result
from accelsim.results.causes import CAUSES
from accelsim.sim.simulate import simulate_frames

RESOURCES = ("dsp", "bram36", "uram", "lut", "ff")
SCOPES = ("accelerator_dynamic", "dram", "device_static", "board")
WHOLE = ("cycles", "macs", "dram_bytes", "on_chip_bytes", *(f"stall_{cause}" for cause in CAUSES))
NUMBERS = (
    "latency_s",
    "initiation_interval_s",
    "throughput_per_s",
    "energy_j",
    *(f"energy_{scope}_j" for scope in SCOPES),
    "utilisation",
    *RESOURCES,
)
TEXTS = ("limited_by", "failure")
"""Columns of results: whole numbers, numbers and texts; beside them `fits`. `failure` is '' for a point that has none;
its numbers are missing where the point could not be timed."""


class PointEvaluator:
    """A model on a hardware, ready for any values of its settings."""

    def __init__(
        self, model: str, hardware: str, *, task: str | None, arguments: Mapping[str, Any], batch: int | None,
        activity: str,
    ) -> None:  # fmt: skip
        loaded = load_model(model, task=task, arguments=arguments or None, options=input_options(None, batch, None))
        self.task = loaded.task
        self._hardware = hardware
        self._frame = frame_of(loaded, activity_of(loaded.graph, activity))
        hardware_for(hardware)  # what is wrong with the file itself is an error, not a failed point

    def columns(self, settings: Mapping[str, Sequence[Any]], count: int, *, threads: int) -> dict[str, list[Any]]:
        """Results of `count` points, a value of every setting each. A point that cannot be timed says why."""
        rows = [self._row({path: values[i] for path, values in settings.items()}) for i in range(count)]
        return {name: [row.get(name) for row in rows] for name in (*WHOLE, *NUMBERS, "fits", *TEXTS)}

    def _row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        try:
            result = simulate_frames([self._frame], hardware_for(self._hardware, values))
        except (DoesNotFitError, UnsupportedError) as error:
            return {"fits": False, "limited_by": "", "failure": str(error)}
        except InputError as error:
            return {"fits": False, "limited_by": "", "failure": f"invalid: {error}"}
        return _record(result)


def _record(result: Result) -> dict[str, Any]:
    whole = {name: getattr(result, name) for name in WHOLE if not name.startswith("stall_")}
    found: dict[str, Any] = whole | {f"stall_{cause}": cycles for cause, cycles in result.stalls.items()}
    for name in ("latency_s", "initiation_interval_s", "throughput_per_s", "energy_j", "utilisation"):
        found[name] = getattr(result, name)
    found |= {f"energy_{scope}_j": joules for scope, joules in result.energy.items()}
    found |= {kind: use.demand for kind, use in result.resources.items()}
    found["fits"], found["limited_by"] = result.fits, result.limited_by
    found["failure"] = "; ".join(failure.text() for failure in result.misfits)
    return found


def provenance_of(hardware: Sequence[str]) -> dict[str, str]:
    """Digests of the hardware descriptions by name, for a store to know whether it is still the same sweep."""
    return {f"hardware.{name}": hardware_for(name).digest for name in hardware}
