"""The pair table: source, target and what should happen between them, edited in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import anywidget

from phoenix_nbtrain.dataset.edits import PAIRS_MAX
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import Answer, bundle
from phoenix_nbtrain.widgets.row_sources import DraftPairs, sendable
from phoenix_nbtrain.widgets.row_view import RowView, text_of, words_of
from phoenix_nbtrain.widgets.snapshot import markup
from phoenix_nbtrain.widgets.snapshot.markup import Section

EMPTY = (
    "No pairs yet",
    "Pair images by their names, add pairs one by one, or paste them from a spreadsheet.",
    'training.pair_up(instruction="colour the line drawing")',
)
"""What a table without pairs says: a heading, a sentence and code."""
EMPTY_WITHOUT_IMAGES = (
    "No pairs yet",
    "A pair needs two images. Add some first.",
    'training.add_images("my-images/")',
)
ROWS_TOLD = 500
"""Most lines of a file whose fates are sent to the page."""


class PairTable(RowView, anywidget.AnyWidget):
    """The pairs of ``training``, to be added, changed, swapped and deleted."""

    _esm = bundle("pairs.js")
    _css = bundle("pairs.css")

    table = "pairs"
    parts: ClassVar[Mapping[str, str]] = {
        name: f"pairs/{name}.js"
        for name in (
            *("compare_dialog", "files_dialog", "input"),
            *("paste", "shortcuts_help", "template_dialog"),
        )
    }

    kinds: ClassVar[Mapping[str, str]] = {
        **RowView.kinds,
        "template": "_answer_template",
        "pair up": "_answer_pair_up",
        "add pairs": "_answer_add_pairs",
        "save pairs": "_answer_save_pairs",
        "pairs as text": "_answer_text",
    }
    once: ClassVar[frozenset[str]] = RowView.once | {"pair up", "add pairs", "save pairs"}

    def __init__(self, training: object) -> None:
        super().__init__()
        self.watch(training)

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        rows = self.listing("pairs").source
        assert isinstance(rows, DraftPairs)
        empty = EMPTY if len(state.draft.images) > 1 else EMPTY_WITHOUT_IMAGES
        more = {} if state.draft.pairs else {"empty": empty}
        return {**super()._summary(state), "needs": rows.needs, **more}

    # -- requests ----------------------------------------------------------------------------------

    def _answer_template(self, request: Mapping[str, Any], answer: Answer) -> None:
        """Tell what a template would say of some pairs. Changes nothing."""
        draft = self.session.state.draft
        ids = words_of(request.get("rows"), "pairs", PAIRS_MAX)
        texts = self.session.pairs.instructions_from(text_of(request, "text"), ids)
        numbers = {row.pair_id: n for n, row in enumerate(draft.pairs, 1)}
        rows = [
            {
                "row": i,
                "n": numbers[i],
                "before": sendable(draft.pair[i].instruction),
                "after": sendable(text),
            }
            for i, text in texts.items()
        ]
        answer.ok({"rows": rows})

    def _answer_pair_up(self, request: Mapping[str, Any], answer: Answer) -> None:
        future = self.session.behind(
            "pairs", self.session.pairs.pair_up, instruction=text_of(request, "instruction")
        )
        answer.when(future, lambda found: {"message": sendable(str(found))})

    def _answer_add_pairs(self, request: Mapping[str, Any], answer: Answer) -> None:
        future = self.session.behind("pairs", self.session.pairs.add, _path(request))
        answer.when(future, _told)

    def _answer_save_pairs(self, request: Mapping[str, Any], answer: Answer) -> None:
        overwrite = request.get("overwrite") is True
        future = self.session.behind(
            "pairs", self.session.pairs.save, _path(request), overwrite=overwrite
        )
        answer.when(future, lambda path: {"path": sendable(str(path))})

    def _answer_text(self, request: Mapping[str, Any], answer: Answer) -> None:
        kind = "jsonl" if request.get("format") == "jsonl" else "csv"
        answer.ok({"text": sendable(self.session.pairs.text(kind))})

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        return [markup.pairs(state.draft)]


def _path(request: Mapping[str, Any]) -> str:
    path = text_of(request, "path").strip()
    if not path:
        raise InputError("No file is named.", remedy="Give its path, for example pairs.csv.")
    return path


def _told(report: Any) -> dict[str, Any]:
    rows = [
        {
            "line": row.line,
            "fate": row.fate,
            "names": f"{shown(row.source, 40)} → {shown(row.target, 40)}",
            "reason": shown(row.reason, MESSAGE_MAX),
        }
        for row in report.told[:ROWS_TOLD]
    ]
    return {"summary": report.summary, "rows": rows, "more": len(report.told) - len(rows)}
