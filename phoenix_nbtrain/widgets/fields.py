"""The fields of the configuration form, one per parameter, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, Protocol

import ipywidgets as widgets

from phoenix_nbtrain.catalog import Parameter
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.session.session import Session
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import error_line
from phoenix_nbtrain.widgets.panels import marked, text
from phoenix_nbtrain.widgets.serial_queue import SerialQueue

NAMES_LISTED = 200
"""Most image names in a list to choose from."""
RATE_SCALE = (1e-6, 1e-2)
"""Ends of a learning rate's slider where the type states none."""


class Form(Protocol):
    """What a field needs of its form. Nothing here blocks."""

    turn: SerialQueue
    session: Session

    def set(self, config: Mapping[str, Any], base: int | None, /) -> Future[Any]: ...


class _InTurn:
    """Takes what the browser sets in the form's turn, not beside it."""

    turn: SerialQueue

    def set_state(self, sync_data: Any) -> None:
        self.turn(lambda: super(_InTurn, self).set_state(sync_data))  # type: ignore[misc]


class _Text(_InTurn, widgets.Text):
    pass


class _Textarea(_InTurn, widgets.Textarea):
    pass


class _Slider(_InTurn, widgets.FloatLogSlider):
    pass


class _Select(_InTurn, widgets.SelectMultiple):
    pass


class Field:
    """One parameter: what stands, what is typed, and what was said against it.

    The browser tells each keystroke, so that a change from elsewhere never wipes a text half
    typed; it is taken as an edit when the field is left or Enter is pressed.
    """

    input: Any
    """Where it is typed."""

    def __init__(self, parameter: Parameter, form: Form) -> None:
        self.parameter = parameter
        self._form = form
        self.standing = ""
        self.base = 0
        self.asked: str | None = None
        self.again = False
        self.reason = ""
        self.note = marked("nbt-param-note")
        self.parts = self._build()
        for part in self.parts:
            part.turn = form.turn
        self.box = widgets.VBox([*self.parts, self.note], _dom_classes=self._classes())

    # -- to be told apart by kind ----------------------------------------------------------------

    def _build(self) -> list[Any]:
        kind = _Textarea if self.parameter.kind == "texts" else _Text
        self.input = kind(
            description=_label(self.parameter),
            description_allow_html=True,
            tooltip=self.parameter.help,
            continuous_update=True,
            _dom_classes=("nbt-in", f"nbt-in-{self.parameter.name}"),
            **({"rows": 2} if kind is _Textarea else {}),
        )
        self.input.observe(self._typed, names="value")
        self.input.on_msg(self._message)
        return [self.input]

    def value_of(self, typed: str) -> Any:
        """Return what ``typed`` says; what is no number goes as text, and is refused with words."""
        typed, kind = typed.strip(), self.parameter.kind
        if not typed:
            return None
        if kind == "texts":
            return tuple(line.strip() for line in typed.splitlines() if line.strip())
        for read in (int, float) if kind in ("whole", "real") else ():
            try:
                return read(typed)
            except ValueError:
                continue
        return typed

    # -- painting --------------------------------------------------------------------------------

    def paint(self, state: TrainingState, value: Any) -> None:
        self._options(state.draft)
        before, self.standing = self.standing, _worded(value)
        if self.input.value == before:
            self._put(self.standing)
        if self.input.value == self.standing:
            self.base = state.draft.revision
        self._value(value)
        self.input.disabled = state.training
        self._say(changed=self.parameter.name in state.draft.config)

    def _options(self, draft: Draft) -> None:
        """Keep what can be chosen up to date, where something is chosen."""

    def _value(self, value: Any) -> None:
        """Show the standing value in whatever there is beside the text."""

    def _put(self, words: str) -> None:
        if self.input.value != words:
            self.input.value = words

    def _say(self, *, changed: bool) -> None:
        typed = self.input.value
        bad = bool(self.reason)
        names = [n for n in self.box._dom_classes if n != "nbt-invalid"]
        wanted = (*names, *(["nbt-invalid"] if bad else []))
        if self.box._dom_classes != wanted:
            self.box._dom_classes = wanted
        stands = shown(self.standing or "nothing", 40)
        if bad:
            words = f"{text(self.reason)} Keeping <b>{text(stands)}</b>."
        elif typed == self.standing:
            default = _worded(self.parameter.default)
            words = f"default {text(default)}" if changed and default else ""
        elif self.asked is not None:
            words = "Saving…"
        else:
            words = f"Press Enter to apply. Keeping <b>{text(stands)}</b>."
        if self.note.value != words:
            self.note.value = words

    # -- typing ----------------------------------------------------------------------------------

    def _typed(self, _change: object) -> None:
        self.reason = ""
        self._say(changed=self.parameter.name in self._form.session.state.draft.config)

    def _message(self, _widget: object, content: Any, _buffers: object = None) -> None:
        if isinstance(content, dict) and content.get("event") == "submit":
            self._form.turn(lambda: self.left(self.input.value))

    def left(self, typed: str) -> None:
        """Take what was typed."""
        self._put(typed)
        if typed == self.standing or typed == self.asked:
            return
        if self.asked is not None:
            self.again = True  # one at a time: the answer says on which revision this one stands
            return
        self.take(self.value_of(typed), typed)

    def take(self, value: Any, typed: str) -> None:
        """Ask for ``value``, shown as ``typed`` until there is an answer."""
        self.asked = typed
        future = self._form.set({self.parameter.name: value}, self.base)
        future.add_done_callback(lambda done: self._form.turn(lambda: self._answered(done)))

    def _answered(self, future: Future[Any]) -> None:
        typed, self.asked, self.again, again = self.asked, None, False, self.again
        self.reason = ""
        try:
            reply = future.result()
        except BaseException as error:  # a cancelled one, too, is told
            self.reason = error_line(error)
        else:
            self.base = max(self.base, reply.revision)
            if reply.refused:
                self.reason = shown(reply.refused[0].reason, MESSAGE_MAX)
        config = self._form.session.state.draft.config
        if not self.reason:
            self.standing = _worded(config.get(self.parameter.name, self.parameter.default))
            if self.input.value == typed:
                self._put(self.standing)
        if again:
            self.left(self.input.value)
        self._say(changed=self.parameter.name in config)

    def _classes(self) -> tuple[str, ...]:
        wide = ("nbt-wide",) if self.parameter.kind in ("texts", "images") else ()
        return ("nbt-param", *wide)


