"""The draft as DataFrames, and DataFrames as edits of the draft.

A frame is a copy. Assigning one makes it the truth, all or nothing: the functions here either
return the operations that lead from the draft to the frame, or raise an error that names the rows.

What came into the draft after a frame was read, from another kernel or from the service, is not
missing in it, only unknown to it. So each frame carries the ids that it showed (`DataFrame.attrs`),
and nothing else is deleted when it, or what became of it, is assigned.

What was changed in the draft after a frame was read is not put back by it: with the frame's
`Baseline`, only cells that were changed in the frame are set. Where both changed a text, the one
that stands is kept and the frame's is offered beside it.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.dataset.allowed_text import caption_text, name_text
from phoenix_nbtrain.dataset.baselines import COMPUTED, Baseline, Cells, Computed
from phoenix_nbtrain.dataset.edits import PAIRS_MAX, Op
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.dataset.pairing import recognised
from phoenix_nbtrain.dataset.table_reader import read_table
from phoenix_nbtrain.draft import COLUMNS, Draft, ImageRow, PairRow, new_pair_id
from phoenix_nbtrain.errors import InputError, PairError
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset.checks import Finding

IMAGE_COLUMNS = {
    "name": "str",
    "caption": "str",
    "automatic_caption": "str",
    "width": "Int64",
    "height": "Int64",
    "bytes": "Int64",
    "state": "str",
    "reason": "str",
    "asset_id": "str",
}
_SHOWN = "phoenix_nbtrain.shown"
"""Where a frame keeps the ids it showed: a list, since pandas writes attributes as JSON."""
PAIR_COLUMNS = {
    "source": "str",
    "target": "str",
    "instruction": "str",
    "state": "str",
    "reason": "str",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What assigning a frame comes to."""

    ops: tuple[Op, ...]
    """The operations that lead from the draft to the frame."""
    cells: Cells
    """What the frame holds, its pairs resolved."""
    computed: Computed = field(default_factory=dict)
    """What it holds besides that cannot be set."""
    removed: int = 0
    """Rows of the frame that were removed since it was read, and stay removed."""
    left_out: int = 0
    """Pairs of images that a person removed, which are passed over."""

    @property
    def said(self) -> dict[tuple[str, str], str]:
        """The cells that are set, by row id and column."""
        return {(op["row"], op["column"]): op["value"] for op in self.ops if op["op"] == "set"}

    @property
    def words(self) -> str:
        """What somebody who assigns it should know; empty where all of it is taken."""
        offers = [op for op in self.ops if op["op"] == "offer"]
        said = []
        if offers:
            noun = "caption" if offers[0]["table"] == "images" else "instruction"
            were = f"{noun} was" if len(offers) == 1 else f"{noun}s were"
            said.append(
                f"{len(offers):,} {were} changed both in the frame and here since it was "
                "read. The current text is kept; take_theirs() uses the frame's."
            )
        if self.removed:
            were, stay = ("row was", "stays") if self.removed == 1 else ("rows were", "stay")
            said.append(
                f"{self.removed:,} {were} removed here since the frame was read, and {stay} out."
            )
        if self.left_out:
            were = "pair was" if self.left_out == 1 else "pairs were"
            said.append(f"{self.left_out:,} {were} left out: you removed an image of each.")
        return " ".join(said)


def images_frame(draft: Draft) -> pd.DataFrame:
    """Return the images, indexed by ``image_id``. The dtypes are the same when there are none."""
    rows = [
        (
            r.name,
            r.caption,
            r.automatic_caption,
            r.width,
            r.height,
            r.bytes,
            r.state,
            _reason(r),
            r.asset_id,
        )
        for r in draft.images
    ]
    return _frame(rows, IMAGE_COLUMNS, [r.image_id for r in draft.images], "image_id")


def pairs_frame(draft: Draft) -> pd.DataFrame:
    """Return the pairs, indexed by ``pair_id``; source and target are image ids."""
    rows = [
        (r.source, r.target, r.instruction, draft.pair_state(r), _reason(r)) for r in draft.pairs
    ]
    return _frame(rows, PAIR_COLUMNS, [r.pair_id for r in draft.pairs], "pair_id")


def _reason(row: ImageRow | PairRow) -> str:
    if row.refusal or row.offered is None:
        return row.refusal
    return f"A different text from a frame: “{shown(row.offered, 80)}”"


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return what `checks.check` found, the row's id beside each finding."""
    found = list(findings)
    columns = {"severity": "str", "kind": "str", "row": "str", "message": "str"}
    rows = [(f.severity, f.kind, f.image_id or f.pair_id, f.message) for f in found]
    return _frame(rows, columns, None, None)


