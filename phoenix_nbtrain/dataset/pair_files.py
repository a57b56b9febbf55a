"""Pairs in files: CSV and JSON lines, both ways, each line's fate told.

A CSV has the columns ``source``, ``target`` and ``instruction``. Images are written by their
names, and by their ids where a name is not theirs alone. A cell that a spreadsheet would take for
a formula gets a ``'`` before it, which is taken away again when it is read here.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.edits import PAIRS_MAX, Op
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.dataset.pairing import COLUMNS, recognised
from phoenix_nbtrain.dataset.report import PairFate, PairReport
from phoenix_nbtrain.dataset.table_reader import Row, check_count, is_table, read_table, table_of
from phoenix_nbtrain.draft import Draft, PairTriple, new_pair_id
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

_IGNORED = frozenset({"pair_id", "state", "reason"})
"""What ``training.pairs`` tells besides, which is nobody's to set."""
_CALLED = {
    **dict.fromkeys(("input", "before", "src", "from", "control", "source_image"), "source"),
    **dict.fromkeys(("output", "after", "dst", "to", "edited", "target_image"), "target"),
    **dict.fromkeys(("prompt", "caption", "text", "edit", "edit_prompt"), "instruction"),
}
"""What others call our columns: answered with ours, since a guess could be wrong."""
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The edits that take some lines into a draft."""

    ops: tuple[Op, ...]
    fates: tuple[PairFate, ...]
    of: tuple[int, ...]
    """For each operation, the place of its fate."""

    def report(self, refused: Mapping[int, str]) -> PairReport:
        """Return the report, once it is known which operations were refused, and why."""
        fates = list(self.fates)
        for op, reason in refused.items():
            at = self.of[op]
            fates[at] = replace(fates[at], fate="refused", reason=reason, pair_id=None)
        return PairReport(tuple(fates))


# -- reading -----------------------------------------------------------------------------------------


def lines_of(source: object) -> list[Row]:
    """Return the lines of a CSV or JSON lines file, a DataFrame or a list of records.

    Raises:
        InputError: it is none of these, cannot be read, is empty or too long, or its columns are
            not those of pairs.
    """
    if isinstance(source, str | os.PathLike):
        return _lines_of_file(Path(source))
    columns = getattr(source, "columns", None)
    if columns is not None and hasattr(source, "to_dict"):
        frame: Any = source
        _check_columns([str(c) for c in columns], "The table")
        check_count(len(frame), "The table")
        return [_line(row) for row in table_of(frame).rows]
    if isinstance(source, Sequence) and all(isinstance(row, Mapping) for row in source):
        check_count(len(source), "The table")
        return [_line(Row(number=n, cells=row)) for n, row in enumerate(source, 1)]
    raise InputError(
        f"Pairs must be a file, a DataFrame or a list of records, not {shown(source, 40)}.",
        remedy='Give "pairs.csv", or [{"source": "a.png", "target": "b.png"}].',
    )


def _lines_of_file(path: Path) -> list[Row]:
    name, kind = shown(path.name), path.suffix.lower()
    if not is_table(path) and kind != ".txt":
        raise InputError(f"{name} is not a table of pairs.", remedy="Give a .csv or .jsonl file.")
    table = read_table(path)
    if kind in (".jsonl", ".ndjson"):
        return [row if row.problem else _line(row) for row in table.rows]
    _check_columns([column.lower() for column in table.columns], name)
    return [_of_csv(row) for row in table.rows]


def _of_csv(row: Row) -> Row:
    """Return a row of a CSV, its columns in small letters and its cells as they were meant."""
    cells = {column.lower(): cell for column, cell in row.cells.items()}
    if not row.problem:
        cells = {column: _unquoted(cell) for column, cell in cells.items()}
    return replace(row, cells=cells)


def _line(row: Row) -> Row:
    """Return a row that came with columns of its own, nothing where a value is missing."""
    try:
        _check_columns([str(key) for key in row.cells], "It")
    except InputError as error:
        return replace(row, problem=str(error))
    return replace(row, cells={k: _filled(v) for k, v in row.cells.items()})


def _filled(value: Any) -> Any:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing or type(value).__name__ == "NAType" else value


def _unquoted(cell: str) -> str:
    """Return a cell without the ``'`` that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def _check_columns(columns: Sequence[str], what: str) -> None:
    for column in columns:
        if column in COLUMNS or column in _IGNORED:
            continue
        ours = _CALLED.get(column.strip().lower())
        if ours is not None and ours not in columns:
            raise InputError(
                f"{what} has a column named {shown(column, 30)}.", remedy=f"Call it {ours}."
            )
        raise InputError(
            f"{what} has an unknown column {shown(column, 40)}.",
            remedy="The columns are source, target, instruction.",
        )
    if columns.count("instruction") > 1:
        raise InputError(f"{what} has two instruction columns.", remedy="Keep one of them.")
    for side in COLUMNS[:2]:
        if columns.count(side) != 1:
            raise InputError(
                f"{what} needs one column {side}.",
                remedy="The first line should be: source,target,instruction",
            )


# -- taking ------------------------------------------------------------------------------------------


