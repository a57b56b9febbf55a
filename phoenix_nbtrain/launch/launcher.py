"""Prices, launches and stops, each by the protocol of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.clock import Clock, moment
from phoenix_nbtrain.errors import (
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PriceNotAccepted,
    ServiceError,
    ServiceUnreachable,
    StoreError,
)
from phoenix_nbtrain.launch.identity import Order, served_digest
from phoenix_nbtrain.launch.price import Estimate, check_price, parse_max_cost
from phoenix_nbtrain.launch.reconcile import (
    QUIET_APART,
    SUBMITTING_SECONDS,
    LaunchClient,
    Reconciler,
)
from phoenix_nbtrain.launch.sending import VERB, Launched, Sending, doubt
from phoenix_nbtrain.locks import Waiting, at_work, who_is_at
from phoenix_nbtrain.records import LaunchReply, Model, Quote
from phoenix_nbtrain.store.journal import Intent, IntentKind, IntentState, Journal
from phoenix_nbtrain.text import shown, time_of

__all__ = ["AT_REST", "Launcher", "Seen"]

AT_REST = frozenset({"new", "trained", "failed", "training-canceled"})
"""Statuses of a model that surely does not train. A word that is newer may mean that it does."""
_BOUGHT = frozenset({"trained", "delivered", "ended"})
"""How a purchase ends that is not to be made twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A model as it was read."""

    model: Model
    newest: Intent | None
    """The newest launch in the journal, as it was before that."""


class Launcher:
    """Prices, launches and stops what one Phoenix sells, by the protocol of this package.

    Args:
        client: the Phoenix.
        journal: where launches are written down before they are sent.
        clock: tells the present moment.
        sleep: waits while another process's launch is on its way.
        explicit: returns a model's stored parameters with every default explicit, so that a run
            found on the service can be compared with an order.
    """

    def __init__(
        self,
        client: LaunchClient,
        journal: Journal,
        *,
        clock: Clock = moment,
        sleep: Callable[[float], None] = time.sleep,
        explicit: Callable[[Model], Mapping[str, Any]] = lambda model: dict(model.parameters),
    ) -> None:
        self._reconciler = Reconciler(client, journal, clock=clock, explicit=explicit)
        self._sending = Sending(self._reconciler)
        self._journal = journal
        self._clock = clock
        self._sleep = sleep

    @property
    def client(self) -> LaunchClient:
        """The Phoenix that is talked to."""
        return self._reconciler.client

    @client.setter
    def client(self, client: LaunchClient) -> None:
        self._reconciler.client = client

    def reconcile(self, model: Model, kind: IntentKind = "training") -> Intent | None:
        """See `Reconciler.reconcile`."""
        return self._reconciler.reconcile(model, kind)

    def run_of(self, model: Model) -> Intent | None:
        """See `Reconciler.run_of`."""
        return self._reconciler.run_of(model)

    def unseen(self, model_id: str) -> Intent | None:
        """Return the training that appears not to have launched, if none has since."""
        return self._reconciler.doubt(model_id)

    def newest(self, model_id: str) -> Intent | None:
        """Return the model's newest training that was launched from here."""
        return self._reconciler.newest(model_id)

    def at_sea(self, model_id: str) -> bool:
        """Return whether a training was launched here that is not known to have ended.

        So it is, too, where the journal cannot tell.
        """
        try:
            return self._reconciler.open_intent(model_id, "training") is not None
        except StoreError:
            return True

    def refusal(self, intent: Intent) -> LaunchRefused:
        """Return the error that tells of a launch in the state ``refused``."""
        return self._sending.refusal(intent)

    def bought(self, order: Order, model: Model) -> Intent | None:
        """Return an earlier purchase of the very same thing, on its way or at its end.

        By what was ordered here; or, for a run that was found on the service, by what the
        service held when it was first seen: the memory of who launched it is not ours.
        """
        if order.held:
            return self._held_bought(order)
        served = served_digest(model, order)
        for intent in self._reconciler.intents(order.model_id, order.kind):
            same = intent.fingerprint == order.fingerprint or intent.served == served
            if same and _is_bought(intent):
                return intent
        return None

    def _held_bought(self, order: Order) -> Intent | None:
        """Return the last purchase of these weights, unless another run trained since.

        Runs that were stopped or failed since have left the weights as they were.
        """
        intents = self._reconciler.intents(order.model_id, None)
        trained = {i.job_id for i in intents if i.kind == "training" and i.state == "trained"}
        since = set()
        for intent in intents:
            if intent.kind == "training":
                since |= {intent.job_id} & trained
            elif intent.epoch == order.epoch and _is_bought(intent):
                if intent.status_before == "trained":
                    # The run that it is of may have been found on the service after the purchase.
                    since -= {intent.job_before}
                else:
                    since |= {intent.job_before} & trained  # it went on then, and has trained since
                return None if since else intent
        return None

    # -- pricing --------------------------------------------------------------------------------

    def estimate(self, order: Order) -> Estimate:
        """Ask for today's price. Buys nothing.

        Raises:
            LaunchUncertain: the service answered the dry run with a job, against its own
                documentation. The run is in the journal.
        """
        lost = self._reconciler.doubt(order.model_id, order.kind)
        estimate = self._quote(order, self.client.get_model(order.model_id))
        return replace(estimate, after=lost.intent_id if lost else None)

    def _quote(self, order: Order, model: Model) -> Estimate:
        answer = self._ask_price(order)
        if isinstance(answer, LaunchReply):
            intent = self._reconciler.intent(
                order, model, state="running", estimate_id=None, amount=Decimal(0)
            )
            job_id = answer.job.id if answer.job else None
            newest = self._reconciler.newest(model.id, order.kind)
            self._journal.prepare(
                replace(
                    intent,
                    job_id=job_id,
                    charged=answer.cost,
                    reason="a dry run was answered with a job",
                ),
                newest=newest.intent_id if newest else None,
            )
            stop = " training.stop() ends it." if order.kind == "training" else ""
            raise LaunchUncertain(
                f"Phoenix answered a dry run as a launch: a {order.kind} may have started.",
                remedy=f"Look at nbt.runs().{stop}",
            )
        return Estimate(
            kind=order.kind,
            model_id=order.model_id,
            amount=answer.amount,
            unit=self.client.unit,
            discount=answer.discount,
            details=dict(answer.details),
            fingerprint=order.fingerprint,
            served=served_digest(model, order),
            made=self._clock(),
            epoch=order.epoch,
            held=order.held,
        )

    def _ask_price(self, order: Order) -> Quote | LaunchReply:
        if order.kind == "download":
            return self.client.quote_download(order.model_id, epoch=order.epoch)
        return self.client.quote_training(order.model_id, order.parameters)

    # -- launching ------------------------------------------------------------------------------

    def launch(
        self,
        order: Order,
        *,
        accepted: Estimate | None = None,
        max_cost: object = None,
        again: bool = False,
        seen: Seen | None = None,
    ) -> Launched:
        """Buy what is ordered, unless it is bought already.

        Args:
            order: what to buy.
            accepted: the estimate a person saw and accepted.
            max_cost: what a script accepts instead, a number or ``"400 CU"``. The local Phoenix,
                which charges nothing, needs neither.
            again: buy the same thing once more although it was bought before, or although an
                earlier launch left no trace.
            seen: the model, where it was read already and nothing was sent to it since.

        Raises:
            PriceNotAccepted: nothing was accepted, the price rose, the estimate is spent or too
                old, or the set changed since. Nothing was bought.
            LaunchRefused: the service refused, or the request never left. Nothing was bought. A
                refusal that a copy of our own request may have caused is held open while reads
                look for a run, 3 of them over 120 s; until then a launch repeats it.
            LaunchUncertain: a request left and nothing tells what it did.
        """
        cap = parse_max_cost(max_cost, self.client.unit)
        if seen is None:
            newest = self._reconciler.newest(order.model_id, order.kind)
            seen = Seen(model=self.client.get_model(order.model_id), newest=newest)
        before, model = seen.newest, seen.model
        found = self._already(order, model, again=again)
        if found is not None:
            return found
        newest = self._reconciler.newest(order.model_id, order.kind)
        if newest is not None and not newest.bought_here:
            before = newest  # found on the service by now: knowledge, nobody's decision
        if accepted is not None and self._journal.spent(accepted.estimate_id):
            return self._beaten(order, accepted)
        self._check_status(order, model)
        self._check_unseen(order, accepted, again=again)
        estimate = self._quote(order, model)
        # What is launched is what was priced: nobody may have changed it in between.
        model = self.client.get_model(order.model_id)
        if order.kind == "training" and model.status == "training":
            return self._beaten(order, accepted)
        self._check_status(order, model)
        if served_digest(model, order) != estimate.served:
            raise PriceNotAccepted(
                "Someone changed the dataset on the service while its cost was estimated.",
                remedy="Check the dataset and start again.",
            )
        check_price(
            estimate, accepted=accepted, cap=cap, free=self.client.is_local, now=self._clock()
        )
        intent = self._reconciler.intent(
            order,
            model,
            state="prepared",
            estimate_id=(accepted or estimate).estimate_id,
            amount=estimate.amount,
        )
        with at_work(intent.intent_id):
            if not self._journal.prepare(intent, newest=before.intent_id if before else None):
                return self._beaten(order, accepted)
            try:
                return self._sending.send(intent, order)
            except BaseException:
                # Ctrl-C before it was sent; what was sent has another state by now.
                self._journal.move(
                    intent.intent_id, "not_sent", only_from={"prepared"}, reason="interrupted"
                )
                raise

    @staticmethod
    def _check_status(order: Order, model: Model) -> None:
        """Launch only from states that are known to hold no run."""
        if order.kind == "training" and model.status not in AT_REST:
            raise LaunchRefused(
                f"The model is {shown(model.status or 'of no status', 40)}; nothing was launched.",
                remedy="Training can start from new, trained, failed or canceled. Try again later.",
            )

    def _check_unseen(self, order: Order, accepted: Estimate | None, *, again: bool) -> None:
        """Let only a person with a price of today, or an express wish, follow a lost launch."""
        lost = self._reconciler.doubt(order.model_id, order.kind)
        if lost is None or again:
            return
        if accepted is not None and accepted.after == lost.intent_id:
            return
        raise LaunchUncertain(
            f"An earlier {order.kind} appears not to have run ({shown(lost.reason, 70)}).",
            remedy=f"If the service shows none: {VERB[order.kind]}(again=True), with max_cost.",
        )

    # -- what is there already ------------------------------------------------------------------

    def _already(self, order: Order, model: Model, *, again: bool) -> Launched | None:
        """Return the run that makes a launch needless; raise where one is in doubt."""
        opened, wait, waited = self._reconciler.reconcile(model, order.kind), 0.1, 0.0
        waiting = Waiting(
            f"A {order.kind} of this model is being started",
            lambda: who_is_at(opened.intent_id if opened else ""),
            sleep=self._sleep,
        )
        if opened is not None and opened.open and self._reconciler.elsewhere(opened):
            raise LaunchRefused(
                f"A {order.kind} of this model went to {shown(opened.origin, 60)} and is not known "
                "to have ended; nothing was launched.",
                remedy="Connect there and open the model to find out.",
            )
        while opened is not None and opened.state in ("prepared", "submitting"):
            # Another thread or process is at it; its state settles within its time limit.
            if waited > SUBMITTING_SECONDS:
                raise doubt(opened, "another kernel is working on it and has not finished")
            waiting.pause(wait)
            waited += wait
            wait = min(2.0, wait * 1.5)
            model = self.client.get_model(order.model_id)
            opened = self._reconciler.reconcile(model, order.kind)
        while opened is not None and opened.state == "refused":
            if self._reconciler.seconds_left(opened) > 0:
                raise self._sending.refusal(opened)
            self._sleep(QUIET_APART)  # its time is over, and nobody has read often enough
            model = self.client.get_model(order.model_id)
            opened = self._reconciler.reconcile(model, order.kind)
        if opened is not None and opened.state == "uncertain":
            if not (again and order.kind == "download"):
                raise doubt(opened, opened.reason)
            # No read can tell for certain what became of a download; a person may decide.
            self._journal.move(
                opened.intent_id, "not_seen", only_from={"uncertain"}, reason="given up by hand"
            )
            return None
        if opened is not None and opened.open:
            return Launched(intent=opened, already=True, said=_running_words(opened))
        if order.kind == "training":
            newest = self._reconciler.newest(order.model_id)
            adopted = self._reconciler.adopt(model, newest=newest)
            if adopted is not None and adopted.open:
                return Launched(intent=adopted, already=True, said=_running_words(adopted))
        bought = None if again else self.bought(order, model)
        if bought is None:
            return None
        return Launched(intent=bought, already=True, said=_bought_words(bought, model))

    def _beaten(self, order: Order, accepted: Estimate | None) -> Launched:
        """Return the launch that came first, after this one lost the race for the journal."""
        model = self.client.get_model(order.model_id)
        found = self._already(order, model, again=True)
        if found is not None:
            return found
        newest = self._reconciler.newest(order.model_id, order.kind)
        if (
            newest is not None
            and newest.state in _BOUGHT
            and newest.fingerprint == order.fingerprint
        ):
            return Launched(intent=newest, already=True, said="Launched elsewhere just now.")
        if accepted is not None and self._journal.spent(accepted.estimate_id):
            raise PriceNotAccepted(
                "This cost has already been accepted once.", remedy="Estimate again."
            )
        raise LaunchRefused(
            "Another launch of this model came first and did not run.", remedy="Start again."
        )

    def settle_download(self, model: Model) -> Intent | None:
        """Bring the journal up to what the service says of the model's last download."""
        return self._reconciler.reconcile(model, "download")

    # -- stopping -------------------------------------------------------------------------------

    def stop(self, model_id: str) -> Model:
        """Ask the running training to stop, and return the model as read afterwards.

        Whether it stopped is for that read and later ones to tell, not for the reply: one that
        is lost, or that says nothing is running, may come after the run has ended.

        Raises:
            ServiceUnreachable, ServiceError: it was not asked to stop, and still runs.
        """
        intent = self._standing(model_id)
        waited = 0.0
        while intent and intent.state in ("prepared", "submitting") and waited < SUBMITTING_SECONDS:
            # It is just being started: a cancel now would find nothing to cancel.
            self._sleep(0.2)
            waited += 0.2
            intent = self._standing(model_id)
        if intent is not None:
            self._noted(intent, "stopping", only_from={"running"})
        refused: PhoenixError | None = None
        try:
            self.client.cancel_training(model_id)
        except (ServiceUnreachable, ServiceError) as error:
            refused = error
        model = self.client.get_model(model_id)
        with suppress(StoreError):
            self._reconciler.reconcile(model)
        if refused is not None and model.status == "training":
            if intent is not None and not getattr(refused, "sent", False):
                self._noted(intent, "running", only_from={"stopping"})
            raise refused
        return model

    def _standing(self, model_id: str) -> Intent | None:
        """Return the training that is not finished; ``None``, too, where the journal is of no use.

        A run costs money as long as it goes on, so it is stopped without the journal all the same.
        """
        model = self.client.get_model(model_id)
        try:
            return self._reconciler.reconcile(model)
        except StoreError:
            return None

    def _noted(
        self, intent: Intent, to: IntentState, *, only_from: Collection[IntentState]
    ) -> None:
        with suppress(StoreError):
            self._journal.move(intent.intent_id, to, only_from=only_from)


def _is_bought(intent: Intent) -> bool:
    """Return whether it was bought, or may yet turn out to be; a refusal most likely not."""
    return intent.state in _BOUGHT or (intent.open and intent.state != "refused")


def _running_words(intent: Intent) -> str:
    return f"Running since {time_of(intent.at)}; not bought again."


def _bought_words(intent: Intent, model: Model) -> str:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(intent.at))
    if intent.kind == "download":
        return f"Bought on {day}; not bought again. To buy it again: download(again=True)."
    how = "Trained" if intent.bought_here else "Found trained on the service"
    since = "" if model.job_id == intent.job_id else ", though another run has followed"
    return f"{how} on {day}{since}; not bought again. To train again: start(again=True)."
