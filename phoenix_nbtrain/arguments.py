"""What callers give, checked where a wrong type would fail later and elsewhere, or buy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

T = TypeVar("T")


def called(name: str, value: T) -> T:
    """Return what can be called.

    Raises:
        InputError: it cannot be.
    """
    if not callable(value):
        raise InputError(f"{name} is {shown(value, 40)}.", remedy="Give a function.")
    return value


def flag(name: str, value: object) -> bool:
    """Return a flag that is given as True or False, numpy's and 1 or 0 among them.

    Anything else is refused: ``again="no"`` is true to Python, and buys.

    Raises:
        InputError: it is something else.
    """
    numpys = type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
    if numpys or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise InputError(f"{name} is {shown(value, 40)}.", remedy="Give True or False.")


def seconds(name: str, value: object) -> float:
    """Return a number of seconds to wait.

    Raises:
        InputError: it is no number, or NaN.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):  # a whole number that no float holds
            if not math.isnan(found := float(value)):
                return found
    raise InputError(f"{name} is {shown(value, 40)}.", remedy="Give a number of seconds.")


def texts(name: str, value: object) -> list[str]:
    """Return a list of texts, such as ids; a text alone is a list of one.

    Raises:
        InputError: it is something else.
    """
    given = [value] if isinstance(value, str) else value
    # A number of no dimensions, as numpy has them, is iterable by its type alone.
    if isinstance(given, Iterable) and getattr(given, "ndim", 1) == 1:
        found = list(given)
        if all(isinstance(one, str) for one in found):
            return found
    raise InputError(f"{name} is {shown(value, 40)}.", remedy="Give a list of ids, as text.")
