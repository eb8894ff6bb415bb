"""A rate as people write it: rows or bytes a second."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ByteSize, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

ROWS = re.compile(r"(\d[\d_]*)\s*(rows(/s)?)?")
MOST = (1 << 32) - 1
_bytes = TypeAdapter(ByteSize)


@dataclass(frozen=True)
class Rate:
    """So many rows or bytes a second; one of the two."""

    rows: int | None = None
    bytes: int | None = None

    @classmethod
    def parse(cls, text: object) -> Rate:
        """`50000`, `50000 rows`, `20MB`, `1.5 GiB/s`."""
        if isinstance(text, Rate):
            return text
        told = str(text).strip()
        if rows := ROWS.fullmatch(told):
            return cls(rows=_within(int(rows[1])))
        try:
            return cls(bytes=_within(int(_bytes.validate_python(told.removesuffix("/s")))))
        except ValidationError:
            raise ValueError(f"`{told}` is no rate: say `50000 rows` or `20 MB`") from None

    def native(self) -> dict[str, int | None]:
        """As the engine reads it."""
        return {"rows": self.rows, "bytes": self.bytes}

    def __str__(self) -> str:
        return f"{self.rows} rows" if self.rows is not None else f"{self.bytes} B"

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            cls.parse,
            core_schema.is_instance_schema(cls),
            json_schema_input_schema=core_schema.union_schema(
                [core_schema.str_schema(), core_schema.int_schema()]
            ),
            serialization=core_schema.to_string_ser_schema(),
        )


def _within(number: int) -> int:
    if not 0 < number <= MOST:
        raise ValueError("a rate is above 0, and below 4 GiB")
    return number
