"""What the image grid and the pair table share: pages of rows, thumbnails, edits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError, shown
from phoenix_nbtrain.training.state import TrainingState
from phoenix_nbtrain.widgets.base import (
    BASE_JS,
    MESSAGE_MAX,
    Answer,
    View,
    static_text,
    summary_of,
)

__all__ = ["TABLE_CSS", "TABLE_JS", "TableView", "words_of"]

TABLE_JS = (*BASE_JS, "rows.js", "edits.js", "frame.js", "parts.js")
"""What the module of a view of rows begins with."""
TABLE_CSS = ("theme.css", "dialog.css")

PAGE = 100
"""Most rows, or thumbnails, in one reply."""


def words_of(value: object, what: str, most: int) -> list[str]:
    """Return a list of texts as a request gave it.

    Raises:
        InputError: it is none, or longer than ``most``.
    """
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise InputError(f"The request's {what} are no list of texts.", remedy="Reload the page.")
    if len(value) > most:
        raise InputError(f"The request has more than {most:,} {what}.", remedy="Ask for fewer.")
    return value


def number_of(value: object, what: str) -> int:
    """Return a count as a request gave it.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"The request's {what} is no count.", remedy="Reload the page.")
    return value


def _sendable(text: str) -> str:
    # A lone surrogate cannot be written as UTF-8 and would take the whole message down with it.
    return text.encode("utf-8", "replace").decode("utf-8")


def _image(row: ImageRow, pairs: int) -> dict[str, Any]:
    return {
        "image_id": row.image_id,
        "name": _sendable(row.name),
        "caption": _sendable(row.caption),
        "automatic_caption": _sendable(row.automatic_caption),
        "width": row.width,
        "height": row.height,
        "bytes": row.bytes,
        "state": row.state,
        "reason": _sendable(row.refusal),
        "theirs": None if row.theirs is None else _sendable(row.theirs),
        "gone": row.gone,
        "pairs": pairs,
        # Changes with the picture, so that a browser knows an old thumbnail for one.
        "picture": (row.content_hash or row.asset_id or "")[:16],
    }


def _pair(row: PairRow, draft: Draft) -> dict[str, Any]:
    names = {side: draft.image.get(image_id) for side, image_id in _sides(row)}
    return {
        "pair_id": row.pair_id,
        "source": row.source,
        "target": row.target,
        **{f"{side}_name": _sendable(image.name) if image else "" for side, image in names.items()},
        "instruction": _sendable(row.instruction),
        "state": draft.pair_state(row),
        "reason": _sendable(row.refusal),
        "theirs": None if row.theirs is None else _sendable(row.theirs),
    }


def _sides(row: PairRow) -> tuple[tuple[str, str], tuple[str, str]]:
    return (("source", row.source), ("target", row.target))


class TableView(View):
    """Mixin for views that page through images or pairs and edit them."""

    kinds: ClassVar[Mapping[str, str]] = {
        "summary": "_answer_summary",
        "rows": "_answer_rows",
        "part": "_answer_part",
        "thumbnails": "_answer_thumbnails",
        "edit": "_answer_edit",
        "undo": "_answer_undo",
        "redo": "_answer_redo",
    }
    once: ClassVar[frozenset[str]] = frozenset({"edit", "undo", "redo"})

    table: ClassVar[str]
    parts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Modules that the page asks for when it first needs them, by name: the files of each."""

    _draft: Draft | None = None
    _version = 0

    def show(self, state: TrainingState) -> None:
        if state.draft is not self._draft:
            self._draft = state.draft
            self._version += 1  # rows can change without a revision: being sent, being saved
        self.summary = self._summary(state)

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        images, pairs = state.draft.images, state.draft.pairs
        mine: Sequence[ImageRow | PairRow] = images if self.table == "images" else pairs
        counts = {
            "images": len(images),
            "pairs": len(pairs),
            "uncaptioned": sum(not row.caption for row in images),
            "uninstructed": sum(not row.instruction for row in pairs),
            "refused": sum(bool(row.refusal) for row in mine),
        }
        summary = summary_of(self.training, state, counts)
        return {**summary, "total": len(mine), "version": self._version}

    def _answer_summary(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.ok({"summary": self._summary(self.training.state)})

    def _answer_part(self, request: Mapping[str, Any], answer: Answer) -> None:
        name = request.get("name")
        if not isinstance(name, str) or name not in self.parts:
            raise InputError(f"There is no part {shown(name, 40)}.", remedy="Reload the page.")
        answer.ok({"text": static_text(*self.parts[name])})

    def _answer_rows(self, request: Mapping[str, Any], answer: Answer) -> None:
        draft = self.training.state.draft
        start = number_of(request.get("start"), "start")
        stop = min(number_of(request.get("stop"), "stop"), start + PAGE)
        table = request.get("table")
        if table == "images":
            rows = draft.images[start:stop]
            uses = Counter(image_id for pair in draft.pairs for _, image_id in _sides(pair))
            answer.ok(_page(draft, len(draft.images), [_image(r, uses[r.image_id]) for r in rows]))
        elif table == "pairs":
            pairs = draft.pairs[start:stop]
            answer.ok(_page(draft, len(draft.pairs), [_pair(row, draft) for row in pairs]))
        else:
            raise InputError(f"There is no table {shown(table, 40)}.", remedy="Reload the page.")

    def _answer_thumbnails(self, request: Mapping[str, Any], answer: Answer) -> None:
        ids = words_of(request.get("ids"), "ids", PAGE)
        px = min(max(number_of(request.get("px"), "size"), 16), 1024)
        answer.thumbnails(ids, self.training.thumbnails(ids, px))

    def _answer_edit(self, request: Mapping[str, Any], answer: Answer) -> None:
        ops = request.get("ops")
        if not isinstance(ops, list) or not all(isinstance(op, dict) for op in ops):
            raise InputError("The request's edits are no list.", remedy="Reload the page.")
        base = number_of(request.get("base"), "revision")
        answer.when(self.training.edit(ops, base), _outcome)

    def _answer_undo(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.when(self.training.undo_later(), _outcome)

    def _answer_redo(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.when(self.training.redo_later(), _outcome)


def _page(draft: Draft, total: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"revision": draft.revision, "total": total, "rows": rows}


def _outcome(reply: Any) -> dict[str, Any]:
    return {
        "revision": reply.revision,
        "accepted": list(reply.accepted),
        "refused": [
            {"op": r.op, "value": r.value, "reason": shown(r.reason, MESSAGE_MAX)}
            for r in reply.refused
        ],
    }
