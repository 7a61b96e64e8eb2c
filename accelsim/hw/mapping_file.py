"""A file with nothing but a `mapping` section, as `accelsim show plan --format yaml` prints it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from accelsim.hw.document import ConfigError, read_yaml
from accelsim.hw.located import Registry, located
from accelsim.hw.mapping import FixedTiles
from accelsim.hw.part import Part
from accelsim.hw.schema import Hardware


class MappingFile(Part):
    """The whole of such a file."""

    mapping: FixedTiles


def with_mapping(hardware: Hardware, path: Path) -> Hardware:
    """The hardware with the mapping of a file in place of its own. Raises ConfigError, one located line an error."""
    document = read_yaml(path)
    registry: Registry = {}
    try:
        found = MappingFile.model_validate(document.tree, context=registry)
    except ValidationError as error:
        raise ConfigError("\n".join(located(document, registry, error))) from None
    return hardware.model_copy(update={"mapping": found.mapping})
