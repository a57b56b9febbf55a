"""Request bodies, as strangers send them."""

from __future__ import annotations

import json
import math
from typing import Any

from flask import request

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.service_errors import bad

__all__ = [
    "BODY_BYTES_MAX",
    "QUOTED",
    "dry_run",
    "id_list",
    "json_object",
    "json_value",
    "text_field",
]

BODY_BYTES_MAX = 70_000_000
"""A 50 MB picture in base64, and its name."""
QUOTED = 269
"""The status of a reply to a dry run."""
DEPTH_MAX = 32
DIGITS_MAX = 19
"""Longer whole numbers fit no integer of the service's."""


def json_value() -> Any:
    """Return the request's JSON body, ``None`` where there is none.

    Raises:
        Refused: 400. Not UTF-8, not strict JSON, too deep, a key given twice, a number that is
            none (``NaN``, ``1e400``), or a text that no UTF-8 can carry.
    """
    content = request.get_data(cache=False)
    if not content:
        return None
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError:
        raise bad("The request body must be UTF-8") from None
    except RecursionError:
        raise bad("The request body is nested too deeply") from None
    except ValueError:
        raise bad("The request body is not valid JSON") from None
    _check(value)
    return value


def json_object() -> dict[str, Any]:
    """Return the request's JSON object; an empty one where there is no body."""
    value = json_value()
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad("The request body must be a JSON object")
    return value


def dry_run() -> bool:
    """Whether the query asks for a price only.

    Raises:
        Refused: 400, ``dryRun`` is neither of its two words; nothing is guessed where it may cost.
    """
    given = request.args.get("dryRun")
    if given not in (None, "true", "api"):
        raise bad('"dryRun" must be "true" or "api", or left out for the real thing')
    return given is not None


def text_field(body: dict[str, Any], name: str, *, longest: int) -> str | None:
    """Return a text of the body; ``None`` where it is missing or null.

    Raises:
        Refused: 400, it is no text or too long.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad(f'"{name}" must be a string')
    if len(value.encode("utf-8")) > longest:
        raise bad(f'"{name}" must not be longer than {longest} bytes')
    return value


def id_list(body: dict[str, Any], name: str, *, most: int) -> list[str]:
    """Return the ids that a body lists under ``name``.

    Raises:
        Refused: 400, it is no list of texts, or longer than ``most``.
    """
    ids = body.get(name)
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise bad(f'"{name}" must be a list of ids')
    if len(ids) > most:
        raise bad(f'"{name}" must not list more than {most} ids')
    return ids


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise bad("The request body gives the same key twice")
    return value


def _no_constant(word: str) -> Any:
    raise bad(f"{word} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise bad(f"{shown(digits, 20)} is out of range for a number")
    return value


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS_MAX:
        raise bad(f"{shown(digits, 20)} is out of range for a number")
    return int(digits)


def _check(value: Any) -> None:
    """Refuse what is too deep, and lone surrogates, which neither SQLite nor UTF-8 can hold."""
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str) and not item.isascii():
                try:
                    item.encode("utf-8")
                except UnicodeEncodeError:
                    raise bad("A text holds half a character (a lone surrogate)") from None
        if not below:
            return
        level = below
    raise bad("The request body is nested too deeply")
