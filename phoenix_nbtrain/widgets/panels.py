"""What the plain panels share: their dress, one turn at a time, safe text, nothing left behind."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from phoenix_nbtrain.session.session import Session
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import bundle
from phoenix_nbtrain.widgets.serial_queue import SerialQueue
from phoenix_nbtrain.widgets.snapshot.snapshot import SnapshotView


def text(value: object, limit: int = MESSAGE_MAX) -> str:
    """Return ``value`` as HTML that shows it and does nothing else.

    Whatever a person or a service wrote goes through here on its way into a panel.
    """
    return html.escape(shown(value, limit))


def note(words: str, kind: str = "", *, role: str = "note") -> str:
    """Return a block of words. ``words`` is HTML already; ``kind`` is bad, warn, hint or none."""
    name = f"nbt-note nbt-{kind}" if kind else "nbt-note"
    return f'<div class="{name}" role="{role}">{words}</div>' if words else ""


def pill(session: Session) -> str:
    """Return, as HTML, which Phoenix it is and whether money is involved."""
    kind = "nbt-local" if session.is_local else "nbt-paid"
    return f'<span class="nbt-pill nbt-where {kind}">{text(session.where, 80)}</span>'


def marked(*names: str, value: str = "") -> Any:
    """Return an `ipywidgets.HTML` with those classes."""
    return widgets.HTML(value, _dom_classes=names)


def buttoned(words: str, *names: str, click: Callable[[], None]) -> Any:
    """Return a button with those classes; ``click`` must not block."""
    button = widgets.Button(description=words, _dom_classes=("nbt-button", *names))
    button.on_click(lambda _button: click())
    return button


def free(widget: Any) -> None:
    """Close a widget with all that it holds: children, layout, style."""
    parts = [*getattr(widget, "children", ())]
    own = [getattr(widget, name, None) for name in ("layout", "style")]
    widget.close()
    for part in parts:
        free(part)
    for part in own:
        if isinstance(part, widgets.Widget):
            part.close()


class Dressing(anywidget.AnyWidget):
    """Brings the style sheet to plain widgets, and tells what ipywidgets does not.

    It shows nothing. Its script hears when a panel is displayed and when a field is left, names
    fields for screen readers, keeps relative times fresh and hides the panel's snapshot; without it
    panels work, plainer.
    """

    _esm = bundle("panels.js")
    _css = bundle("panels.css")

    snapshot_class = traitlets.Unicode().tag(sync=True)
    """The class of the panel's snapshot."""


class Panel(SnapshotView, widgets.VBox):
    """Base of the panels made of plain widgets. Subclasses paint in `paint`."""

    def __init__(self, training: object, children: Iterable[Any], *, name: str) -> None:
        self.turn = SerialQueue()
        self.dressing = Dressing(snapshot_class=self.snapshot_class)
        super().__init__(
            children=[*children, self.dressing], _dom_classes=("nbt", "nbt-panel", f"nbt-{name}")
        )
        self.dressing.on_msg(self._heard)
        self.watch(training)

    def paint(self, state: TrainingState) -> None:
        """Show ``state``. Called in a turn; must not block."""
        raise NotImplementedError

    def displayed(self) -> None:
        """Do what is due whenever the panel comes onto a screen. Called in a turn."""

    def left(self, name: str, typed: str) -> None:
        """Take what was typed in the field ``name``. Called in a turn."""

    def words(self) -> str:
        """Return what a page without widgets shows of it, in a line."""
        return f"{self.session.name} · {self.session.type} · {self.session.where}"

    def hail(self) -> None:
        if not self._closed:
            self.dressing.send({"alive": True})

    def show(self, state: TrainingState) -> None:  # noqa: ARG002  # by its turn there may be a newer
        self.turn(lambda: None if self._closed else self.paint(self.session.state))

    def close(self) -> None:
        if "dressing" not in self.__dict__:  # its making failed, and the collector calls
            return
        parts, layout = self.children, self.layout
        super().close()
        for part in parts:
            free(part)
        layout.close()

    def __repr__(self) -> str:
        return shown(f"{type(self).__name__}: {self.words()}", 109)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.turn(self.displayed)
        return super()._repr_mimebundle_(**kwargs)

    def _heard(self, _widget: object, content: object, _buffers: object = None) -> None:
        told: Mapping[str, Any] = content if isinstance(content, dict) else {}
        name, typed = told.get("field"), told.get("text")
        if self._closed:
            return
        if told.get("kind") == "displayed":
            self.hail()
            self.turn(self.displayed)
        elif told.get("kind") == "left" and isinstance(name, str) and isinstance(typed, str):
            self.turn(lambda: self.left(name, typed))