class _RateField(Field):
    """A learning rate: a slider over its decades, and the exact number."""

    def _build(self) -> list[Any]:
        super()._build()
        low = self.parameter.minimum or RATE_SCALE[0]
        high = self.parameter.maximum or RATE_SCALE[1]
        ends = Decimal(repr(low)).log10(), Decimal(repr(high)).log10()
        self.slider = _Slider(
            value=self.parameter.default,
            min=float(ends[0]),
            max=float(ends[1]),
            step=0.05,
            readout=False,
            continuous_update=False,
            tooltip=self.parameter.help,
            _dom_classes=("nbt-slide",),
        )
        self.slider.observe(self._slid, names="value")
        self._quiet = False
        return [self.input, self.slider]

    def _value(self, value: Any) -> None:
        # A value beyond the slider's ends, or between its steps, stays exact in the text.
        within = min(max(float(value), 10**self.slider.min), 10**self.slider.max)
        if abs(self.slider.value - within) > 1e-3 * within:
            self._quiet = True
            self.slider.value = within
            self._quiet = False

    def paint(self, state: TrainingState, value: Any) -> None:
        super().paint(state, value)
        self.slider.disabled = state.training

    def _slid(self, change: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        typed = _worded(float(f"{change['new']:.2g}"))
        self._put(typed)
        self.left(typed)


class _Chosen:
    """Stands in for a text field where a list is chosen from: the ids, a line each."""

    value = ""
    disabled = False


class _ImagesField(Field):
    """Images of the set, chosen from a list of their names."""

    def _build(self) -> list[Any]:
        self.input = _Chosen()
        self.list = _Select(
            description=_label(self.parameter),
            description_allow_html=True,
            tooltip=self.parameter.help,
            rows=4,
            _dom_classes=("nbt-in",),
        )
        self.list.observe(self._chosen, names="index")
        self._quiet = False
        return [self.list]

    def _options(self, draft: Draft) -> None:
        options = tuple((shown(row.name, 60), row.image_id) for row in draft.images[:NAMES_LISTED])
        if tuple(self.list.options) != options:
            self._quiet = True
            self.list.options = options
            self._quiet = False

    def _value(self, value: Any) -> None:
        there = [image_id for _, image_id in self.list.options]
        index = tuple(there.index(i) for i in value if i in there)
        if self.asked is None and set(self.list.index) != set(index):
            self._quiet = True
            self.list.index = index
            self._quiet = False

    def paint(self, state: TrainingState, value: Any) -> None:
        super().paint(state, value)
        self.list.disabled = state.training

    def _chosen(self, _change: object) -> None:
        if not self._quiet:
            self.left("\n".join(self.list.value))

    def value_of(self, typed: str) -> Any:
        return tuple(typed.splitlines()) or None


_KINDS: Mapping[str, Callable[[Parameter, Form], Field]] = {
    "whole": Field,
    "real": Field,
    "text": Field,
    "texts": Field,
    "rate": _RateField,
    "images": _ImagesField,
}


def field_of(parameter: Parameter, form: Form) -> Field | None:
    """Return the field of a parameter; ``None`` for what has none, as a secret."""
    made = _KINDS.get("rate" if _is_rate(parameter) else parameter.kind)
    return None if made is None else made(parameter, form)


def _is_rate(parameter: Parameter) -> bool:
    return parameter.kind == "real" and parameter.name.startswith("learning_rate")


def _label(parameter: Parameter) -> str:
    more = parameter.range
    if _is_rate(parameter) and parameter.minimum and parameter.maximum:
        more = f"{short(parameter.minimum)} to {short(parameter.maximum)}"
    if parameter.kind == "texts":
        more = f"max {parameter.items_max}, one per line · one image per prompt per epoch"
    words = text(parameter.label) + (f" · {text(more)}" if more else "")
    return words + (" <em>affects cost</em>" if parameter.moves_price else "")


def _worded(value: Any) -> str:
    """Return a value as it stands in its field."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{Decimal(repr(value)).normalize():f}"
    if isinstance(value, (tuple, list)):
        return "\n".join(str(v) for v in value)
    return str(value)


def short(value: float) -> str:
    """Return a small number as people write it: ``5e-5``."""
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"
