"""The launch protocol: the only code that can send the trigger without ``dryRun``.

The service has no idempotency key, so safety is made here:

    estimated ─accept→ prepared ─compare-and-swap, fsync→ submitting ─2xx with a job→ running
                                        ├ provably not sent ───────────────→ not_sent
                                        ├ refused by the service ──────────→ rejected
                                        └ anything else, a crash included ─→ uncertain

Every arrow is a row in the journal, written before what it describes. Nothing here repeats a
request; an uncertain launch is left by reads only.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from phoenix_nbtrain.errors import (
    InputError,
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PriceNotAccepted,
    ServiceError,
    ServiceUnreachable,
    Throttled,
    shown,
)
from phoenix_nbtrain.records import Job, LaunchReply, Model, Quote
from phoenix_nbtrain.store.journal import Intent, IntentState, Journal

__all__ = [
    "ESTIMATE_SECONDS",
    "Estimate",
    "LaunchClient",
    "Launched",
    "Launcher",
    "Order",
    "fingerprint",
    "money",
    "served_digest",
]

ESTIMATE_SECONDS = 120
"""How long an estimate can be accepted."""
SUBMITTING_SECONDS = 90
"""Longer than a launch request can take; whoever is older than that has crashed."""

_ENDS: Mapping[str, IntentState] = {
    "trained": "trained",
    "failed": "failed",
    "training-canceled": "canceled",
}
_JOB_ENDS: Mapping[str, IntentState] = {
    "success": "trained",
    "failure": "failed",
    "canceled": "canceled",
}


class LaunchClient(Protocol):
    """What the protocol needs of a Phoenix."""

    @property
    def origin(self) -> str: ...
    @property
    def project_id(self) -> str | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def is_local(self) -> bool: ...

    def get_model(self, model_id: str) -> Model: ...
    def get_job(self, job_id: str) -> Job: ...
    def quote_training(
        self, model_id: str, parameters: Mapping[str, Any]
    ) -> Quote | LaunchReply: ...
    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply: ...
    def cancel_training(self, model_id: str) -> Model: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a launch would buy: exactly what we sent, and nothing else."""

    model_id: str
    parameters: Mapping[str, Any]
    """The wire's parameters, every default explicit."""
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Estimate:
    """A price, for one order, that can be accepted once."""

    model_id: str
    amount: Decimal
    """What a launch is charged, after the discount."""
    unit: str
    """``CU``, or ``simulated CU`` where nothing is charged."""
    discount: Decimal = Decimal(0)
    details: Mapping[str, Decimal] = field(default_factory=dict)
    fingerprint: str
    served: str
    """A digest of what the service held, as read with the price."""
    made_at: float
    """Seconds since 1970."""
    estimate_id: str = field(default_factory=lambda: "est_" + secrets.token_hex(8))

    def __str__(self) -> str:
        return money(self.amount, self.unit)

    def __repr__(self) -> str:
        return f"<Estimate: {self}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run, and whether this call bought it."""

    intent: Intent
    already: bool
    """True where the run was there before and nothing was bought."""
    said: str


def money(value: Decimal, unit: str) -> str:
    """Return a price for people: ``1,296 CU``, ``10.75 CU``."""
    return f"{value.normalize():,f} {unit}"


