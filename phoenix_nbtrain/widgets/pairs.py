"""The pair table: source, target and what should happen between them, edited in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import anywidget
import traitlets

from phoenix_nbtrain.training.state import TrainingState
from phoenix_nbtrain.widgets import sheets
from phoenix_nbtrain.widgets.base import Viewed, static_text
from phoenix_nbtrain.widgets.sheets import Section
from phoenix_nbtrain.widgets.tables import TABLE_CSS, TABLE_JS, TableView

__all__ = ["PAIRS_JS", "PairTable"]

PAIRS_JS = (*TABLE_JS, "pairs/lines.js", "pairs/selection.js", "pairs/cells.js", "pairs.js")
"""What the module of the pair table is made of."""


class PairTable(TableView, anywidget.AnyWidget):
    """The pairs of ``training``, to be added, changed, swapped and deleted."""

    # Text, not a Path: anywidget keeps closed widgets alive where it watches a file.
    _esm = static_text(*PAIRS_JS)
    _css = static_text(*TABLE_CSS, "pairs.css")

    summary = traitlets.Dict().tag(sync=True)
    """What stands around the rows: title, counts, sync, whether it is locked."""

    table = "pairs"
    parts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "hands": (
            "pairs/tools.js",
            "chooser.js",
            "pairs/editor.js",
            "pairs/commands.js",
            "pairs/clipboard.js",
            "pairs/hands.js",
        ),
        "paste": ("pairs/paste.js",),
        "keys": ("dialog.js", "pairs/keys.js"),
    }

    def __init__(self, training: Viewed) -> None:
        super().__init__()
        self.watch(training)

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        return [sheets.pairs(state.draft)]
