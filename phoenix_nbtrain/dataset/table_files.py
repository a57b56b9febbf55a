"""Tables that people keep in files: CSV with any usual delimiter, and JSON lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain.dataset.missing import not_there
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ROWS_MAX", "is_table", "read_table", "read_text"]

BYTES_MAX = 20_000_000
ROWS_MAX = 10_000
"""Most rows that are read; a training takes 50 images, and what people choose from is thousands."""


def is_table(path: Path) -> bool:
    """Return whether a file's name says that it is a table."""
    return path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson")


def read_table(path: Path) -> pd.DataFrame:
    """Return a file's table; every value is the text that is there, formulas included.

    Raises:
        InputError: it cannot be read, is not UTF-8, is too large, or a row has more or fewer
            values than there are columns; the line is named.
    """
    import pandas as pd

    text = read_text(path)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        columns, rows = _json_lines(path.name, text)
    else:
        columns, rows = _csv(path.name, text)
    return pd.DataFrame(rows, columns=columns, dtype="object")


def read_text(path: Path) -> str:
    """Return a file's text: UTF-8, or UTF-16 where its first bytes say so.

    Raises:
        InputError: it cannot be read, is too large, or is neither.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise not_there(path) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{shown(path.name or str(path))} cannot be read: {_why(error)}.",
            remedy="Give a text file that you may read.",
        ) from None
    if len(raw) > BYTES_MAX:
        raise InputError(f"{shown(path.name)} is larger than {BYTES_MAX // 1_000_000} MB.")
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{shown(path.name)} is not UTF-8, first in line {line}.",
            remedy="Save it as “CSV UTF-8”.",
        ) from None
    if "\0" in text:
        raise InputError(
            f"{shown(path.name)} is no text, or UTF-16 that does not say so.",
            remedy="Save it as “CSV UTF-8”.",
        )
    return text


def _csv(name: str, text: str) -> tuple[list[str], list[list[Any]]]:
    first = text.partition("\n")[0]
    # The header decides: captions further down may hold any of these.
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[Any]] = []
    try:
        columns = [c.strip() for c in next(reader, [])]
        for row in reader:
            if not row:
                continue
            if len(row) != len(columns):
                raise InputError(
                    f"Line {reader.line_num} of {shown(name)} has {len(row)} values, "
                    f"the header {len(columns)}.",
                    remedy="Put texts that hold the delimiter in double quotes.",
                )
            rows.append(row)
            _check_rows(name, rows)
    except csv.Error as error:
        raise InputError(
            f"Line {reader.line_num} of {shown(name)} is no CSV: {shown(str(error), 60)}."
        ) from None
    if not columns or len(set(columns)) < len(columns):
        raise InputError(
            f"{shown(name)} needs a first line with distinct column names.",
            remedy="For example: path,caption",
        )
    return columns, rows


def _json_lines(name: str, text: str) -> tuple[list[str], list[list[Any]]]:
    columns: dict[str, None] = {}
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise InputError(f"Line {number} of {shown(name)} is no JSON object.")
        objects.append(value)
        columns.update(dict.fromkeys(value))
        _check_rows(name, objects)
    return list(columns), [[o.get(c) for c in columns] for o in objects]


def _check_rows(name: str, rows: list[Any]) -> None:
    if len(rows) > ROWS_MAX:
        raise InputError(
            f"{shown(name)} has more than {ROWS_MAX:,} rows.", remedy="Give a smaller table."
        )


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a file name"