def fingerprint(
    model_id: str,
    *,
    images: Iterable[tuple[str, str]],
    pairs: Iterable[tuple[str, str, str]],
    parameters: Mapping[str, Any],
) -> str:
    """Return the identity of what a launch buys.

    Args:
        model_id: the model it trains.
        images: content key and caption of each training image; their order does not matter.
        pairs: content keys of source and target, and the instruction, in order.
        parameters: the wire's parameters with defaults explicit.

    Returns:
        A SHA-256, hexadecimal. Texts count in NFC; no URL, no date and no name takes part.
    """

    def nfc(text: str) -> str:
        return unicodedata.normalize("NFC", text)

    body = {
        "model": model_id,
        "images": sorted([key, nfc(caption)] for key, caption in images),
        "pairs": [[source, target, nfc(text)] for source, target, text in pairs],
        "parameters": parameters,
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def served_digest(model: Model) -> str:
    """Return a digest of the training set that the service holds, to notice others' changes."""
    return fingerprint(
        model.id,
        images=((i.id, i.description) for i in model.training_images),
        pairs=((p.source_id, p.target_id, p.instruction) for p in model.training_image_pairs),
        parameters={},
    )


def parse_max_cost(value: object, unit: str) -> Decimal:
    """Return a price cap as a number in ``unit``.

    Args:
        value: a number, or a text such as ``"400 CU"``.
        unit: the unit the service prices in.

    Raises:
        InputError: no such number, or another unit.
    """
    number: object = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9][0-9,]*(?:\.[0-9]+)?)\s*(.*?)\s*", value)
        if match is None:
            raise InputError(
                f"max_cost is {shown(value, 40)}.", remedy=f'Give a number, or "400 {unit}".'
            )
        if match[2] and match[2] != unit:
            raise InputError(
                f"max_cost is in {shown(match[2], 30)}, and prices here are in {unit}.",
                remedy=f'Give a number, or "400 {unit}".',
            )
        number = match[1].replace(",", "")
    try:
        if isinstance(number, bool):
            raise InvalidOperation
        cap = Decimal(str(number))
    except InvalidOperation:
        cap = Decimal("NaN")
    if not cap.is_finite() or cap < 0:
        raise InputError(
            f"max_cost is {shown(value, 40)}.", remedy=f'Give a number, or "400 {unit}".'
        )
    return cap


