"""Arrays without reference counts, for kernels that hand out views of them by the million.

Numba counts references of every array that is passed on or sliced, with atomic instructions: a fifth of the time of a
search that touches small tables only. A borrowed array has no owner to count. Whoever lends must hold the array until
the borrower is done: `keep_alive` after the call does so. It must not be inlined (`inline="always"`), where Numba could
drop its arguments early, and nothing borrowed may be returned.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

from typing import Any

from accelsim.kernel_cache import use_kernel_cache

use_kernel_cache()

from numba import njit, types  # noqa: E402
from numba.core import cgutils  # noqa: E402
from numba.core.errors import TypingError  # noqa: E402
from numba.extending import intrinsic  # noqa: E402


def _borrow(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        items = [_borrow(context, builder, item, builder.extract_value(value, at)) for at, item in enumerate(kind)]
        return context.make_tuple(builder, kind, items)
    return value


def _check(kind: Any) -> None:
    """Anything else that is counted would be freed twice."""
    if isinstance(kind, types.BaseTuple):
        for item in kind:
            _check(item)
    elif not isinstance(kind, types.Array | types.Number | types.Boolean):
        raise TypingError(f"{kind} cannot be borrowed: arrays, numbers and tuples of them can")


@intrinsic
def borrowed(typing_context: Any, value: Any) -> Any:
    """An array, or a tuple of arrays, tuples and numbers, that is not counted. Raises TypingError for anything else."""
    _check(value)

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return _borrow(context, builder, signature.args[0], given[0])

    return value(value), generate


@njit(cache=True, nogil=True)
def keep_alive(value: Any) -> None:
    """What was lent is held until here."""
