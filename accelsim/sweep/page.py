"""What the page of a store shows."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML

from accelsim.report.page.sweep_page import SweepPage
from accelsim.sweep.axis import number_of
from accelsim.sweep.front import front_of, senses
from accelsim.sweep.space import Space, space_of
from accelsim.sweep.spec import SweepSpec
from accelsim.sweep.store import Store


def page_of(store: Store) -> SweepPage:
    """The page of all points in a store. Raises InputError for an empty one, or one that no limit leaves a point."""
    spec, frame = store.spec, store.read()
    space = space_of(spec)
    front = front_of(frame, senses(list(spec.objectives), spec.objectives, ()), spec.limits)
    text = io.StringIO()
    YAML().dump(spec.model_dump(mode="json", exclude_defaults=True), text)
    return SweepPage(
        name=spec.name,
        title=spec.title,
        source=text.getvalue(),
        frame=frame,
        front=front.points,
        groups=tuple(space.group_columns(0, 1)),
        settings=space.paths,
        objectives=front.maximise,
        within=front.within,
        limits=spec.limits,
        spellings=_spellings(space),
        options=_options(spec),
    )


def _spellings(space: Space) -> dict[str, dict[Any, str]]:
    """For each setting, its values in the store to what the sweep file says."""
    return {
        path: {number_of(value): "null" if value is None else str(value) for value in axis.raw(path)}
        for axis in space.axes
        for path in axis.paths
    }


def _options(spec: SweepSpec) -> str:
    """What `accelsim simulate` needs to be told beside a point's columns."""
    batches = {choice.batch for choice in spec.models}
    words = [] if spec.activity == "uniform" else [f"--activity {spec.activity}"]
    words += [f"--batch {batch}" for batch in batches if batch is not None and len(batches) == 1]
    return " ".join(words)
