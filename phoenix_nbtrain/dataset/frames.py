"""The draft as DataFrames, and DataFrames as edits of the draft.

A frame is a copy. Assigning one makes it the truth, all or nothing: the functions here either
return the operations that lead from the draft to the frame, or raise an error that names the rows.

What came into the draft after a frame was read, from another kernel or from the service, is not
missing in it, only unknown to it. So each frame carries the ids that it showed (`DataFrame.attrs`),
and nothing else is deleted when it, or what became of it, is assigned.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain.dataset.edits import PAIRS_MAX, Op
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.dataset.tables import read_table
from phoenix_nbtrain.dataset.text import caption_text, name_text
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, new_pair_id
from phoenix_nbtrain.errors import InputError, PairError, shown

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset.checks import Finding

__all__ = [
    "findings_frame",
    "images_frame",
    "images_from_frame",
    "pairs_frame",
    "pairs_from_frame",
]

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
            r.refusal,
            r.asset_id,
        )
        for r in draft.images
    ]
    return _frame(rows, IMAGE_COLUMNS, [r.image_id for r in draft.images], "image_id")


def pairs_frame(draft: Draft) -> pd.DataFrame:
    """Return the pairs, indexed by ``pair_id``; source and target are image ids."""
    rows = [
        (r.source, r.target, r.instruction, draft.pair_state(r), r.refusal) for r in draft.pairs
    ]
    return _frame(rows, PAIR_COLUMNS, [r.pair_id for r in draft.pairs], "pair_id")


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return what `checks.check` found, the row's id beside each finding."""
    found = list(findings)
    columns = {"severity": "str", "kind": "str", "row": "str", "message": "str"}
    rows = [(f.severity, f.kind, f.image_id or f.pair_id, f.message) for f in found]
    return _frame(rows, columns, None, None)


def images_from_frame(
    draft: Draft, frame: object, *, known: Collection[str] | None = None
) -> tuple[Op, ...]:
    """Return the operations that make the draft's images those of ``frame``.

    Rows that the frame showed and that are missing from it are deleted; for one that lost what it
    showed (a merge, a frame made anew) they are the ``known`` ones, by default all. Changed names and captions are set, a missing caption (NaN)
    is an empty one, and the order is taken over. Sizes and states are computed: sizes must be
    what they were, and states and automatic captions are ignored, since they may have moved on.

    Raises:
        InputError: not a DataFrame, ``name`` or ``caption`` is missing, an unknown column, an
            index that is not unique or not of this draft's images, or a value of a wrong kind.
    """
    data = _data(frame, "images", ("name", "caption"), IMAGE_COLUMNS)
    problems: list[tuple[object, str]] = []
    ops: list[Op] = []
    for image_id, values in data:
        row = draft.image.get(image_id) if isinstance(image_id, str) else None
        if row is None:
            problems.append((image_id, "no image of this training; add_images() adds pictures"))
            continue
        try:
            new = {"name": name_text(values["name"]), "caption": _text(values["caption"])}
            _computed(row, values)
        except InputError as error:
            problems.append((image_id, error.message))
            continue
        ops += [
            {"op": "set", "table": "images", "row": image_id, "column": c, "value": v}
            for c, v in new.items()
            if v != getattr(row, c)
        ]
    if problems:
        raise InputError(**_told("image", problems))
    wanted = [image_id for image_id, _ in data]
    missing = _shown(frame, draft.image if known is None else known).difference(wanted)
    gone = [i for i in draft.image if i in missing]
    ops += [{"op": "delete", "table": "images", "row": image_id} for image_id in gone]
    left = [i for i in draft.image if i not in missing]
    return (*ops, *_order("images", left, wanted, {}))


def pairs_from_frame(
    draft: Draft, frame: object, *, known: Collection[str] | None = None
) -> tuple[Op, ...]:
    """Return the operations that make the draft's pairs those of ``frame``.

    ``source`` and ``target`` may be image ids, asset ids, file names or paths. The index may hold
    pair ids of the draft; rows under any other label are new, and are matched with pairs of the
    same source and target, so that assigning the same table twice changes nothing. A list of
    dicts and the path of a CSV or JSON lines file are taken as tables too. Pairs that the frame
    showed and that are missing from it are deleted; for a table that lost what it showed, or
    never did, they are the ``known`` ones, by default all.

    Raises:
        PairError: a picture that is unknown or ambiguous, or is its own target.
        InputError: not a table, a missing or unknown column, a doubled index, too many rows.
    """
    if isinstance(frame, list | tuple) and all(isinstance(row, dict) for row in frame):
        import pandas as pd

        frame = pd.DataFrame(list(frame), columns=None if frame else ["source", "target"])
    elif isinstance(frame, str | os.PathLike):
        frame = read_table(Path(frame))
    data = _data(frame, "pairs", ("source", "target"), PAIR_COLUMNS)
    if len(data) > PAIRS_MAX:
        raise InputError(
            f"The table has {len(data):,} pairs.", remedy=f"A draft takes at most {PAIRS_MAX:,}."
        )
    lookup = Lookup(draft.images)
    problems: list[tuple[object, str]] = []
    rows: list[tuple[object, PairRow]] = []
    for label, values in data:
        standing = draft.pair.get(label) if isinstance(label, str) else None
        if standing is None and isinstance(label, str) and label.startswith("pair_"):
            problems.append((label, "no pair of this training"))
            continue
        try:
            rows.append((label, _pair(values, standing, lookup)))
        except InputError as error:
            problems.append((label, error.message))
    if problems:
        raise PairError(**_told("pair", problems))
    shown_ids = _shown(frame, draft.pair if known is None else known)
    return _pair_ops(draft, _recognised(draft, [pair for _, pair in rows], shown_ids), shown_ids)