def images_from_frame(
    draft: Draft,
    frame: object,
    *,
    known: Collection[str] | None = None,
    baseline: Baseline | None = None,
) -> Assignment:
    """Return the operations that make the draft's images those of ``frame``.

    Rows that the frame showed and that are missing from it are deleted; for one that lost what it
    showed (a merge, a frame made anew) they are the ``known`` ones, by default all. Changed names
    and captions are set, a missing caption (NaN) is an empty one, and the order is taken over.
    Sizes and states are computed: sizes must be what they were, and states and automatic captions
    are ignored, since they may have moved on.

    Args:
        draft: what stands.
        frame: what is assigned.
        known: the ids that a frame showed which does not tell.
        baseline: what the frame held when it was read; what is still the same in it changes
            nothing. ``None`` where that is not known: then all that differs is set.

    Raises:
        InputError: not a DataFrame, ``name`` or ``caption`` is missing, an unknown column, an
            index that is not unique or not of this draft's images, a value of a wrong kind, or a
            name that was changed both in the frame and in the draft.
    """
    table = _shaped(frame, "images", ("name", "caption"), IMAGE_COLUMNS)
    _check_ids(draft, table)
    cells, computed, sets = _image_cells(draft, _data(table, "images"), baseline)
    wanted = [image_id for image_id in cells if image_id in draft.image]
    missing = _shown(frame, draft.image if known is None else known).difference(wanted)
    gone = [i for i in draft.image if i in missing]
    left = [i for i in draft.image if i not in missing]
    deletes: list[Op] = [{"op": "delete", "table": "images", "row": i} for i in gone]
    order = _order("images", left, _placed(left, wanted, _cells_of(baseline)), {})
    return Assignment(
        ops=(*sets, *deletes, *order),
        cells=cells,
        computed=computed,
        removed=len(cells) - len(wanted),
    )


def _image_cells(
    draft: Draft, data: Iterable[tuple[Any, dict[str, Any]]], baseline: Baseline | None
) -> tuple[dict[str, tuple[str, ...]], dict[str, dict[str, Any]], list[Op]]:
    """Return what a frame holds, by image id, what of it is computed, and what is to be set.

    Raises:
        InputError: a row is none of the draft's, or a value of it cannot be taken.
    """
    read = _cells_of(baseline)
    problems: list[tuple[object, str]] = []
    cells: dict[str, tuple[str, ...]] = {}
    computed: dict[str, dict[str, Any]] = {}
    sets: list[Op] = []
    for image_id, values in data:
        row = draft.image.get(image_id) if isinstance(image_id, str) else None
        if row is None and image_id not in read:
            problems.append((image_id, "not an image of this training; add_images() adds images"))
            continue
        try:
            new = cells[image_id] = (name_text(values["name"]), _text(values["caption"]))
            computed[image_id] = {c: values[c] for c in COMPUTED if c in values}
            if row is not None:
                _check_computed(row, computed[image_id], baseline)
                sets += _changes("images", image_id, row, new, baseline)
            elif new != read[image_id]:
                raise InputError("the frame changes it, but it has been removed since")
        except InputError as error:
            problems.append((image_id, error.message))
    if problems:
        raise InputError(**_told("image", problems))
    return cells, computed, sets


