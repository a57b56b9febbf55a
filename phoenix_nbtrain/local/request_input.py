"""Reads and checks a request's body and query, which anybody may have sent.

Each function raises `Refused`, a 400 that names what is wrong.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from sqlite3 import Connection, Row
from typing import Any

from flask import request

from phoenix_nbtrain.catalog import parameters, validate
from phoenix_nbtrain.errors import PhoenixError
from phoenix_nbtrain.local.rows import iso
from phoenix_nbtrain.local.service_errors import bad
from phoenix_nbtrain.text import shown

BODY_BYTES_MAX = 70_000_000
"""A 50 MB image in base64, and its name."""
CAPTION_BYTES_MAX = 64 * 1024
NAME_BYTES_MAX = 1024
"""Of an asset or a file."""
QUOTED = 269
"""The status of a reply to a dry run."""
DEPTH_MAX = 32
NUMBER_MAX = 1e19
"""Larger numbers fit no integer of the service's."""
_IGNORED = frozenset(
    {"classPrompt", "learningRateUnet", "lrScheduler", "numTextTrainSteps", "numUNetTrainSteps"}
    | {"priorLossWeight", "randomCrop", "randomCropRatio", "randomCropScale", "scaleLr"}
    | {"textEncoderTrainingRatio", "validationFrequency", "validationPrompt", "wandbKey"}
)
"""Documented, and without effect here: the deprecated ones, and a key to somebody else's service,
which is not even kept."""


def json_value() -> Any:
    """Return the request's JSON body, ``None`` where there is none.

    Refused are what is not UTF-8 or strict JSON, or too deep, a key given twice, a number that is
    none (``NaN``, ``1e400``), and a text that no UTF-8 can carry.
    """
    content = request.get_data(cache=False)
    if not content:
        return None
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_object)
        _check(value)
    except (ValueError, RecursionError):
        raise bad("The request body is not valid JSON in UTF-8") from None
    return value


def json_object() -> dict[str, Any]:
    """Return the request's JSON object; an empty one where there is no body."""
    value = json_value()
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad("The request body must be a JSON object")
    return value


def action_of(only: str) -> None:
    """Refuse, with 400, any other action than the one there is."""
    if json_object().get("action") != only:
        raise bad(f'"action" must be "{only}"')


def dry_run() -> bool:
    """Whether the query asks for a price only. Nothing is guessed where it may cost."""
    given = request.args.get("dryRun")
    if given not in (None, "true", "api"):
        raise bad('"dryRun" must be "true" or "api", or left out for the real thing')
    return given is not None


def text_field(body: dict[str, Any], name: str, *, longest: int) -> str | None:
    """Return a text of the body, of at most ``longest`` bytes; ``None`` where there is none."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad(f'"{name}" must be a string')
    if len(value.encode("utf-8")) > longest:
        raise bad(f'"{name}" must not be longer than {longest} bytes')
    return value


def id_list(body: dict[str, Any], name: str, *, most: int) -> list[str]:
    """Return the ids that a body lists under ``name``, each once."""
    ids = body.get(name)
    if not isinstance(ids, list) or not all(isinstance(item, str) for item in ids):
        raise bad(f'"{name}" must be a list of ids')
    if len(ids) > most:
        raise bad(f'"{name}" must not list more than {most} ids')
    return list(dict.fromkeys(ids))


def checked_parameters(type_name: str, given: object) -> dict[str, Any]:
    """Return a request's ``parameters``, by the catalog, as they are kept with the model."""
    if not isinstance(given, Mapping):
        raise bad('"parameters" must be an object')
    known = {p.wire: p for p in parameters(type_name).values()}
    wanted: dict[str, Any] = {}
    for name, value in given.items():
        if name in _IGNORED or value is None:
            continue
        if name not in known:
            raise bad(f"parameters.{shown(name, 40)} is not a parameter of {type_name}")
        if known[name].kind in ("texts", "images") and not isinstance(value, list):
            raise bad(f"parameters.{name} must be a list")
        wanted[name] = value
    try:
        config = validate(type_name, wanted)
    except PhoenixError as error:
        raise bad(str(error)) from None
    sources, prompts = config.get("sample_sources", ()), config.get("sample_prompts", ())
    if sources and len(sources) != len(prompts):
        raise bad("parameters.sampleSourceImages needs one image per sample prompt")
    lists = {
        p.wire: list(config.get(p.name, ()))
        for p in known.values()
        if p.wire in wanted and p.kind in ("texts", "images")
    }
    return {**wanted, **lists}


def page(
    connection: Connection,
    table: str,
    where: Sequence[str],
    values: Sequence[object],
    *,
    column: str,
    rising: bool = False,
    default: int,
    most: int,
) -> tuple[list[Row], dict[str, str]]:
    """Return the rows of the page that the request asks for, and how the next one is asked for.

    Args:
        connection: within the caller's transaction.
        table: its name; like ``where`` and ``column`` our own words.
        where: conditions, all of which hold.
        values: what the question marks in ``where`` stand for.
        column: what is sorted by; ``number``, which every table of a list has, decides ties.
        rising: whether the least comes first.
        default: rows of a page, where the request does not say.
        most: rows of a page that it may ask for.
    """
    size = _size(request.args.get("pageSize"), default, most)
    where, values = ["1", *where], list(values)
    token = request.args.get("paginationToken")
    if token is not None:
        where.append(f"({column}, number) {'>' if rising else '<'} (?, ?)")
        values.extend(_from_token(token))
    order = "ASC" if rising else "DESC"
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE {' AND '.join(where)}"  # values are bound
        f" ORDER BY {column} {order}, number {order} LIMIT ?",
        (*values, size + 1),
    ).fetchall()
    if len(rows) <= size:
        return rows, {}
    last = json.dumps([rows[size - 1][column], rows[size - 1]["number"]]).encode()
    token = base64.urlsafe_b64encode(last).decode().rstrip("=")
    return rows[:size], {"nextPaginationToken": token}


def date(parameter: str) -> str:
    """Return an ISO 8601 date of the query, written as rows have theirs."""
    text = request.args[parameter]
    try:
        at = datetime.fromisoformat(text.strip())
        return iso((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        raise bad(f'"{parameter}" is no ISO 8601 date: {shown(text, 40)}') from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise bad("The request body gives the same key twice")
    return value


def _check(value: Any, levels: int = DEPTH_MAX) -> None:
    """Refuse numbers that are none or too large, half characters, and what is too deep.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate, which neither SQLite nor UTF-8 can hold.
    """
    if isinstance(value, str):
        value.isascii() or value.encode()
    elif isinstance(value, int | float):
        if not abs(value) < NUMBER_MAX:  # nor is NaN
            raise bad(f"{shown(value, 20)} is out of range for a number")
    elif value is not None:
        if not levels:
            raise bad("The request body is nested too deeply")
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            _check(item, levels - 1)


def _size(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise bad(f'"pageSize" must be 1 to {most}')
    return int(text)


def _from_token(token: str) -> list[Any]:
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        value, number = json.loads(base64.urlsafe_b64decode(padded))
        if isinstance(value, str) and type(number) is int and 0 <= number < 2**63:
            return [value.encode("utf-8").decode(), number]
    except (ValueError, TypeError, RecursionError):
        pass
    raise bad('"paginationToken" is not one of ours')