def _pair(values: dict[str, Any], standing: PairRow | None, lookup: Lookup) -> PairRow:
    if "instruction" in values:
        instruction = _text(values["instruction"], "instruction")
    else:
        instruction = standing.instruction if standing else ""
    sides: list[str] = []
    for side in ("source", "target"):
        value = values[side]
        if standing is not None and value == getattr(standing, side):
            sides.append(value)  # as it was, its picture perhaps removed meanwhile
        else:
            sides.append(lookup.find(None if _missing(value) else value).image_id)
    source, target = sides
    if source == target != "":
        raise PairError("source and target are the same picture")
    pair_id = standing.pair_id if standing else ""
    return PairRow(pair_id=pair_id, source=source, target=target, instruction=instruction)


def _recognised(
    draft: Draft, wanted: Sequence[PairRow], shown_ids: Collection[str]
) -> list[PairRow]:
    """Give new rows the ids of unclaimed pairs with the same pictures, else fresh ones.

    A pair that was not shown is recognised where it is the same in all, and never rewritten.
    """
    claimed = {row.pair_id for row in wanted if row.pair_id}
    named: dict[int, str] = {}
    for length in (3, 2):  # first those that are the same in all, then in source and target
        free: dict[tuple[str, ...], list[str]] = {}
        for row in draft.pairs:
            if row.pair_id not in claimed and (length == 3 or row.pair_id in shown_ids):
                free.setdefault(row.triple[:length], []).append(row.pair_id)
        for i, row in enumerate(wanted):
            ids = [] if row.pair_id or i in named else free.get(row.triple[:length], [])
            if ids:
                named[i] = ids.pop(0)
                claimed.add(named[i])
    return [
        PairRow(
            pair_id=row.pair_id or named.get(i) or new_pair_id(),
            source=row.source,
            target=row.target,
            instruction=row.instruction,
        )
        for i, row in enumerate(wanted)
    ]


def _pair_ops(
    draft: Draft, wanted: Sequence[PairRow], shown_ids: Collection[str]
) -> tuple[Op, ...]:
    gone = set(shown_ids).difference(row.pair_id for row in wanted)
    ops: list[Op] = [{"op": "delete", "table": "pairs", "row": p} for p in draft.pair if p in gone]
    inserts: dict[str, PairRow] = {}
    for row in wanted:
        standing = draft.pair.get(row.pair_id)
        if standing is None:
            inserts[row.pair_id] = row
            continue
        ops += [
            {
                "op": "set",
                "table": "pairs",
                "row": row.pair_id,
                "column": column,
                "value": getattr(row, column),
            }
            for column in ("source", "target", "instruction")
            if getattr(row, column) != getattr(standing, column)
        ]
    left = [p for p in draft.pair if p not in gone]
    return (*ops, *_order("pairs", left, [row.pair_id for row in wanted], inserts))


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


def _data(
    frame: object, table: str, needed: Sequence[str], known: Iterable[str]
) -> list[tuple[Any, dict[str, Any]]]:
    """Return a frame's rows as label and values, once its shape is what it must be."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"training.{table} takes a DataFrame, not {shown(type(frame).__name__, 40)}.",
            remedy=f"Read training.{table}, change the copy and assign it.",
        )
    columns = list(frame.columns)
    for name in needed:
        if columns.count(name) != 1:
            raise InputError(
                f"The table needs one column {name!r}; it has {shown(str(columns), 90)}."
            )
    unknown = [c for c in columns if c not in set(known)]
    if unknown:
        raise InputError(
            f"There is no column {shown(unknown[0], 40)} in training.{table}.",
            remedy=f"It has {', '.join(known)}.",
        )
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise InputError(
            f"The index holds {shown(twice, 60)} more than once.",
            remedy="Each row needs its own label; reset_index(drop=True) makes new ones.",
        )
    # Most rows there can be, before a million of them become dicts.
    if len(frame) > PAIRS_MAX:
        raise InputError(
            f"The table has {len(frame):,} rows.",
            remedy=f"A draft takes at most {PAIRS_MAX:,}.",
        )
    records = frame.astype("object").to_dict("records")
    return list(zip(frame.index.tolist(), records, strict=True))  # type: ignore[arg-type]


def _missing(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _text(value: object, what: str = "caption") -> str:
    return "" if _missing(value) else caption_text(value, what)


def _computed(row: ImageRow, values: dict[str, Any]) -> None:
    for column in ("width", "height", "bytes", "asset_id"):
        if column not in values or _missing(values[column]):
            continue
        standing = getattr(row, column)
        if values[column] != standing and not (column == "asset_id" and standing is None):
            raise InputError(f"{column} is read from the picture and cannot be set")


def _told(noun: str, problems: Sequence[tuple[object, str]]) -> dict[str, str]:
    """Return message and remedy that name the first rows and say how many there are."""
    label, reason = problems[0]
    message = f"{noun} {shown(label, 24)}: {shown(reason.rstrip('.'), 95)}"
    more = len(problems) - 1
    if more:
        others = ", ".join(shown(other, 12) for other, _ in problems[1:3])
        message += f" (and {more} more: {others}{', …' if more > 2 else ''})"
    return {"message": message + ".", "remedy": "Nothing changed."}
