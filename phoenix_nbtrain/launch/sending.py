"""The one request that buys, and what its reply means.

Nothing else in the toolkit sends the trigger without ``dryRun``.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from phoenix_nbtrain.errors import (
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PlanLimitReached,
    ServiceError,
    ServiceUnreachable,
    StoreError,
)
from phoenix_nbtrain.launch.identity import Order
from phoenix_nbtrain.launch.price import money
from phoenix_nbtrain.launch.reconcile import Reconciler
from phoenix_nbtrain.store.journal import Intent, IntentKind, IntentState
from phoenix_nbtrain.text import as_sentence, shown

__all__ = ["VERB", "Launched", "Sending", "cost_words", "doubt"]

VERB: Mapping[IntentKind, str] = {"training": "start", "download": "download"}
"""What a person calls to buy it."""
_BUSY = re.compile(
    r"\b(already|another|progress|busy|running|active|queued|pending|ongoing|parallel|concurrent"
    r"|conflict|locked)",
    re.IGNORECASE,
)
"""What a 400 says that speaks of another training: "Model is already training" is documented."""
_LOST_REPLY = "Started. The first reply was lost, but the service shows the run."


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A run, and whether this call bought it."""

    intent: Intent
    already: bool
    """True where the run was there before and nothing was bought."""
    said: str


