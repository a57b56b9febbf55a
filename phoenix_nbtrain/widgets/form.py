"""The settings form: every parameter of the model type, with its range and its default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import ipywidgets as widgets

from phoenix_nbtrain import catalog
from phoenix_nbtrain.catalog import Parameter
from phoenix_nbtrain.dataset.checks import both_changed
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.session.session import session_of
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import counted, shown
from phoenix_nbtrain.widgets.fields import Field, field_of, short
from phoenix_nbtrain.widgets.panels import Panel, buttoned, free, marked, note, pill, text
from phoenix_nbtrain.widgets.snapshot.markup import Section, facts


class ConfigForm(Panel):
    """The training parameters of ``training``: what stands, its default, its range."""

    def __init__(self, training: object) -> None:
        self._fields: dict[str, Field] = {}
        session = session_of(training)
        self._type = session.type
        self._why = marked("nbt-why-box")
        self._steps = marked("nbt-steps")
        self._both = widgets.VBox(_dom_classes=("nbt-both",))
        self._asked: list[tuple[str, str]] = []
        """The choices in it: parameters that were changed here and on the service, in words."""
        self._fold = buttoned("advanced ▸", "nbt-fold", "nbt-link", click=self._folded)
        self._reset = buttoned("Reset to defaults", "nbt-link", click=self._defaults)
        self._main = widgets.Box(_dom_classes=("nbt-params",))
        self._more = widgets.Box(_dom_classes=("nbt-params", "nbt-more"))
        self._more.layout.display = "none"
        head = widgets.HBox(
            [
                marked("nbt-h", value="Settings"),
                self._fold,
                marked("nbt-grow"),
                self._reset,
                marked("nbt-place", value=pill(session)),
            ],
            _dom_classes=("nbt-top",),
        )
        super().__init__(
            training,
            [head, self._both, self._why, self._main, self._more, self._steps],
            name="form",
        )

    def watch(self, training: object) -> None:
        for parameter in catalog.parameters(self._type).values():
            field = field_of(parameter, self)
            if field is not None:
                self._fields[parameter.name] = field
        rows = self._fields.values()
        self._main.children = [f.box for f in rows if not f.parameter.advanced]
        self._more.children = [f.box for f in rows if f.parameter.advanced]
        super().watch(training)

    def set(self, config: Mapping[str, Any], base: int | None) -> Future[Any]:
        """Ask the training to set parameters; ``None`` is a parameter's default."""
        ops = [
            {"op": "set", "table": "config", "row": name, "column": "value", "value": value}
            for name, value in config.items()
        ]
        return self.session.editing.edit(ops, base)

    def paint(self, state: TrainingState) -> None:
        full = catalog.full_config(self._type, state.draft.config)
        for name, field in self._fields.items():
            field.paint(state, full[name])
        why, steps = self._why_words(state.draft), text(self._steps_words(state.draft))
        if state.training:
            words = "Training is running. This can be changed again when it has ended."
            why += note(words, "hint")
        for part, words in ((self._why, why), (self._steps, steps)):
            if part.value != words:
                part.value = words
        self._ask(list(both_changed(state.draft, self._type)), locked=state.training)
        self._reset.layout.display = "" if state.draft.config and not state.training else "none"

    def keep(self, name: str, side: str) -> None:
        """Keep ``mine`` or ``theirs`` where both sides changed a parameter."""
        self.session.editing.edit([{"op": "keep", "table": "config", "row": name, "side": side}])

    def left(self, name: str, typed: str) -> None:
        if name in self._fields:
            self._fields[name].left(typed)

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        full = catalog.full_config(self._type, state.draft.config)
        rows = [
            (
                p.label,
                _said(p, full[p.name]) + ("" if p.name in state.draft.config else " · default"),
            )
            for p in catalog.parameters(self._type).values()
            if not p.advanced or p.name in state.draft.config
        ]
        rows += [
            ("Changed on both sides", words) for _, words in both_changed(state.draft, self._type)
        ]
        return [facts("Settings", self._steps_words(state.draft), rows)]

    def words(self) -> str:
        draft = self.session.state.draft
        return f"{shown(self.session.name, 30)} · {self._steps_words(draft)}"

    def _ask(self, both: list[tuple[str, str]], *, locked: bool) -> None:
        """Show what was changed here and on the service, with the two choices."""
        if both != self._asked:
            for row in self._both.children:
                free(row)
            self._asked, self._both.children = both, [self._choice(*each) for each in both]
        for row in self._both.children:
            for button in row.children[1:]:
                button.disabled = locked

    def _choice(self, name: str, words: str) -> Any:
        label = catalog.parameters(self._type)[name].label
        buttons = [
            buttoned(f"{verb} {label.lower()}", "nbt-link", click=partial(self.keep, name, side))
            for verb, side in (("Keep my", "mine"), ("Take their", "theirs"))
        ]
        told = marked("nbt-note-box", value=note(text(words), "warn", role="status"))
        return widgets.HBox([told, *buttons], _dom_classes=("nbt-buttons",))

    def _folded(self) -> None:
        shut = self._more.layout.display == "none"
        self._more.layout.display = "" if shut else "none"
        self._fold.description = "advanced ▾" if shut else "advanced ▸"
        (self._fold.add_class if shut else self._fold.remove_class)("nbt-open")

    def _defaults(self) -> None:
        config = self.session.state.draft.config
        if config:
            self.set(dict.fromkeys(config), None)

    def _why_words(self, draft: Draft) -> str:
        known = catalog.parameters(self._type)
        base = known["learning_rate"], known["epochs"], known["repeats"]
        said = (
            f"learning rate {short(base[0].default)}, {counted(base[1].default, 'epoch')}, "
            f"{counted(base[2].default, 'repeat')}."
        )
        names = [f"<b>{text(known[n].label)}</b>" for n in draft.config if n in known]
        changed = ""
        if names:
            listed = ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]
            changed = f" {listed} changed."
        return f'<div class="nbt-why"><b>Defaults:</b> {text(said)}{changed}</div>'

    def _steps_words(self, draft: Draft) -> str:
        pairs = catalog.model_type(self._type).pairs
        items = len(draft.pairs if pairs else draft.images)
        if not items:
            return f"No {'pairs' if pairs else 'images'} yet, so no steps to count."
        full = catalog.full_config(self._type, draft.config)
        total, _ = catalog.explain_steps(self._type, draft.config, items)
        words = (
            f"{counted(items, 'pair' if pairs else 'image')} × "
            f"{counted(full['repeats'], 'repeat')} × {counted(full['epochs'], 'epoch')}"
        )
        if full["batch_size"] != 1:
            words += f" ÷ batch {full['batch_size']}"
        if total == full.get("max_train_steps"):
            return f"{words}, ended at {counted(total, 'step')}"
        return f"{words} = {counted(total, 'step')}"


def _said(parameter: Parameter, value: object) -> str:
    """Return a parameter's value as a reader of a shared notebook needs it."""
    if parameter.kind == "images":  # given as paths of this computer, perhaps
        return counted(len(value), "image")  # type: ignore[arg-type]  # a tuple, checked when set
    if parameter.kind == "texts":
        return " · ".join(value) or "none"  # type: ignore[arg-type]  # the same
    if isinstance(value, float):
        return short(value)
    return "none" if value is None or value == "" else str(value)
