"""Pages of a list, and the dates that narrow it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from sqlite3 import Connection, Row
from typing import Any

from flask import request

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.local.rows import iso
from phoenix_nbtrain.local.service_errors import bad

__all__ = ["date", "page"]


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

    Raises:
        Refused: 400, ``pageSize`` or ``paginationToken`` is none.
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
    last = rows[size - 1]
    return rows[:size], {"nextPaginationToken": _token(last[column], last["number"])}


def date(parameter: str) -> str:
    """Return a date of the query, written as rows have theirs.

    Raises:
        Refused: 400, it is no ISO 8601 date.
    """
    text = request.args[parameter]
    try:
        at = datetime.fromisoformat(text.strip())
        return iso((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):
        raise bad(f'"{parameter}" is no ISO 8601 date: {shown(text, 40)}') from None


def _size(text: str | None, default: int, most: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise bad(f'"pageSize" must be 1 to {most}')
    return int(text)


def _token(value: str, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, number]).encode()).decode().rstrip("=")


def _from_token(token: str) -> list[Any]:
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        value, number = json.loads(base64.urlsafe_b64decode(padded))
        if isinstance(value, str) and type(number) is int and 0 <= number < 2**63:
            return [value.encode("utf-8").decode(), number]
    except (ValueError, TypeError, RecursionError):
        pass
    raise bad('"paginationToken" is not one of ours')
