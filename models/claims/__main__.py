"""`python -m models.claims [NAME...]`: the pages of these systems, or of all, into reports/claims."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from accelsim.errors import AccelsimError, did_you_mean
from models.claims import densemtl, m3vit, padnet, pdcnet, pruning_adapter
from models.claims.page import Page, write_page

FOLDER = Path("reports/claims")
PAGES: Mapping[str, Callable[[], Page]] = {
    "m3vit": m3vit.page,
    "padnet": padnet.page,
    "pruning_adapter": pruning_adapter.page,
    "pdcnet": pdcnet.page,
    "densemtl": densemtl.page,
}


def main(names: Sequence[str], folder: Path = FOLDER) -> int:
    """Exit code 2 for a name that is no page."""
    for name in names:
        if name not in PAGES:
            print(f"'{name}' is not a page{did_you_mean(name, PAGES)}", file=sys.stderr)
            return 2
    for name in names or PAGES:
        try:
            page = PAGES[name]()
        except AccelsimError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return error.exit_code
        write_page(page, folder)
        print(f"{folder / name}.md: {page.found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
