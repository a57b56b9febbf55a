"""Price, start and stop: the launch protocol as a person meets it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset import checks
from phoenix_nbtrain.errors import (
    InputError,
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PriceNotAccepted,
    StoreError,
)
from phoenix_nbtrain.launch import AT_REST, Estimate, Launched, Launcher, Seen, cost_words
from phoenix_nbtrain.runner import Timer
from phoenix_nbtrain.session.order import order_of
from phoenix_nbtrain.session.state import LaunchState, PriceState
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.sync import Sync
from phoenix_nbtrain.session.watch import Watch
from phoenix_nbtrain.store.journal import Intent
from phoenix_nbtrain.text import shown

log = logging.getLogger(__name__)

SHOWN_MAX = 32
"""Prices remembered, so that a click can name the one it saw."""
_FIX_IT = "Fix or remove it, then start."
PRICE_SECONDS = 0.4
"""Changes this close together are priced once."""


class Purchase:
    """Prices, starts and stops one training."""

    def __init__(self, live: StateStore, sync: Sync, watch: Watch, launcher: Launcher) -> None:
        self._live = live
        self._sync = sync
        self._watch = watch
        self._launcher = launcher
        self._timer: Timer | None = None
        self._wanted = False
        self._shown: OrderedDict[str, Estimate] = OrderedDict()
        self._priced: tuple[str, int] | None = None
        self._starting: Future[Launched | None] | None = None

    # -- price ----------------------------------------------------------------------------------

    def estimate(self) -> Estimate:
        """Send the draft, then ask for the price of what the service holds."""
        self._sync.now()
        return self._price()

    def estimate_with(self, config: Mapping[str, Any]) -> Estimate:
        """Price the training with another configuration, which is neither kept nor shown."""
        self._sync.now()
        state = self._live.state
        draft = replace(state.draft, config=MappingProxyType(config))
        return self._launcher.estimate(order_of(draft, state.model))

    def price_soon(self) -> None:
        """Price the draft soon, and again whenever it changes. Never blocks."""
        self._wanted = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._live.runner.later(PRICE_SECONDS, self._in_background)

    def follow(self) -> None:
        """Price anew if a price is being shown and is not the price of the draft any more."""
        state = self._live.state
        if self._wanted and not state.training and self._now() != self._priced:
            self.price_soon()

    def _now(self) -> tuple[str, int]:
        """Return what a price hangs on: the order, and how much of it the service lacks."""
        state = self._live.state
        return (order_of(state.draft, state.model).fingerprint, state.draft.unsent)

    def _in_background(self) -> None:
        """Price on a thread of its own: a service that is slow must hold up no other timer."""
        self._live.runner.alone("price", self._quietly)

    def _quietly(self) -> None:
        if self._live.state.training:
            return
        covers, of = self._covers()
        if covers == 0:
            # Nothing to price yet: the images are still on their way, or there are none.
            self._priced = self._now()
            self._live.show(price=PriceState(of=of))
            return
        try:
            self._price()
        except PhoenixError:
            pass  # shown as state by _price
        except Exception as error:
            log.exception("pricing %s failed", self._live.model_id)
            self._live.show(price=PriceState(phase="failed", message=repr(error)[:200]))

    def _price(self) -> Estimate:
        state = self._live.state
        covers, of = self._covers()
        self._priced = self._now()
        self._live.show(
            price=PriceState(
                phase="estimating", estimate=state.price.estimate, covers=covers, of=of
            )
        )
        try:
            priced = self._launcher.estimate(order_of(state.draft, state.model))
            estimate = replace(priced, covers=covers, of=of)
        except PhoenixError as error:
            self._priced = None
            self._live.show(price=PriceState(phase="failed", of=of, message=str(error)[:200]))
            raise
        self._shown[estimate.estimate_id] = estimate
        while len(self._shown) > SHOWN_MAX:
            self._shown.popitem(last=False)
        self._live.show(price=PriceState(phase="shown", estimate=estimate, covers=covers, of=of))
        return estimate

    def _covers(self) -> tuple[int, int]:
        """Return how many images, or pairs, the service holds and the draft has."""
        draft, model = self._live.state.draft, self._live.state.model
        if catalog.model_type(model.type).pairs:
            held = sum(draft.pair_state(row) == "saved" for row in draft.pairs)
            return held, len(draft.pairs)
        return sum(row.attached for row in draft.images), len(draft.images)

    # -- start ----------------------------------------------------------------------------------

    def start(
        self, *, accepted: Estimate | None = None, max_cost: object = None, again: bool = False
    ) -> Launched:
        """Send the draft, then launch it by the protocol.

        Raises:
            PriceNotAccepted, LaunchRefused, LaunchUncertain: see `Launcher.launch`.
            InputError: part of the draft cannot be sent, so what would be bought is not what is
                shown.
        """
        self._live.show(launch=LaunchState(phase="starting"))
        try:
            launched = self._launch(accepted, max_cost, again)
        except LaunchUncertain as error:
            self._live.show(launch=LaunchState(phase="uncertain", message=str(error)))
            self._watch.begin()  # its reads find out
            raise
        except PhoenixError as error:
            held = isinstance(error, LaunchRefused) and error.retry_after is not None
            self._live.show(launch=LaunchState(phase="refused", message=str(error), held=held))
            if held:
                self._watch.begin()  # its reads make sure that nothing runs
            raise
        except BaseException:
            self._live.show(launch=LaunchState())
            self._watch.begin()  # the request may have left: what is read tells
            raise
        warning = launched.said == cost_words(launched.intent)
        self._live.show(launch=LaunchState(message=launched.said, warning=warning))
        try:
            self._watch.read()
        except PhoenixError as error:
            # It is bought; that it cannot be read just now must not look like a failure to start.
            self._live.show(problem=f"The run cannot be read right now: {error}"[:200])
            self._watch.begin()
        else:
            self._watch.go_on()
        return launched

    def _launch(self, accepted: Estimate | None, max_cost: object, again: bool) -> Launched:
        before: list[Intent | None] = []

        def first() -> None:
            with suppress(StoreError):  # the launch itself tells of a journal that is of no use
                before.append(self._launcher.newest(self._live.model_id))

        with self._sync.landed(first=first) as model:
            state = self._live.state
            if state.draft.unsent and not state.training:
                raise self._unsent()
            order = order_of(state.draft, state.model)
            # What the flight read need not be read again, if it sent nothing since.
            seen = Seen(model=model, newest=before[0]) if model is not None and before else None
            return self._launcher.launch(
                order, accepted=accepted, max_cost=max_cost, again=again, seen=seen
            )

    def _unsent(self) -> InputError:
        draft = self._live.state.draft
        if draft.config_theirs:
            name, words = next(iter(checks.both_changed(draft, self._live.state.model.type)))
            return InputError(words, remedy=_choice(name))
        refused = [
            (image.name[:40], image.refusal, image.waits, image.image_id)
            for image in draft.images
            if image.refusal
        ] + [
            (f"Pair {number}", pair.refusal, pair.theirs is not None, pair.pair_id)
            for number, pair in enumerate(draft.pairs, 1)
            if pair.refusal
        ]
        if not refused:
            return InputError(f"{draft.unsent} changes are not on the service yet.", remedy=_FIX_IT)
        what, why, waits, row_id = refused[0]
        return InputError(
            f"{what} is not on the service: {shown(why, 90).rstrip('.…, ')}.",
            remedy=_choice(row_id) if waits else _FIX_IT,
        )

    def start_shown(self, estimate_id: str) -> None:
        """Start for a price that a view showed, on a thread of its own. Never blocks.

        A busy kernel replays every queued click: while one start is on its way further ones are
        dropped, and afterwards the journal knows that the estimate is spent.
        """
        if self._starting is not None and not self._starting.done():
            return
        # The same set may have been priced anew between the question and the answer. What was
        # seen is what is accepted; whether it still holds is for the launch to find out.
        accepted = self._shown.get(estimate_id) if isinstance(estimate_id, str) else None

        def begin() -> Launched | None:
            if accepted is None:
                stale = PriceNotAccepted(
                    "That cost was not shown by this kernel.", remedy="Check it again."
                )
                self._live.show(launch=LaunchState(phase="refused", message=str(stale)))
                return None
            try:
                return self.start(accepted=accepted)
            except PriceNotAccepted:
                self.price_soon()  # the refusal is shown; today's price shall be, too
                return None
            except PhoenixError:
                return None  # shown as state by start
            except Exception as error:
                log.exception("the start of %s failed", self._live.model_id)
                self._live.show(launch=LaunchState(phase="refused", message=repr(error)[:200]))
                return None
            finally:
                self.follow()

        self._starting = self._live.runner.alone("launch", begin)

    # -- stop -----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the run to stop; the service decides, and later reads tell."""
        model = self._watch.read()
        if model.status in AT_REST and not self._launcher.at_sea(model.id):
            self._live.show(launch=LaunchState(message="Nothing is running."))
            return
        self._live.show(launch=LaunchState(phase="stopping"))
        try:
            self._launcher.stop(self._live.model_id)
        except PhoenixError as error:
            self._live.show(launch=LaunchState(phase="refused", message=f"Not stopped: {error}"))
            raise
        self._watch.read()
        self._watch.go_on()


def _choice(row: str) -> str:
    return f"training.keep_mine({row!r}) or training.take_theirs({row!r}), then start."
