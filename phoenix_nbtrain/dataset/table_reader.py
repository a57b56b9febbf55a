"""Rows of tables, whatever they come in: CSV and JSON lines files, and DataFrames."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain.dataset.missing_paths import not_there
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    import pandas as pd

BYTES_MAX = 20_000_000
ROWS_MAX = 10_000
"""Most rows that are read; a training takes 50 images, and what people choose from is thousands."""
_JSON_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it was given, or why it cannot be read."""

    number: int
    """Its line in the file, the header counted; from 1 in a frame or list."""
    cells: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a table holds. Each value is the one that is there; formulas are text."""

    name: str
    columns: list[str]
    rows: list[Row]

    def faultless(self) -> Table:
        """Return the table itself.

        Raises:
            InputError: a row cannot be read, or two columns have one name.
        """
        for row in self.rows:
            if row.problem:
                problem = row.problem[0].lower() + row.problem[1:]
                raise InputError(f"Line {row.number} of {self.name}: {problem}")
        if len(set(self.columns)) < len(self.columns):
            raise InputError(
                f"{self.name} needs a first line with distinct column names.",
                remedy="For example: path,caption",
            )
        return self


def is_table(path: Path) -> bool:
    """Return whether a file's name says that it is a table."""
    return path.suffix.lower() in (".csv", ".tsv", *_JSON_LINES)


def read_table(path: Path) -> Table:
    """Return a file's table: JSON lines where its name says so, else CSV with any usual delimiter.

    Empty lines are passed over, and so are rows of a CSV with nothing but empty cells.

    Raises:
        InputError: it cannot be read, is not UTF-8, is no CSV, is empty, or is too large.
    """
    name, text = shown(path.name), _read_text(path)
    json_lines = path.suffix.lower() in _JSON_LINES
    table = _json_lines(name, text) if json_lines else _csv(name, text)
    if not table.columns and not table.rows:
        first = "one object per line" if json_lines else "a first line with the columns' names"
        raise InputError(f"{name} is empty.", remedy=f"It needs {first}.")
    return table


def table_of(frame: pd.DataFrame) -> Table:
    """Return a frame's table, its index left out."""
    columns = list(frame.columns)
    cells = (frame.iloc[:, at].astype("object").tolist() for at in range(len(columns)))
    rows = [
        Row(number=number, cells=dict(zip(columns, row, strict=True)))
        for number, row in enumerate(zip(*cells, strict=True), 1)
    ]
    return Table(name="The table", columns=columns, rows=rows)


def check_count(count: int, name: str) -> None:
    """Refuse a table with too many rows.

    Raises:
        InputError: it has more than 10,000.
    """
    if count > ROWS_MAX:
        raise InputError(f"{name} has more than {ROWS_MAX:,} rows.", remedy="Give a smaller table.")


def _csv(name: str, text: str) -> Table:
    first = text.lstrip("\r\n").partition("\n")[0]
    # The header decides: captions further down may hold any of these.
    delimiter = max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    rows: list[Row] = []
    begins = 1
    try:
        for cells in reader:
            number, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = [cell.strip() for cell in cells]
                continue
            problem = ""
            if len(cells) != len(columns):
                problem = (
                    f"It has {len(cells)} values, the header {len(columns)}. Put text that "
                    "contains the delimiter in double quotes."
                )
            values = dict(zip(columns, cells, strict=False))
            rows.append(Row(number=number, cells=values, problem=problem))
            check_count(len(rows), name)
    except csv.Error as error:
        raise InputError(
            f"Line {reader.line_num} of {name} is not valid CSV: {shown(str(error), 60)}.",
            remedy="Nothing was added.",
        ) from None
    return Table(name=name, columns=columns, rows=rows)


def _json_lines(name: str, text: str) -> Table:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            rows.append(_json_row(number, line))
            check_count(len(rows), name)
    columns = dict.fromkeys(column for row in rows for column in row.cells)
    return Table(name=name, columns=list(columns), rows=rows)


def _json_row(number: int, line: str) -> Row:
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except InputError as error:
        return Row(number=number, problem=str(error))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return Row(number=number, problem="It is not a JSON object.")
    return Row(number=number, cells=value)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's members, each given once: of two, nobody knows which one is meant."""
    members = dict(pairs)
    for name in members:
        if sum(name == other for other, _ in pairs) > 1:
            raise InputError(f"It gives {shown(name, 30)} twice.", remedy="Keep one of the two.")
    return members


def _read_text(path: Path) -> str:
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
            remedy="Give a text file that you can read.",
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
            f"{shown(path.name)} is not text, or is UTF-16 without a byte order mark.",
            remedy="Save it as “CSV UTF-8”.",
        )
    return text


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a file name"
