"""The image grid: every picture of a training with its caption, edited in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import anywidget
import traitlets

from phoenix_nbtrain.training.state import TrainingState
from phoenix_nbtrain.widgets.base import Answer, Viewed, static_text
from phoenix_nbtrain.widgets.tables import TABLE_CSS, TABLE_JS, TableView, words_of

__all__ = ["ImageGrid"]

SELECTED_MAX = 10_000


class ImageGrid(TableView, anywidget.AnyWidget):
    """The pictures of ``training``, with their captions, states and selection."""

    # Text, not a Path: anywidget keeps closed widgets alive where it watches a file.
    _esm = static_text(*TABLE_JS, "grid.js")
    _css = static_text(*TABLE_CSS, "grid.css")

    summary = traitlets.Dict().tag(sync=True)
    """What stands around the rows: title, counts, sync, whether it is locked."""

    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Ids of the selected images, in the order of selection. Set it to select."""

    table = "images"
    kinds: ClassVar[Mapping[str, str]] = {**TableView.kinds, "select": "_answer_select"}

    def __init__(self, training: Viewed) -> None:
        super().__init__()
        self.watch(training)

    def show(self, state: TrainingState) -> None:
        super().show(state)
        there = [i for i in self.selected if i in state.draft.image]
        if there != self.selected:
            self.selected = there

    def _answer_select(self, request: Mapping[str, Any], answer: Answer) -> None:
        there = self.training.state.draft.image
        ids = words_of(request.get("ids"), "ids", SELECTED_MAX)
        self.selected = [i for i in dict.fromkeys(ids) if i in there]
        answer.ok({"selected": self.selected})
