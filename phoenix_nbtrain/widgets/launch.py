"""The launch panel: what it costs, and the one button that spends it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import ipywidgets as widgets

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset.checks import both_changed, pair_needs
from phoenix_nbtrain.session.session import session_of
from phoenix_nbtrain.session.state import Estimate, PriceState, Run, TrainingState
from phoenix_nbtrain.text import counted, shown, time_of
from phoenix_nbtrain.widgets.panels import Panel, buttoned, marked, note, pill, text
from phoenix_nbtrain.widgets.snapshot.markup import Section, clock, facts

STALE_SECONDS = 90
"""A price older than this is asked for anew before anyone is asked to accept it."""
ONCE = "You'll be asked to confirm. Re-running this cell won't start it again."
UNSTATED = {
    "failed": "You may be able to start again; a refusal isn't charged.",
    "training-canceled": "You may be able to start again; a refusal isn't charged.",
}
"""What is said after a run that ended early, by the model's status."""


class LaunchPanel(Panel):
    """The cost of ``training`` and its start.

    It asks for the cost whenever it is displayed. The start is asked for by naming the estimate
    that was on the screen; whether that one may start, and whether it has, the training decides.
    """

    def __init__(self, training: object) -> None:
        self._asked: Estimate | None = None
        """The estimate that the confirm row shows, while it is open."""
        self._given: str = ""
        """The estimate that was accepted there; clicks replayed by a busy kernel name it again."""
        self._was_training = session_of(training).state.training
        self._said = ""
        self._over = ""
        """What was said of a run that has ended since, and is no news any more."""
        self._head = marked("nbt-h")
        self._price = marked("nbt-price-box")
        self._note = marked("nbt-launch-note")
        self._start = buttoned("Start", "nbt-start", click=self._clicked)
        self._question = marked("nbt-question")
        self._yes = buttoned("Start", "nbt-start", "nbt-yes", click=self._accepted)
        self._no = buttoned("Cancel", "nbt-no", click=self._declined)
        self._confirm = widgets.VBox(
            [self._question, widgets.HBox([self._yes, self._no], _dom_classes=("nbt-buttons",))],
            _dom_classes=("nbt-confirm",),
        )
        self._again = buttoned("Try again", "nbt-again", click=self._retry)
        super().__init__(
            training,
            [self._head, self._price, self._start, self._confirm, self._again, self._note],
            name="launch",
        )

    # -- what is shown ---------------------------------------------------------------------------

    def paint(self, state: TrainingState) -> None:
        if self._was_training and not state.training:
            self._over = state.launch.message
            self.session.purchase.price_soon()
        self._was_training = state.training
        self._rebind(state)
        price, phase = state.price, state.launch.phase
        busy = state.training or phase in ("starting", "stopping", "uncertain")
        reason = self._reason(state)
        estimate = price.estimate
        _tell(self._head, _heading(price, pill(self.session)))
        _tell(self._price, "" if state.training else _price_words(price, self._epochs(state)))
        _show(self._start, on=not busy and self._asked is None)
        _show(self._confirm, on=not busy and self._asked is not None)
        look = phase == "uncertain" or (price.phase == "failed" and not busy)
        _show(self._again, on=look)
        self._again.description = "Look again" if phase == "uncertain" else "Try again"
        self._start.description = f"Start: {estimate}" if estimate else "Start"
        self._start.disabled = bool(reason)
        if self._asked is not None:
            self._yes.description = f"Start for {self._asked}"
            _tell(self._question, text(self._question_words(state)))
        _tell(self._note, self._notes(state, reason))

    def displayed(self) -> None:
        """Ask for the price, look after the run, and forget a question half answered."""
        self._asked = None
        self.paint(self.session.state)
        self.session.purchase.price_soon()
        self.session.watch.begin()

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        estimate = state.price.estimate
        if estimate is None:
            return [] if state.run else [Section("Cost", "not asked for yet")]
        old = "" if state.price.acceptable else ", before the last changes"
        return [facts("Cost", f"{estimate}{old}, {clock(estimate.made_at)}", _lines(estimate))]

    def words(self) -> str:
        state = self.session.state
        said = "training" if state.training else str(state.price.estimate or "cost not known yet")
        return f"{shown(self.session.name, 30)} · {said} · {self.session.where}"

    @property
    def _paid(self) -> bool:
        return not self.session.is_local

    def _reason(self, state: TrainingState) -> str:
        """Return why it cannot start now; empty where it can."""
        price, draft = state.price, state.draft
        pairs = self.session.needs_pairs
        noun = "pair" if pairs else "image"
        if not draft.images:
            return "There are no images yet."
        if pairs and len(draft.pairs) < catalog.PAIRS_MIN:
            return f"This type learns from pairs and needs at least {catalog.PAIRS_MIN}."
        both = next(both_changed(draft, self.session.type), None)
        if both is not None:
            return f"{both[1]} Keep one of the two."
        if price.estimate is None:
            return {
                "estimating": "Getting the cost…",
                "failed": "Can't start until the cost is known.",
            }.get(price.phase, "The cost is not known yet.")
        if price.covers < price.of:
            broken = (n for n in pair_needs(draft) if pairs and n.severity == "problem")
            need = next(broken, None)
            if need is not None:
                says = f"Pair {need.number}: {need.says.removesuffix('.')}."
                return f"{says} Nothing starts until that pair is repaired or deleted."
            missing = counted(price.of - price.covers, noun)
            return f"{missing} still uploading; the cost follows."
        if not price.acceptable:
            return "Settings changed. Updating cost…"
        # One that is being looked up once more may be accepted as it stands: a button that is off
        # for that moment would lose the click.
        return "Can't start until the cost is known." if price.phase == "failed" else ""

    def _epochs(self, state: TrainingState) -> int:
        epochs: int = catalog.full_config(self.session.type, state.draft.config)["epochs"]
        return epochs

    def _question_words(self, state: TrainingState) -> str:
        count = counted(len(state.draft.images), "image")
        if self.session.needs_pairs:
            count = counted(len(state.draft.pairs), "pair")
        money = "It is charged once." if self._paid else "Nothing is charged here."
        return f"Train on {count} for {self._asked}? {money}"

    def _notes(self, state: TrainingState, reason: str) -> str:
        launch, run = state.launch, state.run
        told = text(launch.message)
        if launch.phase == "uncertain":
            words = f"<b>We couldn't confirm that training started.</b> {told}"
            return note(words + " Checking before anything else is sent.", "warn", role="alert")
        if launch.phase == "starting":
            return note("Starting… waiting for the service to confirm.", "hint")
        if launch.phase == "stopping":
            return note(told or "Stopping…", "hint")
        if state.training:
            words = f"<b>{text(_running(run))}</b> {told}".strip()
            if launch.warning:
                return note(words, "warn", role="alert")
            return note(words, "hint")
        refused = launch.phase == "refused"
        if launch.message == self._over and not refused and not launch.warning:
            told = ""
        kind = "bad" if refused else "warn" if launch.warning else "hint"
        parts = [note(told, kind, role="status")]
        if self._said:
            parts.append(note(text(self._said), "warn", role="status"))
        fine = [reason or ONCE]
        if state.model.status in UNSTATED and not reason:
            fine.insert(0, UNSTATED[state.model.status])
        parts += [f'<div class="nbt-fine">{text(words)}</div>' for words in fine]
        return "".join(parts)

    # -- what is clicked -------------------------------------------------------------------------

    def _clicked(self) -> None:
        self.turn(self._ask)

    def _ask(self) -> None:
        state = self.session.state
        estimate = state.price.estimate
        if estimate is None or self._reason(state) or state.training:
            self.paint(state)
            return
        self._said = ""
        self._given = ""
        self._asked = estimate
        if estimate.age > STALE_SECONDS:
            self.session.purchase.price_soon()  # the same price takes its place in the question
        self.paint(state)

    def _accepted(self) -> None:
        # Not in a turn: a click is answered by naming what was on the screen, nothing else.
        asked = self._asked
        if not self._given and asked is not None:
            self._given = asked.estimate_id
        if self._given:
            self.session.purchase.start_shown(self._given)
            self.turn(self._close_question)

    def _close_question(self) -> None:
        self._asked = None
        self.paint(self.session.state)

    def _declined(self) -> None:
        self.turn(self._close_question)

    def _retry(self) -> None:
        if self.session.state.launch.phase == "uncertain":
            self.session.watch.begin()
        else:
            self.session.purchase.price_soon()

    def _rebind(self, state: TrainingState) -> None:
        """Keep the question open for a newer price only where it says the same for the same."""
        asked, price = self._asked, state.price
        if asked is None:
            return
        new = price.estimate
        if new is not None and price.acceptable and new.estimate_id == asked.estimate_id:
            return
        same = (
            new is not None
            and price.acceptable
            and (new.amount, new.unit) == (asked.amount, asked.unit)
            and new.fingerprint == asked.fingerprint
        )
        self._asked = new if same else None
        if not same:
            self._said = "The dataset or its cost has changed. Check the cost again."