def take(draft: Draft, lines: Iterable[Row], *, again: bool = False) -> Taken:
    """Return the edits that bring lines into a draft, and each line's fate.

    Pairs that a person removed are left out unless ``again``.

    A pair of the same images that stands is the one that is meant: it stays where it says the
    same, and gets the line's instruction otherwise. Further lines of the same images are pairs
    of their own, as often as they are given.
    """
    lookup, removed = Lookup(draft.images), left_out.Names(draft)
    read = [_read(line, lookup, removed) for line in lines]
    triples = [triple for _, triple, _ in read]
    found = recognised(draft.pairs, triples)
    fates: list[PairFate] = []
    ops: list[Op] = []
    of: list[int] = []
    first: dict[PairTriple, int] = {}
    room = PAIRS_MAX - len(draft.pairs)
    for at, (fate, triple, says) in enumerate(read):
        if triple is not None:
            line = first.setdefault(triple, fate.line)
            note = f"the same pair as in line {line}" if line != fate.line else ""
            pair_id = found.get(at)
            if pair_id is None and not again and left_out.has_pair(draft, *triple[:2]):
                fate = replace(fate, fate="left out", reason="you removed it")  # noqa: PLW2901
            elif pair_id is None and room <= 0:
                reason = f"There are {PAIRS_MAX:,} pairs already, the maximum."
                fate = replace(fate, reason=reason)  # noqa: PLW2901  # the line's, told in full
            elif pair_id is None:
                room -= 1
                pair_id = new_pair_id()
                values = dict(zip(COLUMNS, triple, strict=True))
                ops.append({"op": "insert", "table": "pairs", "row": pair_id, "values": values})
                of.append(at)
                fate = replace(fate, fate="added", pair_id=pair_id, reason=note)  # noqa: PLW2901
            elif says and draft.pair[pair_id].instruction != triple[2]:
                ops.append(
                    {
                        "op": "set",
                        "table": "pairs",
                        "row": pair_id,
                        "column": "instruction",
                        "value": triple[2],
                    }
                )
                of.append(at)
                fate = replace(fate, fate="changed", pair_id=pair_id, reason=note)  # noqa: PLW2901
            else:
                fate = replace(fate, fate="already there", pair_id=pair_id)  # noqa: PLW2901
        fates.append(fate)
    return Taken(ops=tuple(ops), fates=tuple(fates), of=tuple(of))


def _read(
    line: Row, lookup: Lookup, removed: left_out.Names
) -> tuple[PairFate, PairTriple | None, bool]:
    """Return a line's fate so far, the pair that it is, and whether it gives an instruction."""
    source, target = (line.cells.get(side, "") for side in COLUMNS[:2])
    told = [value if isinstance(value, str) else shown(value, 40) for value in (source, target)]
    fate = PairFate(line=line.number, fate="refused", source=told[0], target=told[1])
    says = "instruction" in line.cells
    if line.problem:
        return replace(fate, reason=line.problem), None, says
    try:
        ids = [lookup.find(value).image_id for value in (source, target)]
        instruction = caption_text(line.cells.get("instruction", ""), "instruction")
    except InputError as error:
        gone = next((value for value in (source, target) if value in removed), None)
        if gone is not None:
            why = f"you removed {shown(gone, 60)}"
            return replace(fate, fate="left out", reason=why), None, says
        return replace(fate, reason=str(error)), None, says
    if ids[0] == ids[1]:
        return replace(fate, reason="Source and target are the same image."), None, says
    return fate, (ids[0], ids[1], instruction), says


# -- writing -----------------------------------------------------------------------------------------


def written(draft: Draft, kind: str) -> str:
    """Return a draft's pairs as the text of a file: ``csv`` or ``jsonl``."""
    lookup = Lookup(draft.images)
    names = {row.image_id: _name(row.image_id, row.name, lookup) for row in draft.images}
    rows = [
        (names.get(row.source, row.source), names.get(row.target, row.target), row.instruction)
        for row in draft.pairs
    ]
    if kind == "jsonl":
        return "".join(
            json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n"
            for row in rows
        )
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([f"'{cell}" if _FORMULA.match(cell) else cell for cell in row] for row in rows)
    return out.getvalue()


def _name(image_id: str, name: str, lookup: Lookup) -> str:
    """Return what an image is written as: its name where that finds it again, else its id."""
    try:
        name.encode()
        return name if lookup.find(name).image_id == image_id else image_id
    except (InputError, UnicodeEncodeError):
        return image_id


def save(draft: Draft, to: object, *, overwrite: bool) -> Path:
    """Write a draft's pairs to a file, whole or not at all, and return its path.

    Raises:
        InputError: it is no ``.csv`` or ``.jsonl``, cannot be written, or another file is in the
            way and ``overwrite`` is not set.
    """
    if not isinstance(to, str | os.PathLike) or not str(to).strip():
        raise InputError(f"The file to write is {shown(to, 40)}.", remedy="Give its name.")
    try:
        path = Path(to).expanduser()
    except RuntimeError:  # ~ and a user that there is not
        path = Path(to)
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("csv", "jsonl"):
        raise InputError(
            f"{shown(path.name, 60)} is neither .csv nor .jsonl.", remedy="Name it pairs.csv."
        )
    text = written(draft, kind)
    # With its mark, spreadsheets read a CSV as what it is.
    content = text.encode("utf-8-sig" if kind == "csv" else "utf-8")
    try:
        if path.exists() and not overwrite and path.read_bytes() != content:
            raise InputError(
                f"{shown(path.name, 60)} exists with different content.",
                remedy="Name another file, or pass overwrite=True.",
            )
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
            new = Path(folder) / path.name
            new.write_bytes(content)
            new.replace(path)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a file name"
        raise InputError(
            f"{shown(str(path), 80)} cannot be written: {shown(why, 40)}.",
            remedy="Name another file.",
        ) from error
    return path.absolute()
