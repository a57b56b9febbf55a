"""Every change to a draft, as operations that a view, a command and undo all share.

An operation is a JSON object::

    {"op": "set", "table": "images" | "pairs" | "config", "row": id, "column": str, "value": any}
    {"op": "insert", "table": "pairs", "row": id | None, "at": int | None, "values": {...}}
    {"op": "delete", "table": "images" | "pairs", "row": id}
    {"op": "move", "table": "images" | "pairs", "row": id, "at": int}
    {"op": "move", "table": "images" | "pairs", "rows": [id, ...], "by": 1 | -1}
    {"op": "swap", "table": "pairs", "row": id}
    {"op": "offer", "table": "images" | "pairs", "row": id, "value": str | None}
    {"op": "keep", "table": "images" | "pairs" | "config", "row": id, "side": "mine" | "theirs"}

``keep`` chooses where somebody else changed the same caption, pair or parameter meanwhile, or
removed the image on the service. ``offer`` keeps another caption or instruction beside the one
that stands, which ``keep`` then chooses from, too.

Any of them may hold a ``base`` of its own: the revision at which was read what it changes. Those
that hold the same ``line``, a number, are taken together or not at all: a pair of a new source and
an old target would be one that nobody wanted.

Columns of images are ``name`` and ``caption``; of pairs ``source``, ``target`` and ``instruction``.
A source or target is an image id, or whatever names one image: its name, a path, an asset id. It
may be empty for a pair that is still being put together, and says so until it has both. A
configuration's row is the parameter's name, and ``None`` its default.

`apply` is pure and refuses, it never raises: each operation, or line, stands or falls by itself.
What it accepted can be taken back by applying ``inverse`` with ``trusted=True``. Inverses may hold
operations more, which never come from a browser::

    {"op": "set", ..., "over": any}
    {"op": "restore", "table": "images" | "pairs", "at": int, "rows": [row, ...]}
    {"op": "wait", "table": "images" | "pairs", "row": id, "as": row, "over": (theirs, gone)}
    {"op": "wait", "table": "config", "row": id, "value": any}
    {"op": "keep", "table": "config", "row": id, "side": "mine", "value": theirs}
    {"op": "leave out", "table": "images" | "pairs", "rows": [row or pair key, ...]}

An inverse sets a cell only while that holds what the edit put there (``over``): words that somebody
wrote since are not taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phoenix_nbtrain.dataset.apply import PAIRS_MAX, Op, RefusedError, Work, pair_problem
from phoenix_nbtrain.draft import Draft, ImageRow

__all__ = ["PAIRS_MAX", "Applied", "Op", "Refusal", "apply", "insert_images", "pair_problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An operation that was not taken."""

    op: int
    """Its position among the operations given."""
    value: Any
    """What stands in its place; ``None`` where nothing does."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of some operations."""

    draft: Draft
    """The new draft, or the old one itself where nothing was accepted."""
    accepted: tuple[int, ...] = ()
    """Positions of the operations that were taken, those that changed nothing included."""
    refused: tuple[Refusal, ...] = ()
    inverse: tuple[Op, ...] = ()
    """What takes it back, to be applied with ``trusted=True``; empty where nothing changed."""


def apply(
    draft: Draft,
    ops: Sequence[Op],
    *,
    base: int | None = None,
    type_name: str,
    trusted: bool = False,
) -> Applied:
    """Apply ``ops`` to ``draft``, one after the other.

    Args:
        draft: what stands.
        ops: the operations, as described above.
        base: the revision that whoever made them had seen; ``None`` for "whatever stands". On an
            older one a ``set`` or ``swap`` of cells that nobody touched since is taken, anything
            else is refused with what stands.
        type_name: the model type, whose parameters the configuration may hold.
        trusted: whether the operations are an `Applied.inverse`: then rows are restored and
            values put back exactly as they were, without being checked again.
    """
    if isinstance(ops, str | bytes | Mapping) or not isinstance(ops, Sequence):
        return Applied(
            draft=draft, refused=(Refusal(op=0, value=None, reason="Not a list of edits."),)
        )
    broken: dict[int, str] = {}
    """The lines of which one operation was not taken, and why."""
    while True:
        work = Work(draft, base, type_name, trusted)
        accepted, refused = _each(work, ops, broken)
        found = {_line(ops[r.op]): r.reason for r in reversed(refused)}
        new = {line: why for line, why in found.items() if line is not None and line not in broken}
        if not new:
            return _applied(work, accepted, refused)
        broken |= new  # once more from the start, without these lines


def _each(
    work: Work, ops: Sequence[Op], broken: Mapping[int, str]
) -> tuple[list[int], list[Refusal]]:
    """Apply operations one after the other, but those of ``broken`` lines."""
    accepted: list[int] = []
    refused: list[Refusal] = []
    for i, op in enumerate(ops):
        line = _line(op)
        if line is not None and line in broken:
            refused.append(Refusal(op=i, value=_standing(work.before, op), reason=broken[line]))
            continue
        try:
            work.take(op, i)
        except RefusedError as refusal:
            refused.append(Refusal(op=i, value=refusal.value, reason=refusal.reason))
        else:
            accepted.append(i)
    for i, late in work.one_image():
        accepted.remove(i)
        refused.append(Refusal(op=i, value=late.value, reason=late.reason))
    refused.sort(key=lambda each: each.op)
    return accepted, refused


def _line(op: object) -> int | None:
    """Return the line that an operation is of."""
    line = op.get("line") if isinstance(op, Mapping) else None
    return line if isinstance(line, int) else None


def _standing(draft: Draft, op: Op) -> Any:
    """Return what the cell of an operation holds; ``None`` where there is no such cell."""
    rows: Mapping[str, object] = draft.pair if op.get("table") == "pairs" else draft.image
    return getattr(rows.get(str(op.get("row"))), str(op.get("column")), None)


def insert_images(draft: Draft, rows: Iterable[ImageRow], at: int | None = None) -> Applied:
    """Insert new image rows at position ``at``, else at the end. Its inverse deletes them.

    How many a training takes is for the caller to check, and so are the rows' texts. A row whose
    image is there already is refused, not doubled.
    """
    work = Work(draft, None, "", trusted=True)
    accepted: list[int] = []
    refused: list[Refusal] = []
    to = len(draft.images) if at is None else at
    for i, row in enumerate(rows):
        try:
            to = work.insert_image(row, to) + 1
        except RefusedError as refusal:
            refused.append(Refusal(op=i, value=None, reason=refusal.reason))
        else:
            accepted.append(i)
    return _applied(work, accepted, refused)


def _applied(work: Work, accepted: Sequence[int], refused: Sequence[Refusal]) -> Applied:
    if not accepted:
        return Applied(draft=work.before, refused=tuple(refused))
    after = work.draft()
    return Applied(
        draft=after,
        accepted=tuple(accepted),
        refused=tuple(refused),
        inverse=tuple(reversed(work.inverse)),
    )