def _tell(widget: Any, words: str) -> None:
    if widget.value != words:
        widget.value = words


def _show(widget: Any, *, on: bool) -> None:
    display = None if on else "none"
    if widget.layout.display != display:
        widget.layout.display = display


def _running(run: Run | None) -> str:
    if run is None or run.started_at is None:
        return "Running."
    return f"Running since {time_of(run.started_at)}."


def _heading(price: PriceState, where: str) -> str:
    small = ""
    if price.phase == "estimating":
        small = "estimating…"
    elif price.estimate is not None:
        at = price.estimate.made_at
        small = (
            f'<time data-nbt-since="{at:.0f}" data-nbt-before="estimated">'
            f"estimated at {time_of(at)}</time>"
        )
    return f'<span>Cost</span><small>{small}</small><span class="nbt-grow"></span>{where}'


def _price_words(price: PriceState, epochs: int) -> str:
    estimate = price.estimate
    if estimate is None:
        words = note(text(price.message), "bad", role="alert") if price.phase == "failed" else ""
        return f'<div class="nbt-price nbt-mute">–</div>{words}'
    amount = str(estimate).removesuffix(estimate.unit).strip()
    old = "" if price.acceptable and price.phase == "shown" else " nbt-old"
    part = f"for {price.covers:,} of {price.of:,}" if price.covers < price.of else ""
    lines = _lines(estimate)
    if price.acceptable and epochs > 1:
        lines.append(("per epoch", f"{_rounded(estimate.amount / epochs):,f}"))
    if estimate.discount:
        lines.append(("discount", f"−{abs(estimate.discount).normalize():,f}"))
    rows = "".join(
        f"<div><span>{text(k, 60)}</span><span>{text(v, 40)}</span></div>" for k, v in lines
    )
    failed = note(text(price.message), "bad", role="alert") if price.phase == "failed" else ""
    return (
        f'<div class="nbt-price{old}">{text(amount, 40)} '
        f"<small>{text(estimate.unit, 40)} {text(part)}</small></div>"
        f'<div class="nbt-lines">{rows}</div>{failed}'
    )


def _lines(estimate: Estimate) -> list[tuple[str, str]]:
    return [(_detail(name), f"{value.normalize():,f}") for name, value in estimate.details.items()]


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1) if value == int(value) else Decimal("0.01"))


def _detail(name: str) -> str:
    return {"train-model": "training"}.get(name, name.replace("-", " "))