def pairs_from_frame(
    draft: Draft,
    frame: object,
    *,
    known: Collection[str] | None = None,
    baseline: Baseline | None = None,
) -> Assignment:
    """Return the operations that make the draft's pairs those of ``frame``.

    ``source`` and ``target`` may be image ids, asset ids, file names or paths. The index may hold
    pair ids of the draft; rows under any other label are new, and are matched with pairs of the
    same source and target, so that assigning the same table twice changes nothing. A list of
    dicts and the path of a CSV or JSON lines file are taken as tables too. Pairs that the frame
    showed and that are missing from it are deleted; for a table that lost what it showed, or
    never did, they are the ``known`` ones, by default all. New rows that name an image which a
    person removed are passed over.

    Args:
        draft: what stands.
        frame: what is assigned.
        known: the ids that a frame showed which does not tell.
        baseline: as for `images_from_frame`.

    Raises:
        PairError: an image that is unknown or ambiguous, or is its own target, or a side that
            was changed both in the frame and in the draft.
        InputError: not a table, a missing or unknown column, a doubled index, too many rows.
    """
    frame = _as_frame(frame)
    data = _data(_shaped(frame, "pairs", ("source", "target"), PAIR_COLUMNS), "pairs")
    if len(data) > PAIRS_MAX:
        raise InputError(
            f"The table has {len(data):,} pairs.", remedy=f"At most {PAIRS_MAX:,} are allowed."
        )
    shown_ids = _shown(frame, draft.pair if known is None else known)
    rows, sets, passed = _pair_rows(draft, data, shown_ids, baseline)
    read, cells = _cells_of(baseline), {row.pair_id: row.triple for row in rows}
    gone = dict.fromkeys(_gone_pairs(draft, shown_ids.difference(cells), cells, baseline))
    deletes: list[Op] = [{"op": "delete", "table": "pairs", "row": p} for p in gone]
    wanted = {
        row.pair_id: row for row in rows if row.pair_id in draft.pair or row.pair_id not in read
    }
    left = [p for p in draft.pair if p not in gone]
    inserts = {pair_id: row for pair_id, row in wanted.items() if pair_id not in draft.pair}
    order = _order("pairs", left, _placed(left, list(wanted), read), inserts)
    return Assignment(
        ops=(*deletes, *sets, *order),
        cells=cells,
        removed=len(cells) - len(wanted),
        left_out=passed,
    )


def _pair_rows(
    draft: Draft,
    data: Iterable[tuple[Any, dict[str, Any]]],
    shown_ids: Collection[str],
    baseline: Baseline | None,
) -> tuple[list[PairRow], list[Op], int]:
    """Return the pairs that a frame holds, what of them is to be set, and how many are passed over.

    Raises:
        PairError: a row's pair or image is unknown, or a value of it cannot be taken.
    """
    lookup, removed = Lookup(draft.images), left_out.Names(draft)
    read = {i: _read_pair(i, values) for i, values in _cells_of(baseline).items()}
    problems: list[tuple[object, str]] = []
    labels: list[object] = []
    rows: list[PairRow] = []
    passed = 0
    for label, values in data:
        standing = read.get(label) or draft.pair.get(label) if isinstance(label, str) else None
        if standing is None and isinstance(label, str) and label.startswith("pair_"):
            problems.append((label, "not a pair of this training"))
            continue
        try:
            row = _pair(values, standing, lookup)
        except InputError as error:
            if standing is None and any(values[side] in removed for side in ("source", "target")):
                passed += 1
            else:
                problems.append((label, error.message))
            continue
        labels.append(label)
        rows.append(row)
    claimed = {row.pair_id for row in rows}
    candidates = (*read.values(), *(row for row in draft.pairs if row.pair_id not in read))
    free = [row for row in candidates if row.pair_id not in claimed]
    new = [None if row.pair_id else row.triple for row in rows]
    named = recognised(free, new, shown_ids)
    rows = [
        row if row.pair_id else replace(row, pair_id=named.get(i) or new_pair_id())
        for i, row in enumerate(rows)
    ]
    sets: list[Op] = []
    for label, row in zip(labels, rows, strict=True):
        try:
            sets += _pair_changes(draft, row, baseline)
        except InputError as error:
            problems.append((label, error.message))
    if problems:
        raise PairError(**_told("pair", problems))
    return rows, sets, passed


def _gone_pairs(
    draft: Draft, missing: Collection[str], kept: Collection[str], baseline: Baseline | None
) -> list[str]:
    """Return the pairs to delete, of those that are missing from a frame which showed them."""
    gone = [p for p in draft.pair if p in missing]
    if baseline is not None:
        return gone
    # A table that never showed them chooses nothing: what somebody else wrote waits.
    theirs = {(row.source, row.target, row.theirs) for row in draft.pairs if row.pair_id in kept}
    return [p for p in gone if draft.pair[p].triple not in theirs]


def _as_frame(table: object) -> object:
    """Return a list of dicts or a file's path as a frame, and what is neither as it is."""
    if isinstance(table, str | os.PathLike):
        return _frame_of_file(Path(table))
    if isinstance(table, list | tuple) and all(isinstance(row, dict) for row in table):
        import pandas as pd

        return pd.DataFrame(list(table), columns=None if table else ["source", "target"])
    return table


def _cells_of(baseline: Baseline | None) -> Cells:
    """Return what a frame held when it was read; nothing where that is not known."""
    return baseline.cells if baseline else {}


