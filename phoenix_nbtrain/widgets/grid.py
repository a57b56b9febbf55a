"""The image grid: every image of a training with its caption, edited in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import shown
from phoenix_nbtrain.widgets.base import Answer, bundle
from phoenix_nbtrain.widgets.row_view import RowView, words_of
from phoenix_nbtrain.widgets.snapshot import markup
from phoenix_nbtrain.widgets.snapshot.markup import Section

SELECTED_MAX = 10_000
PATH_MAX = 4096
EMPTY = (
    "No images yet",
    "Add a folder, files, a zip or PIL images. They appear at once and upload in the background.",
    'training.add_images("my-images/")',
)
"""What a grid without images says: a heading, a sentence and code."""
DENSITIES = ("small", "medium", "large")


class ImageGrid(RowView, anywidget.AnyWidget):
    """The images of ``training``, with their captions, states and selection."""

    _esm = bundle("grid.js")
    _css = bundle("grid.css")

    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Ids of the selected images, in the order of selection. Set it to select."""

    density = traitlets.Enum(DENSITIES, default_value="medium").tag(sync=True)
    """How large the tiles are: small, medium or large."""

    table = "images"
    parts: ClassVar[Mapping[str, str]] = {
        name: f"grid/{name}.js"
        for name in (
            *("bulk_actions", "caption_editor", "captions_dialog"),
            *("replace_dialog", "shortcuts_help", "viewer"),
        )
    }
    kinds: ClassVar[Mapping[str, str]] = {
        **RowView.kinds,
        "select": "_answer_select",
        "density": "_answer_density",
        "pair": "_answer_pair",
        "replace": "_answer_replace",
    }
    once: ClassVar[frozenset[str]] = RowView.once | {"select", "pair", "replace"}

    def __init__(self, training: object) -> None:
        super().__init__()
        self.watch(training)

    def show(self, state: TrainingState) -> None:
        super().show(state)
        there = self.listing(self.table).there
        still = [i for i in self.selected if i in there]
        if still != self.selected:
            self.selected = still

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        return [markup.images(state.draft)]

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        return {**super()._summary(state), **({} if state.draft.images else {"empty": EMPTY})}

    def _answer_select(self, request: Mapping[str, Any], answer: Answer) -> None:
        there = self.listing(self.table).there
        ids = words_of(request.get("ids"), "ids", SELECTED_MAX)
        self.selected = [i for i in dict.fromkeys(ids) if i in there]
        answer.ok({"selected": self.selected})

    def _answer_density(self, request: Mapping[str, Any], answer: Answer) -> None:
        density = request.get("density")
        if density not in DENSITIES:
            raise InputError(f"There is no density {shown(density, 40)}.", remedy="Reload.")
        self.density = density
        answer.ok({})

    def _answer_summary(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.ok({"summary": self._summary(self.session.state), "selected": self.selected})

    def _answer_pair(self, request: Mapping[str, Any], answer: Answer) -> None:
        ids = words_of(request.get("ids"), "ids", SELECTED_MAX)
        answer.when(
            self.session.pairs.pair_chosen(ids),
            lambda made: {"revision": made[1], "made": len(made[0].ops), "message": str(made[0])},
        )

    def _answer_replace(self, request: Mapping[str, Any], answer: Answer) -> None:
        row, path = words_of([request.get("row"), request.get("path")], "row and path", 2)
        if not path.strip() or len(path) > PATH_MAX:
            raise InputError("No file is named.", remedy="Give the path of an image.")
        source = str(Path(path.strip()).expanduser())
        future = self.session.behind("replace", self.session.adding.replace, row, source)
        answer.when(future, lambda _: self._stands())

    def _stands(self) -> dict[str, int]:
        return {"revision": self.session.state.draft.revision}
