"""What the page of a store shows."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from accelsim.report.page.sweep_page import SweepPage
from accelsim.sweep.axis import number_of
from accelsim.sweep.front import front_of, senses
from accelsim.sweep.space import Space, space_of
from accelsim.sweep.store import Store


@dataclass(frozen=True)
class _StorePage(SweepPage):
    """A page that spells settings as the sweep file does."""

    space: Space | None = None

    def spelled(self, name: str, value: Any) -> str:
        axes = self.space.axes if self.space else ()
        raw = next(axis.raw(name) for axis in axes if name in axis.paths)
        return str(next((one for one in raw if number_of(one) == value), value))


def page_of(store: Store) -> SweepPage:
    """The page of all points in a store. Raises InputError for an empty one, or one that no limit leaves a point."""
    spec, frame = store.spec, store.read()
    space = space_of(spec)
    front = front_of(frame, senses(list(spec.objectives), spec.objectives, ()), spec.limits)
    text = io.StringIO()
    YAML().dump(spec.model_dump(mode="json", exclude_defaults=True), text)
    return _StorePage(
        name=spec.name,
        title=spec.title,
        source=text.getvalue(),
        frame=frame,
        front=front.points,
        groups=tuple(space.group_columns(0, 1)),
        settings=space.paths,
        objectives=front.maximise,
        over_limits=front.over_limits,
        space=space,
    )