def _frame_of_file(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = read_table(path).faultless()
    cells = [[row.cells.get(column) for column in table.columns] for row in table.rows]
    return pd.DataFrame(cells, columns=table.columns, dtype="object")


def _read_pair(pair_id: str, values: tuple[str, ...]) -> PairRow:
    source, target, instruction = values
    return PairRow(pair_id=pair_id, source=source, target=target, instruction=instruction)


def _pair(values: dict[str, Any], standing: PairRow | None, lookup: Lookup) -> PairRow:
    if "instruction" in values:
        instruction = _text(values["instruction"], "instruction")
    else:
        instruction = standing.instruction if standing else ""
    sides: list[str] = []
    for side in ("source", "target"):
        value = values[side]
        if standing is not None and value == getattr(standing, side):
            sides.append(value)  # as it was, its image perhaps removed meanwhile
        else:
            sides.append(lookup.find(None if _missing(value) else value).image_id)
    source, target = sides
    if source == target != "":
        raise PairError("source and target are the same image")
    pair_id = standing.pair_id if standing else ""
    return PairRow(pair_id=pair_id, source=source, target=target, instruction=instruction)


def _pair_changes(draft: Draft, row: PairRow, baseline: Baseline | None) -> list[Op]:
    """Return the operations that set what was changed in a row of the frame.

    Raises:
        InputError: the draft has changed the same, or the pair is gone.
    """
    standing = draft.pair.get(row.pair_id)
    if standing is not None:
        return _changes("pairs", row.pair_id, standing, row.triple, baseline)
    if baseline is not None and baseline.cells.get(row.pair_id, row.triple) != row.triple:
        raise InputError("the frame changes it, but it has been removed since")
    return []


def _changes(
    table: str,
    row_id: str,
    row: ImageRow | PairRow,
    new: tuple[str, ...],
    baseline: Baseline | None,
) -> list[Op]:
    """Return the operations that set what was changed in a row of the frame.

    Raises:
        InputError: a name or a side that was changed in the draft, too, and differently.
    """
    read = baseline.cells.get(row_id) if baseline else None
    ops: list[Op] = []
    for at, column in enumerate(COLUMNS[table]):
        standing, value = getattr(row, column), new[at]
        if value == standing or (read is not None and value == read[at]):
            continue
        op = {"table": table, "row": row_id, "value": value}
        said = baseline.said.get((row_id, column)) if baseline else None
        if read is None or standing in (read[at], said):
            ops.append({"op": "set", "column": column, **op})
        elif column in ("caption", "instruction"):
            ops.append({"op": "offer", **op})
        else:
            raise InputError(f"its {column} was changed here, too; read training.{table} again")
    return ops


def _placed(standing: Sequence[str], wanted: Sequence[str], read: Mapping[str, Any]) -> list[str]:
    """Return the order that a frame asks for: the standing one where the frame's is as it was.

    Args:
        standing: the ids that stay, in order.
        wanted: the frame's ids, in order.
        read: what the frame held when it was read, in order; empty where that is not known.
    """
    known = {i: None for i in wanted if i in read}
    if not read or list(known) != [i for i in read if i in known]:
        return list(wanted)
    order, before, new = list(standing), -1, set(wanted).difference(standing)
    for row_id in wanted if new else ():
        if row_id in new:
            order.insert(before + 1, row_id)  # new in the frame: behind what it stood behind there
        before = order.index(row_id)
    return order


def _order(
    table: str, standing: Sequence[str], wanted: Sequence[str], inserts: dict[str, PairRow]
) -> list[Op]:
    """Return the inserts and moves that lead from one order to the other.

    What stands and is not among ``wanted`` ends up behind it.
    """
    ops: list[Op] = []
    order = list(standing)
    for at, row_id in enumerate(wanted):
        if row_id in inserts:
            row = inserts[row_id]
            source, target, instruction = row.triple
            values = {"source": source, "target": target, "instruction": instruction}
            ops.append({"op": "insert", "table": table, "row": row_id, "at": at, "values": values})
            order.insert(at, row_id)
        elif order[at] != row_id:
            ops.append({"op": "move", "table": table, "row": row_id, "at": at})
            order.remove(row_id)
            order.insert(at, row_id)
    return ops


def _frame(
    rows: Sequence[Sequence[Any]],
    columns: dict[str, str],
    index: Sequence[str] | None,
    index_name: str | None,
) -> pd.DataFrame:
    import pandas as pd

    labels = None if index is None else pd.Index(list(index), dtype="str", name=index_name)
    frame = pd.DataFrame(
        {
            name: pd.Series([row[i] for row in rows], dtype=dtype, index=labels)
            for i, (name, dtype) in enumerate(columns.items())
        },
        index=labels,
    )
    if index is not None:
        frame.attrs[_SHOWN] = list(index)
    return frame


def _shown(frame: object, known: Collection[str]) -> set[str]:
    """Return the ids that a frame showed when it was read, else the known ones."""
    told = getattr(frame, "attrs", {}).get(_SHOWN)
    if isinstance(told, list | tuple) and all(isinstance(i, str) for i in told):
        return set(told)
    return set(known)


def _shaped(frame: object, table: str, needed: Sequence[str], known: Iterable[str]) -> pd.DataFrame:
    """Return a frame once its columns are what they must be."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"training.{table} must be a DataFrame, not {shown(type(frame).__name__, 40)}.",
            remedy=f"Read training.{table}, change the copy and assign it.",
        )
    columns = list(frame.columns)
    index = f"{table.rstrip('s')}_id"
    for name in (index, "index"):
        if name in columns and name not in set(known):
            raise InputError(
                f"The ids are in a column {name!r}, as reset_index() puts them.",
                remedy=f"frame = frame.set_index({name!r}) makes them the index again.",
            )
    for name in needed:
        if columns.count(name) != 1:
            raise InputError(
                f"The table needs one column {name!r}; it has {shown(str(columns), 90)}.",
                remedy="Change a copy of the frame that was read, and assign that.",
            )
    unknown = [c for c in columns if c not in set(known)]
    if unknown:
        raise InputError(
            f"There is no column {shown(unknown[0], 40)} in training.{table}.",
            remedy=f"It has {', '.join(known)}.",
        )
    return frame


def _data(frame: pd.DataFrame, table: str) -> list[tuple[Any, dict[str, Any]]]:
    """Return a frame's rows as label and values, once each has a label of its own."""
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        if table == "images" or str(twice).startswith("pair_"):
            remedy = "frame = frame[~frame.index.duplicated(keep='last')] keeps one row of each."
        else:  # a row of two images, which needs no label of its own
            remedy = "frame = frame.reset_index(drop=True) gives each row its own label."
        raise InputError(
            f"The index contains {shown(twice, 40)} more than once, as after concat().",
            remedy=remedy,
        )
    # Most rows there can be, before a million of them become dicts.
    if len(frame) > PAIRS_MAX:
        raise InputError(
            f"The table has {len(frame):,} rows.",
            remedy=f"At most {PAIRS_MAX:,} are allowed.",
        )
    records = frame.astype("object").to_dict("records")
    return list(zip(frame.index.tolist(), records, strict=True))  # type: ignore[arg-type]


def _check_ids(draft: Draft, frame: pd.DataFrame) -> None:
    """Refuse images whose index holds no image id at all, with the line that brings it back."""
    labels = frame.index.tolist()
    if not labels or any(isinstance(label, str) and label.startswith("img_") for label in labels):
        return
    by_name = Counter(row.name for row in draft.images)
    if _SHOWN in frame.attrs and all(by_name[str(name)] == 1 for name in frame["name"]):
        raise InputError(
            "The index no longer has image ids, as after reset_index(drop=True).",
            remedy="frame.index = frame.name.map({n: i for i, n in training.images.name.items()})",
        )
    raise InputError(
        "The index has no image ids: merge() creates a new one.",
        remedy="Begin with training.images.reset_index().merge(…).set_index('image_id').",
    )


def _missing(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _text(value: object, what: str = "caption") -> str:
    return "" if _missing(value) else caption_text(value, what)


def _check_computed(row: ImageRow, values: Mapping[str, Any], baseline: Baseline | None) -> None:
    """Refuse a computed value that is neither the standing one nor the one that was read.

    Raises:
        InputError: somebody has set it.
    """
    from pandas.api.types import is_scalar

    read = baseline.computed.get(row.image_id, {}) if baseline else {}
    for column, value in values.items():
        standing = getattr(row, column)
        # An array is never equal: comparing it gives an array.
        if _missing(value) or (is_scalar(value) and value in (standing, read.get(column))):
            continue
        if not (column == "asset_id" and standing is None):
            raise InputError(f"{column} is read from the image and cannot be set")


def _told(noun: str, problems: Sequence[tuple[object, str]]) -> dict[str, str]:
    """Return message and remedy that name the first rows and say how many there are."""
    label, reason = problems[0]
    message = f"{noun} {shown(label, 24)}: {shown(reason.rstrip('.'), 95)}"
    more = len(problems) - 1
    if more:
        others = ", ".join(shown(other, 12) for other, _ in problems[1:3])
        message += f" (and {more} more: {others}{', …' if more > 2 else ''})"
    return {"message": message + ".", "remedy": "Nothing changed."}
