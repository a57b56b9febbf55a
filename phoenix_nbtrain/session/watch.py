"""Follows a run: reads the model and its job until they end, whoever started it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from phoenix_nbtrain.clock import moment
from phoenix_nbtrain.errors import (
    PASSING,
    AuthenticationFailed,
    CoolingDown,
    InputError,
    PhoenixError,
    PlanLimitReached,
    StillRunning,
    StoreBusy,
    StoreError,
)
from phoenix_nbtrain.launch import AT_REST, Launcher, cost_words
from phoenix_nbtrain.records import Job, Model, TrainingProgress
from phoenix_nbtrain.runner import Timer
from phoenix_nbtrain.session.polling import poll_of
from phoenix_nbtrain.session.run_record import STILL_SECONDS, run_of, still_since
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.state import LaunchState, Run
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.store.journal import RAN_STATES, Intent
from phoenix_nbtrain.telling import tell

log = logging.getLogger(__name__)

LOCAL_SECONDS = 0.5
UNCERTAIN_SECONDS = 5.0
HOSTED_SECONDS = 10.0
"""A hosted training takes an hour or more; the vendor's own sample polls at this pace."""
SECONDS_MAX = 60.0
"""Most seconds between two reads, however many of them have failed."""
QUEUED_SECONDS = 30.0
"""While other jobs are ahead of a hosted one."""
LATE_SECONDS = 1.0
"""How much later than at its pace a read may come before whoever waits for the run reads it."""


def passing(error: PhoenixError) -> bool:
    """Return whether a later read may succeed: after an outage, or once somebody has logged in."""
    if isinstance(error, AuthenticationFailed):
        return error.status == 403  # a token that has expired; 401 is a refusal
    return isinstance(error, (*PASSING, CoolingDown, PlanLimitReached, StoreBusy))