class Launcher:
    """Prices, launches and stops trainings of one Phoenix, by the protocol above."""

    def __init__(
        self,
        client: LaunchClient,
        journal: Journal,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self._journal = journal
        self._clock = clock
        self._sleep = sleep

    # -- pricing --------------------------------------------------------------------------------

    def estimate(self, order: Order) -> Estimate:
        """Ask for today's price. Buys nothing.

        Raises:
            LaunchUncertain: the service answered the dry run with a job, against its own
                documentation. The run is in the journal.
        """
        model = self.client.get_model(order.model_id)
        return self._quote(order, model)

    def _quote(self, order: Order, model: Model) -> Estimate:
        answer = self.client.quote_training(order.model_id, order.parameters)
        if isinstance(answer, LaunchReply):
            self._adopt(model, answer.job.id if answer.job else None, order.fingerprint)
            raise LaunchUncertain(
                "Phoenix answered a dry run with a job: a training may have been launched.",
                remedy="Look at training.run; training.stop() ends it.",
            )
        return Estimate(
            model_id=order.model_id,
            amount=answer.amount,
            unit=self.client.unit,
            discount=answer.discount,
            details=dict(answer.details),
            fingerprint=order.fingerprint,
            served=served_digest(model),
            made_at=self._clock(),
        )

    # -- launching ------------------------------------------------------------------------------

    def launch(
        self,
        order: Order,
        *,
        accepted: Estimate | None = None,
        max_cost: object = None,
        again: bool = False,
    ) -> Launched:
        """Buy the training, unless it is bought already.

        Args:
            order: what to buy.
            accepted: the estimate a person saw and accepted.
            max_cost: what a script accepts instead, a number or ``"400 CU"``. The local Phoenix,
                which charges nothing, needs neither.
            again: buy the same thing once more although it was bought before.

        Raises:
            PriceNotAccepted: nothing was accepted, the price rose, the estimate is spent or too
                old, or the set changed since. Nothing was bought.
            LaunchRefused: the service refused, or the request never left. Nothing was bought.
            LaunchUncertain: the request left and nothing tells what it did.
        """
        cap = None if max_cost is None else parse_max_cost(max_cost, self.client.unit)
        before = self._newest(order.model_id)
        model = self.client.get_model(order.model_id)
        found = self._already(order, model, again=again)
        if found is not None:
            return found
        if accepted is not None and self._journal.spent(accepted.estimate_id):
            return self._beaten(order, accepted)
        estimate = self._quote(order, model)
        self._check_price(estimate, accepted, cap)
        if accepted is not None and accepted.served != estimate.served:
            raise PriceNotAccepted(
                "Someone changed the training set on the service since the price was shown.",
                remedy="Look at the set and estimate again.",
            )
        intent = self._intent(
            model,
            state="prepared",
            fingerprint=order.fingerprint,
            estimate_id=(accepted or estimate).estimate_id,
            amount=estimate.amount,
        )
        if not self._journal.prepare(intent, newest=before.intent_id if before else None):
            return self._beaten(order, accepted)
        return self._submit(intent, order)

    def _check_price(
        self, estimate: Estimate, accepted: Estimate | None, cap: Decimal | None
    ) -> None:
        now = money(estimate.amount, estimate.unit)
        if accepted is not None:
            if accepted.fingerprint != estimate.fingerprint:
                raise PriceNotAccepted(
                    "The training changed since its price was shown.",
                    remedy=f"It costs {now} now; look, and accept that.",
                )
            if self._clock() - accepted.made_at > ESTIMATE_SECONDS:
                raise PriceNotAccepted(
                    f"The price shown is older than {ESTIMATE_SECONDS} s.",
                    remedy=f"It is {now} now; look, and accept that.",
                )
            cap = accepted.amount if cap is None else min(cap, accepted.amount)
            if estimate.amount > cap:
                raise PriceNotAccepted(
                    f"The price rose: {money(accepted.amount, accepted.unit)} → {now}.",
                    remedy="Nothing was bought; accept the new price to go on.",
                )
        elif cap is not None:
            if estimate.amount > cap:
                raise PriceNotAccepted(
                    f"The training costs {now}, more than max_cost.",
                    remedy=f"To accept: training.start(max_cost={estimate.amount.normalize():f})",
                )
        elif not self.client.is_local:
            raise PriceNotAccepted(
                f"The training costs {now}, and nobody accepted that.",
                remedy=f"To accept: training.start(max_cost={estimate.amount.normalize():f})",
            )

    def _submit(self, intent: Intent, order: Order) -> Launched:
        if not self._journal.move(intent.intent_id, "submitting", only_from={"prepared"}):
            raise LaunchRefused(
                "The launch was given up before it was sent.", remedy="Start again."
            )
        try:
            reply = self.client.trigger_training(order.model_id, order.parameters)
        except ServiceUnreachable as error:
            if not error.sent:
                self._move(intent, "not_sent", str(error))
                raise LaunchRefused(
                    f"Nothing was launched: {error.message}", remedy=error.remedy
                ) from error
            return self._uncertain(intent, str(error), error)
        except ServiceError as error:
            if self._is_refusal(error):
                self._move(intent, "rejected", str(error))
                raise LaunchRefused(
                    f"Phoenix refused: {error.message}", remedy=error.remedy
                ) from error
            return self._uncertain(intent, str(error), error)
        except BaseException:
            # Ctrl-C while the request is out, or a fault of our own: the request may have left.
            self._move(intent, "uncertain", "interrupted while the request was out")
            raise
        if reply.outcome == "quoted":
            self._move(intent, "rejected", "answered with a price instead of a job")
            raise LaunchRefused(
                "Phoenix answered with a price and launched nothing.", remedy="Start again."
            )
        if reply.job is None or not reply.job.id:
            return self._uncertain(intent, "the reply names no job", None)
        self._journal.move(
            intent.intent_id, "running", only_from={"submitting", "uncertain"}, job_id=reply.job.id
        )
        return Launched(
            intent=self._again(intent),
            already=False,
            said=f"Started for {money(intent.amount, intent.unit)}.",
        )

    @staticmethod
    def _is_refusal(error: ServiceError) -> bool:
        """Return whether the service surely did not launch.

        "Already training" on our own first request is none: it may be our own request, repeated
        by a proxy.
        """
        if isinstance(error, Throttled) or "already training" in str(error).lower():
            return False
        return error.status in (400, 401, 402, 403, 404, 422, 429)

    def _uncertain(self, intent: Intent, reason: str, cause: PhoenixError | None) -> Launched:
        self._move(intent, "uncertain", reason)
        try:
            resolved = self.reconcile(self.client.get_model(intent.model_id))
        except PhoenixError:
            resolved = None
        if resolved is not None and resolved.state != "uncertain":
            return Launched(
                intent=resolved,
                already=False,
                said="Started; its first reply was lost, and the service shows the run.",
            )
        raise self._doubt(reason) from cause

    @staticmethod
    def _doubt(reason: str) -> LaunchUncertain:
        return LaunchUncertain(
            f"A launch was sent and nothing tells what it did ({shown(reason, 70)}).",
            remedy="It is not sent again. training.refresh() looks whether it runs.",
        )

    # -- what is there already ------------------------------------------------------------------

    def _newest(self, model_id: str) -> Intent | None:
        found = self._journal.intents(origin=self.client.origin, model_id=model_id)
        return found[0] if found else None

    def _already(self, order: Order, model: Model, *, again: bool) -> Launched | None:
        """Return the run that makes a launch needless; raise where one is in doubt."""
        opened, wait = self.reconcile(model), 0.1
        while opened is not None and opened.state in ("prepared", "submitting"):
            # Another thread or process is at it, or was; its state settles within its time limit.
            self._sleep(wait)
            wait = min(2.0, wait * 1.5)
            model = self.client.get_model(order.model_id)
            opened = self.reconcile(model)
        if opened is not None and opened.state == "uncertain":
            raise self._doubt(opened.reason)
        if opened is not None and opened.open:
            return Launched(intent=opened, already=True, said=self._running_words(opened))
        if model.status == "training":
            adopted = self._adopt(model, model.job_id, fingerprint="")
            return Launched(intent=adopted, already=True, said=self._running_words(adopted))
        if again:
            return None
        for intent in self._journal.intents(origin=self.client.origin, model_id=order.model_id):
            if intent.state == "trained" and intent.fingerprint == order.fingerprint:
                day = time.strftime("%Y-%m-%d %H:%M", time.localtime(intent.at))
                return Launched(
                    intent=intent,
                    already=True,
                    said=f"Trained on {day}, not bought again. start(again=True) buys it again.",
                )
        return None

    def _running_words(self, intent: Intent) -> str:
        since = time.strftime("%H:%M", time.localtime(intent.at))
        return f"Already running since {since}, not bought again."

    def _beaten(self, order: Order, accepted: Estimate | None) -> Launched:
        """Return the launch that came first, after this one lost the race for the journal."""
        model = self.client.get_model(order.model_id)
        found = self._already(order, model, again=True)
        if found is not None:
            return found
        newest = self._newest(order.model_id)
        if (
            newest is not None
            and newest.state == "trained"
            and newest.fingerprint == order.fingerprint
        ):
            return Launched(intent=newest, already=True, said="Launched elsewhere just now.")
        if accepted is not None and self._journal.spent(accepted.estimate_id):
            raise PriceNotAccepted(
                "This price has been accepted once already.", remedy="Estimate again."
            )
        raise LaunchRefused(
            "Another launch of this model came first and did not run.", remedy="Start again."
        )

    # -- reads ----------------------------------------------------------------------------------

    def reconcile(self, model: Model) -> Intent | None:
        """Bring the journal up to what the service says; reads only.

        Returns:
            The model's launch that is not finished, or the one that this call found finished,
            or ``None`` where there was none.
        """
        intent = self._journal.open_intent(origin=self.client.origin, model_id=model.id)
        if intent is None:
            return None
        age = self._clock() - intent.changed
        if intent.state == "prepared" and age > SUBMITTING_SECONDS:
            self._move(intent, "not_sent", "given up before it was sent")
        elif intent.state in ("submitting", "uncertain"):
            if self._launched_since(intent, model):
                self._journal.move(
                    intent.intent_id,
                    "running",
                    only_from={"submitting", "uncertain"},
                    job_id=model.job_id,
                )
                return self.reconcile(model)
            if intent.state == "submitting" and age > SUBMITTING_SECONDS:
                self._move(intent, "uncertain", "the kernel ended while the request was out")
        elif intent.state in ("running", "stopping"):
            end = self._end(intent, model)
            if end is not None:
                self._journal.move(intent.intent_id, end, only_from={"running", "stopping"})
        return self._again(intent)

    def run_of(self, model: Model) -> Intent | None:
        """Return the launch that the model's present run, or its last one, came from."""
        opened = self.reconcile(model)
        if opened is not None:
            return opened
        found = self._journal.intents(origin=self.client.origin, model_id=model.id)
        return next((i for i in found if i.job_id is not None and i.job_id == model.job_id), None)

    @staticmethod
    def _launched_since(intent: Intent, model: Model) -> bool:
        """Return whether the service shows a run that the model did not have before."""
        if model.job_id is not None and model.job_id != intent.job_before:
            return True
        return model.status == "training" and intent.status_before != "training"

    def _end(self, intent: Intent, model: Model) -> IntentState | None:
        if model.status == "training":
            return None
        if model.job_id is not None and model.job_id == intent.job_id and model.status in _ENDS:
            return _ENDS[model.status]
        if intent.job_id is None:
            return _ENDS.get(model.status) if model.status != intent.status_before else None
        # The model speaks of another run, or not yet of this one: its job knows.
        try:
            return _JOB_ENDS.get(self.client.get_job(intent.job_id).status)
        except PhoenixError:
            return None

    # -- stopping -------------------------------------------------------------------------------

    def stop(self, model_id: str) -> Model:
        """Ask the running training to stop, and return the model as read afterwards."""
        intent = self._journal.open_intent(origin=self.client.origin, model_id=model_id)
        if intent is not None:
            self._journal.move(intent.intent_id, "stopping", only_from={"running"})
        try:
            self.client.cancel_training(model_id)
        except ServiceUnreachable as error:
            if not error.sent:
                raise
        model = self.client.get_model(model_id)
        self.reconcile(model)
        return model

    # -- the journal ----------------------------------------------------------------------------

    def _adopt(self, model: Model, job_id: str | None, fingerprint: str) -> Intent:
        """Write down a run that this computer did not launch."""
        intent = self._intent(
            model, state="running", fingerprint=fingerprint, estimate_id=None, amount=Decimal(0)
        )
        newest = self._newest(model.id)
        adopted = replace(intent, job_id=job_id, reason="found running on the service")
        self._journal.prepare(adopted, newest=newest.intent_id if newest else None)
        opened = self._journal.open_intent(origin=self.client.origin, model_id=model.id)
        return opened or adopted

    def _intent(
        self,
        model: Model,
        *,
        state: IntentState,
        fingerprint: str,
        estimate_id: str | None,
        amount: Decimal,
    ) -> Intent:
        return Intent(
            intent_id="run_" + secrets.token_hex(8),
            origin=self.client.origin,
            project=self.client.project_id or "",
            model_id=model.id,
            fingerprint=fingerprint,
            estimate_id=estimate_id,
            state=state,
            amount=amount,
            unit=self.client.unit,
            status_before=model.status,
            job_before=model.job_id,
            at=self._clock(),
            changed=self._clock(),
        )

    def _move(self, intent: Intent, to: IntentState, reason: str) -> None:
        self._journal.move(
            intent.intent_id, to, only_from={"prepared", "submitting"}, reason=reason[:300]
        )

    def _again(self, intent: Intent) -> Intent:
        return self._journal.intent(intent.intent_id) or intent
