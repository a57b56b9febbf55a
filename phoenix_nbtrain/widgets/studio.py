"""The studio: images, pairs, settings, cost and progress of one training, all live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import counted, shown
from phoenix_nbtrain.widgets.form import ConfigForm
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.launch import LaunchPanel
from phoenix_nbtrain.widgets.pairs import PairTable
from phoenix_nbtrain.widgets.panels import Panel, marked, pill, text
from phoenix_nbtrain.widgets.picker.image_picker import ImagePicker
from phoenix_nbtrain.widgets.progress import ProgressPanel
from phoenix_nbtrain.widgets.snapshot.markup import Section


class Studio(Panel):
    """Every view of ``training`` in one place. Only this view knows the others."""

    def __init__(self, training: object) -> None:
        self.images = ImageGrid(training)
        """The images and their captions."""
        self.picker = ImagePicker(training)
        """Where images come from."""
        self.pairs: PairTable | None = None
        """The pairs; ``None`` for types that learn from single images and have none."""
        self.form = ConfigForm(training)
        """The settings."""
        self.launch = LaunchPanel(training)
        """The cost and the start."""
        self.progress = ProgressPanel(training)
        """The run."""
        self._head = marked("nbt-studio-head")
        self._nav = marked("nbt-nav")
        self._images = _part("images", self.picker, self.images)
        self._two = widgets.Box(
            [_part("form", self.form), _part("launch", self.launch)], _dom_classes=("nbt-two",)
        )
        self._run = _part("run", self.progress)
        super().__init__(
            training,
            [self._head, self._nav, self._images, self._two, self._run],
            name="studio",
        )

    def paint(self, state: TrainingState) -> None:
        if self.pairs is None and (self.session.needs_pairs or state.draft.pairs):
            self.pairs = PairTable(self.session)
            part = _part("pairs", self.pairs)
            parts = [self._head, self._nav, self._images, part, self._two, self._run]
            self.children = [*parts, self.dressing]
        for part, words in ((self._head, self._header()), (self._nav, self._tabs(state))):
            if part.value != words:
                part.value = words

    def displayed(self) -> None:
        self.launch.turn(self.launch.displayed)

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        tables = [self.images, *([self.pairs] if self.pairs is not None else [])]
        views = [*tables, self.form, self.launch, self.progress]
        return [section for view in views for section in view.snapshot(state)]

    def words(self) -> str:
        draft = self.session.state.draft
        counts = counted(len(draft.images), "image")
        if draft.pairs:
            counts += f", {counted(len(draft.pairs), 'pair')}"
        return f"{shown(self.session.name, 30)} · {self.session.type} · {counts}"

    def _header(self) -> str:
        pairs = " · pairs" if self.session.needs_pairs else ""
        return (
            f'<div class="nbt-head"><h2 class="nbt-title">{text(self.session.name, 64)}</h2>'
            f'<span class="nbt-pill">{text(self.session.type, 60)}{pairs}</span>'
            f'<span class="nbt-grow"></span>{pill(self.session)}</div>'
        )

    def _tabs(self, state: TrainingState) -> str:
        draft = state.draft
        todo = self.images.listing("images").attention
        tabs = [_tab("images", "Images", f"{len(draft.images):,}", todo)]
        if self.pairs is not None:
            todo = self.pairs.listing("pairs").attention
            tabs.append(_tab("pairs", "Pairs", f"{len(draft.pairs):,}", todo))
        tabs += [_tab("form", "Settings"), _tab("launch", "Cost")]
        progress = state.run.progress if state.run and state.training else None
        tabs.append(_tab("run", "Training", "" if progress is None else f"{progress:.0%}"))
        return f'<div class="nbt-tabs" role="navigation" aria-label="Parts">{"".join(tabs)}</div>'


def _part(name: str, *views: Any) -> Any:
    return widgets.VBox(views, _dom_classes=("nbt-part", f"nbt-part-{name}"))


def _tab(key: str, title: str, count: str = "", todo: int = 0) -> str:
    need = f'<span class="nbt-todo" title="need attention"> {todo:,}</span>' if todo else ""
    return (
        f'<button type="button" class="nbt-tab" data-nbt-goto="{key}"><b>{text(title)}</b>'
        f"<span>{' ' + text(count) if count else ''}</span>{need}</button>"
    )
