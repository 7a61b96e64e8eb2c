"""What all parts of an accelerator description share: a frozen base, names, maps by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from accelsim.errors import InputError
from accelsim.hw.quantity import Blocks, Hertz
from accelsim.ir.dtype import DType
from accelsim.ir.frozen import FrozenMap

T = TypeVar("T")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Selector = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")]
# `op`, `op.role` or `op.nest`; `*` stands for whatever no other entry names.
TensorClass = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?)$")]
Units = Annotated[Name | Annotated[tuple[Name, ...], Field(min_length=1)], "a unit, or several to choose from"]
Named = Annotated[Mapping[Name, T], AfterValidator(FrozenMap)]
Selected = Annotated[Mapping[TensorClass, T], AfterValidator(FrozenMap)]


def _format(raw: object) -> DType:
    if isinstance(raw, DType):
        return raw
    try:
        return DType.parse(str(raw))
    except InputError as error:
        raise PydanticCustomError("format", "{message}", {"message": str(error)}) from error


Format = Annotated[
    DType,
    PlainValidator(_format),
    WithJsonSchema({"type": "string", "examples": ["fixed<32,10>", "int8", "float32"]}),
]


class Part(BaseModel):
    """Base of all parts: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @model_validator(mode="wrap")
    @classmethod
    def _register(cls, data: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Note which part each mapping of the file became, so that errors can name the known keys."""
        if isinstance(info.context, dict) and isinstance(data, dict):
            info.context[id(data)] = cls
        return handler(data)


class Resources(Part):
    """FPGA resources that no formula gives (adder trees, control, functions), added to those it does."""

    sourced: str | None = None
    dsp: Blocks | None = None
    bram36: Blocks | None = None
    uram: Blocks | None = None
    lut: Blocks | None = None
    ff: Blocks | None = None


class Built(Resources):
    """What a design takes that has been built and has run, `clock` its fastest clock.

    As much as that can be built, whatever the practical limits of a board say.
    """

    clock: Hertz | None = None