class Watch:
    """Reads the run at the pace of the Phoenix it runs on, and stops when it has ended."""

    def __init__(
        self,
        live: StateStore,
        service: Service,
        launcher: Launcher,
        *,
        ended: Callable[[], None] = lambda: None,
        expired: Callable[[], None] = lambda: None,
    ) -> None:
        self._live = live
        self.model_id = live.model_id
        self.service = service
        self._poll = poll_of(service)
        self._launcher = launcher
        self._ended = ended
        self._expired = expired
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._wanted = False
        self._given: Model | None = None
        """The model as read when this began, until it has been looked at or is read anew."""
        self._readings = self._shown = 0
        """How many have begun, and which of them is the newest that was shown."""
        self._failures = 0
        self._open = False
        """Whether reads still have to tell what became of a launch."""
        self._renewed = threading.Event()
        self._read_at = self._job_at = float("-inf")
        self._job: Job | None = None
        self._job_mark: object = None
        """What it was last read for: its id and the model's status."""
        self._failure: PhoenixError | None = None
        """Why the last read failed, if it did."""
        self._clock = moment
        self._seen = self._moved = moment()
        """When the run was last read, and when something was last new in it."""
        self._mark: object = None
        """What tells whether something is."""

    @property
    def seconds(self) -> float:
        """Between two reads."""
        run = self._live.state.run
        if self.service.is_local:
            pace = LOCAL_SECONDS
        else:
            pace = QUEUED_SECONDS if run is not None and run.position else HOSTED_SECONDS
        if not self._live.state.training and self._open:
            pace = max(pace, UNCERTAIN_SECONDS)
        return min(SECONDS_MAX, pace * 2.0 ** min(self._failures, 10))

    def begin(self, model: Model | None = None) -> None:
        """Read soon, and go on reading while the model trains. Never blocks; harmless twice.

        Args:
            model: as read just now, which the first look takes instead of reading it again. Where
                a look is due later, it reads the model then.
        """
        with self._lock:
            self._wanted = True
            self._given = model if self._timer is None else None
            if self._timer is None:
                self._timer = self._live.runner.later(0, self._in_background)

    def go_on(self) -> None:
        """Go on reading at its pace, after a read just now. Never blocks."""
        with self._lock:
            self._wanted = True
            self._next(self.seconds)

    def use(self, service: Service) -> None:
        """Read through another client from now on; a read that waits after failures is due now."""
        if service is not self.service:
            self._poll.leave(self)
            self.service, self._poll = service, poll_of(service)
            self._renewed.set()
        self._recovered()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until there is another client or the run was read."""
        self._renewed.wait(seconds)
        self._renewed.clear()

    def wait(self, timeout: float | None) -> Run:
        """Wait until the run has ended, and return it; see `Training.wait`.

        It is read once now, and then at the watch's pace by whoever is due first.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        told, due = False, True
        while True:
            if due:
                with suppress(PhoenixError):  # judged below, as that of any other read
                    self.read()
            failure, run = self._failure, self._live.state.run
            if failure is not None:
                if not passing(failure):
                    raise failure
                if not told:
                    tell(f"The run's status is unknown right now. {failure} wait() keeps trying.")
                told = True
            elif run is None:
                raise InputError("Not started.", remedy="Run training.start() first.")
            elif run.ended:
                return run
            pause = self.seconds + LATE_SECONDS
            if ends is not None:
                left = ends - time.monotonic()
                if left <= 0:
                    status = (
                        f"is still {run.status}" if run and not failure else "may still be running"
                    )
                    raise StillRunning(
                        f"The run {status} after {timeout:g} s.",
                        remedy=str(failure or "Call wait() again; the run continues on its own."),
                    ) from failure
                pause = min(left, pause)
            if due:
                self.go_on()
            self.pause(pause)
            # Nobody else has read it at its pace.
            due = time.monotonic() - self._read_at > self.seconds + LATE_SECONDS / 2

    def read(self, model: Model | None = None) -> Model:
        """Read the model and its run once and show them.

        Args:
            model: as read just now; by default it is read.

        Raises:
            ServiceUnreachable, ServiceError: the read failed; the state says so, and is else as
                it was.
        """
        service = self.service
        with self._lock:
            self._readings += 1
            reading = self._readings
            if model is None:
                self._given = None  # older than this
        try:
            if model is None:
                model = self.service.get_model(self.model_id)
            self._show(model, reading)
        except PhoenixError as error:
            self._failure = error
            if isinstance(error, AuthenticationFailed):
                self._expired()  # another kernel may have logged in
            if self.service is service:  # else another client reads on, at its own pace
                self._failures += 1
            self._lost(f"The run cannot be read right now: {error}")
            raise
        else:
            self._failure = None
        finally:
            self._read_at = time.monotonic()
            self._renewed.set()
        if self._failures:
            self._recovered()
        return model

    def _show(self, model: Model, reading: int) -> None:
        """Read what else there is of a model's run, and show both unless a later one is shown."""
        before, known = self._live.state.model, self._live.state.run
        problem = ""
        try:
            intent = self._launcher.run_of(model)
            self._launcher.settle_download(model)
            unseen = self._launcher.unseen(model.id)
        except StoreError as error:
            # The service tells how the run stands all the same.
            intent, unseen, problem = None, None, str(error)[:200]
        job = self._job_of(model)
        launch, run = self._live.state.launch, run_of(model, job, intent)
        if problem:
            # What the journal knew of a launch in doubt, it knows still.
            if run is not None and known is not None and known.job_id == run.job_id:
                run = replace(run, run_id=known.run_id)
        else:
            state = intent.state if intent is not None else ""
            self._open = state in ("submitting", "uncertain", "refused")
            launch = self._launch(launch, intent, unseen)
        if launch.phase == "stopping" and model.status != "training":
            launch = LaunchState()
        with self._lock:
            if reading < self._shown:
                return  # the job was slow to read: another run may have begun since
            self._shown = reading
        run = self._dated(run, model.progress)
        self._live.show(model=model, run=run, launch=launch, problem=problem)
        if before.status == "training" and model.status != "training":
            self._ended()

    def _job_of(self, model: Model) -> Job | None:
        """Return the job of the model's run; on a hosted Phoenix as it was within the last minute.

        It tells the cost and why a run failed; how far it is, its model tells.
        """
        if model.job_id is None:
            return None
        now, mark = time.monotonic(), (model.job_id, model.status)
        if self.service.is_local or mark != self._job_mark or now - self._job_at >= SECONDS_MAX:
            try:
                self._job = self.service.get_job(model.job_id)
            except PhoenixError:
                self._job = None  # gone long before its model, or not ours to read
            else:
                self._job_mark, self._job_at = mark, now
        return self._job

    def _dated(self, run: Run | None, told: TrainingProgress | None) -> Run | None:
        """Return a run as it was just read, or with the time of which it is, where it stands still."""
        self._seen = now = self._clock()
        mark = (run, told)
        if mark != self._mark or self._failures:  # nobody looked, so it may have moved
            self._mark, self._moved = mark, now
        if run is None or run.status != "training" or told is None:
            return run
        local = self.service.is_local
        if run.progress is None and run.remaining_seconds is None:
            return run  # a queue may stand still for long
        at, still = still_since(told, local=local, now=now.at), now.since(self._moved)
        if at is None and still > STILL_SECONDS[local]:
            at = self._moved.at
        return run if at is None else replace(run, last_seen=at, remaining_seconds=None)

    def _lost(self, problem: str) -> None:
        """Show why the run could not be read, and of when it is what is known of it."""
        run = self._live.state.run
        if run is not None and not run.ended and run.last_seen is None:
            run = replace(run, last_seen=self._seen.at, remaining_seconds=None)
        self._live.show(run=run, problem=problem[:200])

    def _launch(
        self, launch: LaunchState, intent: Intent | None, unseen: Intent | None
    ) -> LaunchState:
        """Return what the journal tells of the last wish to start, where it tells more."""
        if launch.phase == "uncertain" and not self._open:
            launch = LaunchState()
        elif launch.held and intent is not None and intent.state in RAN_STATES:
            launch = LaunchState(
                message="It was refused, but the service shows that it is running."
            )
        elif intent is not None and intent.state == "refused" and launch.phase == "idle":
            # Of a kernel before this one.
            told = str(self._launcher.refusal(intent))
            launch = LaunchState(phase="refused", message=told, held=True)
        elif intent is not None and intent.state == "uncertain" and launch.phase == "idle":
            # Of a kernel before this one, or of a cell that was interrupted.
            launch = LaunchState(phase="uncertain", message=f"A launch was sent: {intent.reason}.")
        if launch.phase == "idle" and intent is not None and cost_words(intent):
            launch = LaunchState(message=cost_words(intent), warning=True)
        elif launch.warning:
            launch = LaunchState()  # another run has followed
        if unseen is not None and launch.phase == "idle":
            launch = LaunchState(phase="refused", message=_unseen_words(unseen))
        return launch

    def _recovered(self) -> None:
        """Begin the pace anew: a read that waits long after failures is due now."""
        with self._lock:
            self._failures = 0
            if self._timer is not None:
                self._next(0)

    def _next(self, seconds: float | None) -> None:
        """Let the next read be due then, and no other; none for ``None``. Within the lock."""
        if self._timer is not None:
            self._timer.cancel()
        later = self._live.runner.later
        self._timer = None if seconds is None else later(seconds, self._in_background)

    def _in_background(self) -> None:
        """Read on a thread of its own: a service that is slow must hold up no other timer."""
        self._live.runner.alone("watch", self._tick)

    def _tick(self) -> None:
        with self._lock:
            self._wanted = False
            given, self._given = self._given, None
        going = True
        try:
            model = self.read(given or self._from_poll())
            # A launch is watched until reads have told what became of it; so is one that was sent
            # after the model was read. A reply may lack the status, or hold a newer word.
            going = model.status not in AT_REST or self._open
            going = going or (given is not None and self._launcher.at_sea(model.id))
        except PhoenixError:
            pass  # shown as state by read
        except Exception as error:
            log.exception("watching %s failed", self._live.model_id)
            self._failures += 1
            self._lost(f"Watching the run failed: {error!r}")
        finally:
            # One that cannot be read may be what the others cannot be read together with.
            joins = going and self._live.state.training and not self._failures
            (self._poll.join if joins else self._poll.leave)(self)
            with self._lock:
                # A run that began while this read was under way is followed, too.
                self._next(self.seconds if going or self._wanted else None)

    def _from_poll(self) -> Model | None:
        """Return the model as read together with others that train; ``None`` to read it alone.

        Such a reading only tells how far a run is: whatever else is new, the model is read whole.
        """
        known = self._live.state.model
        if self.service.is_local or self._failures or self._open or known.status != "training":
            return None
        told = self._poll.model(self.model_id, after=self._read_at, pace=HOSTED_SECONDS * 0.9)
        if told is None or told.progress is None:
            return None
        if (told.status, told.job_id) != (known.status, known.job_id):
            return None
        return replace(known, progress=told.progress, epochs=told.epochs or known.epochs)


def _unseen_words(unseen: Intent) -> str:
    return (
        f"The launch appears not to have run: {unseen.reason}. If the service shows none either, "
        "Start asks for today's cost and sends a new one."
    )[:200]