class Sending:
    """Sends intents that are written down, each once, and writes down what came of them."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def send(self, intent: Intent, order: Order) -> Launched:
        """Send an intent that is written down, once, and write down what came of it."""
        if not self._reconciler.journal.move(
            intent.intent_id, "submitting", only_from={"prepared"}
        ):
            raise LaunchRefused(
                "The launch was given up before it was sent.", remedy="Start again."
            )
        try:
            if order.kind == "download":
                reply = self._reconciler.client.trigger_download(order.model_id, epoch=order.epoch)
            else:
                reply = self._reconciler.client.trigger_training(order.model_id, order.parameters)
        except ServiceUnreachable as error:
            if not error.sent:
                self._reconciler.move(intent, "not_sent", str(error))
                raise LaunchRefused(
                    f"Nothing was launched: {error.message}", remedy=error.remedy
                ) from error
            return self._uncertain(intent, str(error), error)
        except ServiceError as error:
            return self._refused(intent, error)
        except BaseException:
            # Ctrl-C while the request is out, or a fault of our own: the request may have left.
            self._reconciler.move(intent, "uncertain", "interrupted while the request was out")
            raise
        if reply.outcome == "quoted":
            self._reconciler.move(intent, "rejected", "answered with a cost instead of a job")
            raise LaunchRefused(
                "Phoenix answered with a cost and launched nothing.", remedy="Start again."
            )
        if reply.job is None or not reply.job.id:
            return self._uncertain(intent, "the reply names no job", None)
        self._write_down(intent, reply.job.id, reply.cost)
        intent = self._reconciler.again(intent)
        said = f"Started for {money(intent.amount, intent.unit)}."
        return Launched(intent=intent, already=False, said=cost_words(intent) or said)

    def _write_down(self, intent: Intent, job_id: str, charged: Decimal | None) -> None:
        """Write down that it runs and at what cost, and never lose the job that was bought."""
        states: set[IntentState] = {"submitting", "uncertain", "not_seen"}
        try:
            moved = self._reconciler.journal.move(
                intent.intent_id, "running", only_from=states, job_id=job_id, charged=charged
            )
            if not moved:  # meanwhile another was launched, or this one found by a read
                self._reconciler.journal.note_job(intent.intent_id, job_id, charged=charged)
        except StoreError as error:
            raise LaunchUncertain(
                f"Phoenix launched {shown(job_id, 40)}, but this computer could not record it.",
                remedy="It is bought; nbt.runs() finds it on the service.",
            ) from error

    def _refused(self, intent: Intent, error: ServiceError) -> Launched:
        """Settle a refusal, which may be the answer to a proxy's repeat of our own request.

        It stays open where it may be that and reads do not tell: they can be late.
        """
        if not _is_refusal(error):
            return self._uncertain(intent, str(error), error)
        reconciler = self._reconciler
        local = reconciler.client.in_process  # nothing lies between that could repeat a request
        try:
            reconciler.journal.move(
                intent.intent_id,
                "rejected" if local else "refused",
                only_from={"submitting", "uncertain"},
                reason=error.message[:300],
                remedy=error.remedy,
            )
        except StoreError:
            raise doubt(intent, str(error)) from error  # so it will be for whoever comes next
        if local:
            raise _final(error) from error
        try:
            model = reconciler.client.get_model(intent.model_id)
            resolved = reconciler.reconcile(model, intent.kind)
            if resolved is not None and resolved.state not in ("refused", "rejected"):
                return Launched(intent=resolved, already=False, said=_LOST_REPLY)
            final = not _may_be_ours(error) or self._explained(intent, error)
            if final:
                reconciler.journal.move(intent.intent_id, "rejected", only_from={"refused"})
        except PhoenixError:
            final = False  # not readable, or not to be noted down, just now: later reads tell
        raise _final(error) if final else self.refusal(reconciler.again(intent)) from error

    def _explained(self, intent: Intent, error: ServiceError) -> bool:
        """Return whether other trainings account for a refusal."""
        if not isinstance(error, PlanLimitReached) or error.action != "parallel-training":
            return False
        return bool(error.limit) and self._reconciler.others_run(intent, error.limit or 0)

    def refusal(self, intent: Intent) -> LaunchRefused:
        """Return the error that tells of a refusal which is still open, and until when."""
        since, until = self._reconciler.held(intent)
        reason = as_sentence(intent.reason, 130 - len(intent.remedy))
        again = f"A {VERB[intent.kind]} is sent again from {_clock(math.ceil(until))} on."
        return LaunchRefused(
            f"Phoenix refused at {_clock(since)}: {reason}",
            remedy=f"{intent.remedy} {again}".strip(),
            retry_after=max(0.0, self._reconciler.seconds_left(intent)),
        )

    def _uncertain(self, intent: Intent, reason: str, cause: PhoenixError | None) -> Launched:
        try:
            self._reconciler.move(intent, "uncertain", reason)
            resolved = self._reconciler.reconcile(
                self._reconciler.client.get_model(intent.model_id), intent.kind
            )
        except PhoenixError:
            # Not readable, or not to be noted down, just now: it was sent all the same, it stays
            # open, and later reads tell.
            resolved = None
        if resolved is not None and resolved.state != "uncertain":
            return Launched(intent=resolved, already=False, said=_LOST_REPLY)
        raise doubt(intent, reason) from cause


def _is_refusal(error: ServiceError) -> bool:
    """Return whether this request, as it was answered, launched nothing."""
    return 400 <= error.status < 500 and error.status != 408  # 408: it took too long to answer


def _may_be_ours(error: ServiceError) -> bool:
    """Return whether an earlier copy of the same request could have caused a refusal."""
    if isinstance(error, PlanLimitReached):
        return error.limit != 0  # a plan without any has none left for a copy
    if error.status == 400:
        return _BUSY.search(error.message) is not None
    return error.status not in (401, 402, 403, 404, 422)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _final(error: ServiceError) -> LaunchRefused:
    remedy = error.remedy or "Nothing was charged. Fix that, then try again."
    return LaunchRefused(f"Phoenix refused: {error.message}", remedy=remedy)


def cost_words(intent: Intent) -> str:
    """Return what is said of a launch at another cost than was accepted; else nothing."""
    if intent.charged is None or not intent.costs_otherwise:
        return ""
    runs = intent.kind == "training" and intent.open
    stop = " It continues; training.stop() ends it." if runs else ""
    return (
        f"Phoenix started it for {money(intent.charged, intent.unit)}, not for the "
        f"{money(intent.amount, intent.unit)} that were accepted.{stop}"
    )


def doubt(intent: Intent, reason: str) -> LaunchUncertain:
    """Return the error that tells of a launch of which nothing is known."""
    if intent.kind == "download":
        remedy = (
            "It is not sent again automatically: check nbt.runs(), or use download(again=True)."
        )
    else:
        remedy = "It is not sent again. refresh() tells what happened, within about two minutes."
    return LaunchUncertain(
        f"A {intent.kind} was sent, but what became of it is unknown ({shown(reason, 60)}).",
        remedy=remedy,
    )
