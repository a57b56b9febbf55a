"""What became of launches: the journal brought up to what the service says, by reads only."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from phoenix_nbtrain.clock import Clock, moment
from phoenix_nbtrain.errors import NotFound, PermissionDenied, PhoenixError
from phoenix_nbtrain.launch.identity import Order, served_digest
from phoenix_nbtrain.locks import may_be_at_work
from phoenix_nbtrain.records import Job, LaunchReply, Model, Quote
from phoenix_nbtrain.store.journal import RAN_STATES, Intent, IntentKind, IntentState, Journal

__all__ = ["CLOCKS_APART", "LaunchClient", "Reconciler"]

SUBMITTING_SECONDS = 180
"""Longer than a launch request can take, where no lock tells whether its sender lives."""
QUIET_SECONDS = 120
"""How long an uncertain launch must have left no trace before it appears not launched."""
QUIET_READS = 3
"""How many reads must have shown none in that time."""
QUIET_APART = 20
"""Seconds between two of them: reads in one breath are one look."""
_JOBS_LOOKED_AT = 200
CLOCKS_APART = 300
"""Seconds by which this computer's clock and the service's may differ."""

_MODEL_ENDS: Mapping[str, IntentState] = {
    "trained": "trained",
    "failed": "failed",
    "training-canceled": "canceled",
}
_JOB_ENDS: Mapping[IntentKind, Mapping[str, IntentState]] = {
    "training": {"success": "trained", "failure": "failed", "canceled": "canceled"},
    "download": {"success": "delivered", "failure": "failed", "canceled": "canceled"},
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
    @property
    def in_process(self) -> bool: ...

    def get_model(self, model_id: str) -> Model: ...
    def get_job(self, job_id: str) -> Job: ...
    def list_jobs(self) -> Iterator[Job]: ...
    def quote_training(
        self, model_id: str, parameters: Mapping[str, Any]
    ) -> Quote | LaunchReply: ...
    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply: ...
    def cancel_training(self, model_id: str) -> Model: ...
    def quote_download(self, model_id: str, *, epoch: str | None = None) -> Quote | LaunchReply: ...
    def trigger_download(self, model_id: str, *, epoch: str | None = None) -> LaunchReply: ...


class Reconciler:
    """One Phoenix's launches as journal and service tell them together.

    A model's launches are looked at whatever address they went to, since a service may have several
    and a model's id is its own. What another address shows may tell that a launch runs, never that
    it is over or did not happen: a proxy may show a copy, or an older state.
    """

    def __init__(
        self,
        client: LaunchClient,
        journal: Journal,
        *,
        clock: Clock = moment,
        explicit: Callable[[Model], Mapping[str, Any]] = lambda model: dict(model.parameters),
    ) -> None:
        self.client = client
        self.journal = journal
        self._clock = clock
        self._explicit = explicit

    def newest(self, model_id: str, kind: IntentKind = "training") -> Intent | None:
        """Return the model's newest launch of that kind."""
        found = self.intents(model_id, kind)
        return found[0] if found else None

    def intents(self, model_id: str, kind: IntentKind | None = "training") -> list[Intent]:
        """Return the model's launches of that kind, or of all, the newest first."""
        return self.journal.intents(model_id=model_id, kind=kind)

    def open_intent(self, model_id: str, kind: IntentKind) -> Intent | None:
        """Return the model's launch of that kind that is not finished, one of this address first."""
        found = [i for i in self.intents(model_id, kind) if i.open]
        return min(found, key=self.elsewhere, default=None)

    def elsewhere(self, intent: Intent) -> bool:
        """Return whether a launch went to another address than this Phoenix's."""
        return intent.origin != self.client.origin

    # -- reading --------------------------------------------------------------------------------

    def reconcile(self, model: Model, kind: IntentKind = "training") -> Intent | None:
        """Bring the journal up to what the service says; reads only.

        Args:
            model: as read just now.
            kind: which of its launches.

        Returns:
            The launch that is not finished, or the one that this call found finished, or
            ``None`` where there was none.
        """
        intent = self.open_intent(model.id, kind)
        if intent is None:
            return self._late(model, kind)
        if self.elsewhere(intent):
            return self._seen_from_here(intent, model)
        now = self._clock()
        if now.precedes(intent.last_change) or now.precedes(intent.last_read):
            self.journal.count_from_now(intent.intent_id)
            intent = self.again(intent)
        if intent.state in ("prepared", "submitting") and self._may_be_at_work(intent):
            # Its sender lives and will say; a run that shows meanwhile may be somebody else's.
            return intent
        if intent.state == "prepared":
            # Only from there: since this was read it may have been sent, and its sender killed.
            self.journal.move(
                intent.intent_id,
                "not_sent",
                only_from={"prepared"},
                reason="given up before it was sent",
            )
        elif intent.state in ("submitting", "uncertain", "refused"):
            trace = self._trace(intent, model)
            if trace.found and self._found_running(intent, trace.job_id):
                return self.reconcile(model, kind)
            if intent.state == "submitting":
                self.move(intent, "uncertain", "its sender ended while the request was out")
            elif trace.evidence or intent.state == "refused":
                self._quiet(intent, trace.evidence)
        elif intent.state in ("running", "stopping"):
            end = self._end(intent, model)
            if end is not None:
                self.journal.move(intent.intent_id, end, only_from={"running", "stopping"})
        return self.again(intent)

    def _seen_from_here(self, intent: Intent, model: Model) -> Intent:
        """Write down that a launch at another address runs, if that shows; nothing else."""
        lost = intent.state == "submitting" and not self._may_be_at_work(intent)
        if lost or intent.state in ("uncertain", "refused"):
            trace = self._trace(intent, model)
            if trace.found:
                self._found_running(intent, trace.job_id)
        return self.again(intent)

    def adopt(self, model: Model, *, newest: Intent | None) -> Intent | None:
        """Write down the run that the service shows, if this computer does not know it.

        So a run is known here after this computer's memory was lost, and on a second computer.

        Args:
            model: as read just now, after `reconcile`.
            newest: the model's newest launch as known before that read; where another was
                written since, nothing is written.

        Returns:
            The run as written down, or ``None`` where nothing was.
        """
        state: IntentState | None = _MODEL_ENDS.get(model.status)
        if model.status == "training":
            state = "running"
        intents = self.intents(model.id)
        if state is None or any(i.open for i in intents):
            return None
        known = self._known(model, intents)
        if known is not None:
            # It was thought to have ended, and goes on: the service may have taken it up again.
            if state == "running":
                self.journal.move(known.intent_id, "running", only_from=RAN_STATES)
                return self.again(known)
            return None
        intent = self.intent(
            Order(model_id=model.id, parameters=self._explicit(model), fingerprint=""),
            model,
            state=state,
            estimate_id=None,
            amount=Decimal(0),
        )
        intent = replace(intent, job_id=model.job_id, reason="found on the service")
        written = self.journal.prepare(intent, newest=newest.intent_id if newest else None)
        return self.again(intent) if written else None

    def run_of(self, model: Model) -> Intent | None:
        """Return the launch that the model's present run, or its last one, came from."""
        before = self.newest(model.id)
        opened = self.reconcile(model)
        if opened is not None and opened.state not in ("not_sent", "not_seen", "rejected"):
            return opened
        adopted = self.adopt(model, newest=before)
        if adopted is not None or model.job_id is None:
            return adopted
        return next((i for i in self.intents(model.id) if i.job_id == model.job_id), None)

    def doubt(self, model_id: str, kind: IntentKind = "training") -> Intent | None:
        """Return the launch that appears not to have run, if none has run since."""
        for intent in self.intents(model_id, kind):
            if intent.state in RAN_STATES:
                return None
            if intent.state == "not_seen":
                return intent
        return None

    @staticmethod
    def _known(model: Model, intents: Sequence[Intent]) -> Intent | None:
        """Return the launch that the model's run came from, as far as the journal knows it."""
        ran = [i for i in intents if i.state in RAN_STATES]
        if model.job_id is not None:
            return next((i for i in ran if i.job_id == model.job_id), None)
        # The service hides the job: the last run there was is the one that is known, unless the
        # model trains although that one has ended.
        if model.status == "training":
            return None
        return ran[0] if ran else None

    def _late(self, model: Model, kind: IntentKind) -> Intent | None:
        """Return a launch that appeared not launched and now shows a run after all."""
        unseen = self.doubt(model.id, kind)
        if unseen is None:
            return None
        trace = self._trace(unseen, model)
        if not trace.found or not self._found_running(unseen, trace.job_id):
            return None
        return self.reconcile(model, kind)

    def _may_be_at_work(self, intent: Intent) -> bool:
        age = self._clock().since(intent.last_change)
        return may_be_at_work(intent.intent_id, age=age, longest=SUBMITTING_SECONDS)

    def _found_running(self, intent: Intent, job_id: str | None) -> bool:
        return self.journal.move(
            intent.intent_id,
            "running",
            only_from={"submitting", "uncertain", "refused", "not_seen"},
            job_id=job_id,
        )

    def _trace(self, intent: Intent, model: Model) -> _Trace:
        """Return what the service shows of a launch that nothing was heard of."""
        if intent.kind == "download":
            return self._trace_of_download(intent)
        job = f"job {model.job_id}" if model.job_id else "no job"
        if self._is_of_another(intent, model):
            return _Trace(evidence=f"show another launch's run: {model.status}, {job}")
        if _appeared(intent, model):
            if _is_of_before(intent, model):
                return _Trace()
            return _Trace(found=True, job_id=model.job_id)
        return _Trace(evidence=f"show it as before: {model.status}, {job}")

    def _is_of_another(self, intent: Intent, model: Model) -> bool:
        """Return whether the model's run is known for another launch's, sent since this one."""
        return model.job_id not in (None, intent.job_before) and any(
            other.job_id == model.job_id and other.intent_id != intent.intent_id
            for other in self.intents(model.id)
        )

    def _trace_of_download(self, intent: Intent) -> _Trace:
        """Look for the job of a download: the model itself shows nothing of it."""
        known, now = {i.job_id for i in self.intents(intent.model_id, "download")}, self._clock()
        # The service's clock is set against ours as it is now, whatever it was when this was sent.
        sent = min(intent.at, now.at - now.since(intent.last_change))
        try:
            for number, job in enumerate(self.client.list_jobs()):
                if number > _JOBS_LOOKED_AT:
                    return _Trace()  # it may be further down
                if job.type == "model-download" and job.id not in known:
                    since, asked = _seconds(job.created_at), job.input
                    if since is not None and since < sent - CLOCKS_APART:
                        continue
                    if asked.get("modelId", intent.model_id) != intent.model_id:
                        continue
                    if "modelId" in asked and asked.get("modelEpoch") == intent.epoch:
                        return _Trace(found=True, job_id=job.id)
                    if asked.get("modelEpoch", intent.epoch) == intent.epoch:
                        return _Trace()  # it may be ours: no proof, and no evidence against it
        except PhoenixError:
            return _Trace()  # not readable is no evidence
        return _Trace(evidence="of the jobs show none")

    def _quiet(self, intent: Intent, seen: str) -> None:
        """Count a read without a trace; after enough of them the launch appears not launched."""
        self.journal.note_quiet_read(intent.intent_id, apart=QUIET_APART)
        intent = self.again(intent)
        if intent.quiet_reads < QUIET_READS or self.seconds_left(intent) > 0:
            return
        if intent.state == "refused":
            self.journal.move(intent.intent_id, "rejected", only_from={"refused"})
            return
        waited = self._clock().since(intent.last_change)
        evidence = f"{intent.quiet_reads} reads over {waited:.0f} s {seen}"
        self.journal.move(
            intent.intent_id, "not_seen", only_from={"uncertain"}, reason=evidence[:300]
        )

    def seconds_left(self, intent: Intent) -> float:
        """Return for how many seconds more reads may show the time before its last change."""
        return QUIET_SECONDS - self._clock().since(intent.last_change)

    def held(self, intent: Intent) -> tuple[float, float]:
        """Return since when and until when it is held open, in seconds since 1970."""
        left = self._clock().at + self.seconds_left(intent)
        return left - QUIET_SECONDS, left

    def others_run(self, intent: Intent, count: int) -> bool:
        """Return whether so many trainings of other models are under way, by the jobs' own words.

        Only jobs count that surely are none of this launch: by what they were asked for, or by
        the journal.
        """
        theirs = {
            i.job_id: i.state
            for i in self.journal.intents(origin=self.client.origin)
            if i.model_id != intent.model_id
        }
        found = 0
        for number, job in enumerate(self.client.list_jobs()):
            if job.type.endswith("model-training") and not job.ended:
                model_id = job.input.get("modelId", intent.model_id)
                ours_ended = job.id in theirs and theirs[job.id] != "running"
                found += (model_id != intent.model_id or job.id in theirs) and not ours_ended
            if found >= count:
                return True
            if number >= _JOBS_LOOKED_AT:
                break
        return False

    def _end(self, intent: Intent, model: Model) -> IntentState | None:
        if intent.kind == "training":
            if model.status == "training" and (
                intent.job_id is None or model.job_id in (None, intent.job_id)
            ):
                return None
            if model.job_id == intent.job_id and model.status in _MODEL_ENDS:
                return _MODEL_ENDS[model.status]
            if intent.job_id is None:
                changed = model.status != intent.status_before
                return _MODEL_ENDS.get(model.status) if changed else None
        if intent.job_id is None:
            return None
        # The model speaks of another run, or not yet of this one: its job knows.
        try:
            status = self.client.get_job(intent.job_id).status
        except (NotFound, PermissionDenied) as error:
            if intent.kind == "training" and model.job_id is None:
                return _MODEL_ENDS.get(model.status) if _appeared(intent, model) else None
            # A model has one run at a time: where it shows another, this one is over. And a job
            # that the service has forgotten does not go on. But reads can be late at first.
            if self.seconds_left(intent) > 0:
                return None
            other = intent.kind == "training" and model.job_id != intent.job_id
            return "ended" if other or isinstance(error, NotFound) else None
        except PhoenixError:
            return None
        return _JOB_ENDS[intent.kind].get(status)

    # -- writing --------------------------------------------------------------------------------

    def intent(
        self,
        order: Order,
        model: Model,
        *,
        state: IntentState,
        estimate_id: str | None,
        amount: Decimal,
    ) -> Intent:
        """Return a launch of ``order``, not written down yet."""
        return Intent(
            intent_id="run_" + secrets.token_hex(8),
            kind=order.kind,
            origin=self.client.origin,
            project=self.client.project_id or "",
            model_id=model.id,
            fingerprint=order.fingerprint,
            estimate_id=estimate_id,
            state=state,
            amount=amount,
            unit=self.client.unit,
            status_before=model.status,
            job_before=model.job_id,
            run_before=_run_mark(model),
            epoch=order.epoch,
            served=served_digest(model, order),
        )

    def move(self, intent: Intent, to: IntentState, reason: str) -> None:
        """Write down how a launch ended that is not known to run."""
        self.journal.move(
            intent.intent_id, to, only_from={"prepared", "submitting"}, reason=reason[:300]
        )

    def again(self, intent: Intent) -> Intent:
        """Return a launch as the journal has it now."""
        return self.journal.intent(intent.intent_id) or intent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """What a read tells of an uncertain launch. Neither found nor evidence: it tells nothing."""

    found: bool = False
    job_id: str | None = None
    evidence: str = ""
    """What the read showed instead, for people."""


def _seconds(date: str) -> float | None:
    try:
        return datetime.fromisoformat(date).timestamp()
    except ValueError:
        return None


def _run_mark(model: Model) -> str:
    """Return all that tells the model's run from another; the job may be hidden from us."""
    began = model.progress.started_at if model.progress else None
    return f"{model.status} {model.job_id or '-'} {began or '-'} {model.ended_at or '-'}"


def _appeared(intent: Intent, model: Model) -> bool:
    """Return whether the service shows a run that the model did not have before."""
    if intent.run_before:
        return _run_mark(model) != intent.run_before
    if model.job_id is not None and model.job_id != intent.job_before:
        return True
    return model.status == "training" and intent.status_before != "training"


def _is_of_before(intent: Intent, model: Model) -> bool:
    """Return whether a read shows the run from before the launch, in another state.

    It may have been made before the launch and be told only now, or lag behind: it proves nothing.
    """
    began = model.progress.started_at if model.progress else None
    marks = {model.job_id, str(began) if began else None} - {None}
    return not marks.isdisjoint([intent.job_before, *intent.run_before.split(" ")])
