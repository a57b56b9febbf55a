"""Reading the wire: any JSON value into what a record may hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = [
    "Signed",
    "Wire",
    "address_of",
    "amount",
    "number_of",
    "object_of",
    "objects_of",
    "text_of",
]

Wire = Mapping[str, Any]


class Signed(str):
    """An address whose query opens it to anybody, and which no repr shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        place, asked, _ = self.partition("?")
        return repr(f"{place}{asked and '?…'}")


def text_of(wire: Wire, key: str) -> str:
    """Return a text; an empty one where it is missing or no text."""
    value = wire.get(key)
    return value if isinstance(value, str) else ""


def address_of(wire: Wire, key: str) -> Signed:
    """Return an address of a file; an empty one where it is missing or no text."""
    return Signed(text_of(wire, key))


def number_of(wire: Wire, key: str) -> float | None:
    """Return a finite number, or ``None``."""
    value = wire.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number beyond every float
        return None


def object_of(wire: Wire, key: str) -> Wire:
    """Return an object; an empty one where it is none."""
    value = wire.get(key)
    return value if isinstance(value, Mapping) else {}


def objects_of(wire: Wire, key: str) -> list[Wire]:
    """Return the objects of a list."""
    value = wire.get(key)
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def amount(value: object) -> Decimal | None:
    """Return a price as a finite, non-negative ``Decimal``, or ``None`` if it is none.

    Prices are fractional (10.75 was seen), so floats go through their shortest decimal form.
    Texts are refused: a price that arrives as a string is not one the service documents.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < Decimal(10) ** 12 else None
