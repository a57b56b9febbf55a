"""Kernels that share one journal and one Phoenix, moved one step at a time.

Every kernel runs its own `Launcher` over its own `Journal` object in a greenlet, which hands
control back at each request, each transaction and each wait. Whoever drives the world decides there
what comes next: another kernel, a fault, Ctrl-C, a kill, a power cut. So interleavings are plain
data, the same every time.

The service keeps no launch out: what it is asked for it does, twice if asked twice. Whatever holds
is the client's own doing.
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import greenlet
from clocks import SetClock
from fake_service import FakeService
from safety.drafts import IMAGES, Content, Notebook, Wanted, draw

from phoenix_nbtrain.database import Database
from phoenix_nbtrain.errors import (
    CoolingDown,
    NotFound,
    PhoenixError,
    PlanLimitReached,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    StoreBusy,
    Throttled,
)
from phoenix_nbtrain.launch import ESTIMATE_SECONDS, Estimate, Launched, Launcher, Order
from phoenix_nbtrain.launch.reconcile import SUBMITTING_SECONDS
from phoenix_nbtrain.records import Job, LaunchReply, Model, TrainingImage
from phoenix_nbtrain.session.adding import Adding
from phoenix_nbtrain.store.journal import RAN_STATES, Intent, Journal

__all__ = ["ENDS", "FATES", "HONEST", "Client", "Kernel", "Violation", "Wire", "World"]


class Violation(AssertionError):
    """Something was bought that nobody accepted, or bought twice, or is unknown to the journal."""


class Killed(BaseException):
    """The process is gone. Handlers unwind, and nothing they do has an effect."""


# -- what can become of a launch request ------------------------------------------------------

_DOUBT: Mapping[str, Callable[[], PhoenixError]] = {
    "timeout": lambda: ServiceUnreachable("Timed out.", sent=True),
    "reset": lambda: ServiceUnreachable("Connection reset.", sent=True),
    "408": lambda: ServiceError("Request timeout.", status=408),
    "500": lambda: ServiceFailed("Internal error (500).", status=500),
    "502": lambda: ServiceFailed("Bad gateway (502).", status=502),
}
"""Replies that do not tell whether the launch happened."""
_HELD: Mapping[str, Callable[[], PhoenixError]] = {
    "already training": lambda: ServiceError("Model is already training.", status=400),
    "cooldown": lambda: CoolingDown("Cooling down.", status=429, remaining_seconds=60),
    "parallel limit": lambda: PlanLimitReached(
        "Plan.", status=429, details={"actionName": "parallel-training", "actionLimit": 1}
    ),
    "throttle": lambda: Throttled("Slow down.", status=429),
    "409": lambda: ServiceFailed("Conflict.", status=409),
}
"""Refusals of a second copy, where a proxy repeated the request; or of the only one."""
_FINAL: Mapping[str, Callable[[], PhoenixError]] = {
    "not sent": lambda: ServiceUnreachable("Connection refused.", sent=False),
    "400": lambda: ServiceError("Too few images.", status=400),
    "401": lambda: ServiceError("Unauthorized.", status=401),
    "no units": lambda: ServiceError("Not enough creative units.", status=402),
    "no training in the plan": lambda: PlanLimitReached(
        "Plan.", status=429, details={"actionName": "parallel-training", "actionLimit": 0}
    ),
}
"""Replies after which nothing was launched, for sure."""


def _fault(name: str) -> PhoenixError:
    return {**_DOUBT, **_HELD, **_FINAL}[name]()


FATES: tuple[str, ...] = (
    "done",
    *(f"{name} before" for name in (*_DOUBT, *_HELD)),
    *(f"{name} after" for name in (*_DOUBT, *_HELD)),
    *_FINAL,
    "late",
    "answered with a price",
    "no job in the reply",
)
"""``before`` and ``after`` say when the reply was lost or the request refused: before or after a
launch happened."""
ENDS: tuple[str, ...] = ("pause", "interrupt", "fails", "kill", "power cut")
"""What can happen to a kernel where it stands."""

IN_TRANSACTION = "commit"
"""The one step at which no other kernel can move: it would wait for the database's lock."""
Until = int | tuple[str, int]
"""A number of steps, or a step's name and which time it comes."""
DRAFTS = "drafts.sqlite3"
_FIRST: dict[str, bytes] = {}
"""The drafts file once the cell that adds was run, by the address that it was run at last."""
CHILDREN_MAX = 2
"""Forked kernels that live at a time."""
OTHER_ADDRESS = "https://proxy.test/v1"
NEVER_LAUNCHED = ("prepared", "not_sent", "rejected")
"""States of a launch of which the journal says that nothing was launched."""


@dataclass(kw_only=True, eq=False)
class Work:
    """One call of a kernel, and what was accepted with it."""

    kind: str
    number: int
    began: int
    began_at: float
    order: Order | None = None
    content: Content | None = None
    """What a person means to buy."""
    after: str = ""
    """What was done to the draft last, where it has to do with a removal."""
    accepted: Estimate | None = None
    max_cost: Decimal | None = None
    again: bool = False
    fate: str = "done"
    lag: float = 0.0
    """Seconds for which reads show nothing of what it launches."""
    outcome: str = ""
    """How it ended: what it returned, or the error that it raised."""
    quoted: Decimal | None = None
    intent_id: str | None = None
    """The launch that it wrote down, at ``wrote_at``."""
    wrote_at: float = 0.0
    refused: bool = False
    """Its request was answered by a refusal and launched nothing."""
    stood_still: bool = False
    """It was not heard of for minutes before it sent."""

    @property
    def acceptance(self) -> str | None:
        """What may be bought once: the estimate, or this one call of a script."""
        if self.accepted is not None:
            return self.accepted.estimate_id
        return None if self.max_cost is None else f"script {self.number}"


@dataclass(kw_only=True, eq=False)
class Run:
    """A launch that took effect."""

    job_id: str
    content: Content | None
    """``None``: somebody else's, too."""
    began: int
    intent_id: str | None
    """``None``: somebody else's."""
    late: bool = False
    """It took effect after its client had given up waiting."""
    blurred: bool = False
    """Somebody else's run began between its client's last read and the first that could show it.
    Where its reply is lost, nothing tells the two apart."""


class Wire:
    """What lies between a kernel and the service: each request is a step, and may be lost."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._service = kernel.world.service

    origin = property(lambda self: self._kernel.origin)
    project_id = property(lambda self: self._service.project_id)
    unit = property(lambda self: self._service.unit)
    is_local = property(lambda self: self._service.is_local)
    in_process = property(lambda self: self._service.in_process)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._service, name)

        def request(*args: Any, **kwargs: Any) -> Any:
            self._kernel.step(name)
            value = method(*args, **kwargs)
            self._kernel.step(f"{name} answered")
            return value

        return request

    def quote_training(self, model_id: str, parameters: Mapping[str, Any]) -> Any:
        self._kernel.step("quote_training")
        quote = self._service.quote_training(model_id, parameters)
        self._kernel.work.quoted = quote.amount
        self._kernel.step("quote_training answered")
        return quote

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        self._kernel.step("trigger_training")
        world, work = self._kernel.world, self._kernel.work
        # What becomes of it is used up: a second request of the same call arrives.
        fate, work.fate = work.fate, "done"
        world.saw(f"launch request: {fate}")
        if fate == "not sent":
            raise _fault(fate)
        intent = world.sending(work, parameters)
        name, _, when = fate.rpartition(" ")
        if fate in _FINAL or (when == "before" and name in _HELD):
            work.refused = True
            raise _fault(fate if fate in _FINAL else name)
        if when == "before":
            raise _fault(name)
        if fate == "answered with a price":
            return LaunchReply(outcome="quoted")
        if fate == "late":
            world.on_their_way.append((work, intent))
            raise _fault("timeout")
        job = world.launched(work, intent)
        self._kernel.step("trigger_training happened")
        if when == "after":
            raise _fault(name)
        if fate == "no job in the reply":
            return LaunchReply(outcome="launched")
        return LaunchReply(outcome="launched", job=job)

    def get_model(self, model_id: str) -> Model:
        self._kernel.step("get_model")
        model = self._kernel.world.shown(self._service.get_model(model_id))
        self._kernel.model = model
        self._kernel.step("get_model answered")
        return model

    def get_job(self, job_id: str) -> Job:
        self._kernel.step("get_job")
        if self._kernel.world.hidden(job_id):
            raise NotFound("No such job.", status=404)
        job = self._service.get_job(job_id)
        self._kernel.step("get_job answered")
        return job


class Transactions:
    """A `Database` whose transactions are steps."""

    def __init__(self, database: Database, kernel: Kernel) -> None:
        self._database = database
        self._kernel = kernel

    @property
    def path(self) -> Path:
        return self._database.path

    @contextmanager
    def reading(self) -> Iterator[Any]:
        self._kernel.step("journal is read")
        with self._database.reading() as connection:
            yield connection
        self._kernel.step("journal was read")

    @contextmanager
    def writing(self) -> Iterator[Any]:
        self._kernel.step("journal is written")
        self._kernel.world.unjudged = True
        with self._database.writing() as connection:
            yield connection
            self._kernel.step(IN_TRANSACTION)
        self._kernel.world.note_new_intent(self._kernel)
        self._kernel.step("committed")


def _refused(kernel: Kernel, parent: Kernel) -> None:
    """End a call that a forked child inherited, as the objects of its parent do.

    Where the thread that launches is the one that forks, `Launcher.launch` and `Sending.send` run
    on in the child, and note the error as it passes through them.
    """
    intent = parent.work.intent_id
    if intent is not None and parent.at.startswith("trigger_training"):
        kernel.journal.move(intent, "uncertain", only_from={"submitting"}, reason="interrupted")
    elif intent is not None:
        kernel.journal.move(intent, "not_sent", only_from={"prepared"}, reason="interrupted")
    raise PhoenixError("This was opened before the process was forked.")


@dataclass(frozen=True, kw_only=True)
class Client:
    """The client under test: the shipped one, or one with a fault planted in it."""

    wire: type[Wire] = Wire
    launcher: type[Launcher] = Launcher
    journal: type[Journal] = Journal
    adding: type[Adding] = Adding
    inherited: Callable[[Kernel, Kernel], object] = _refused
    """What a forked child does with the call that its parent is in the middle of."""


HONEST = Client()


class Kernel:
    """One process: a launcher, its journal, and at most one call under way."""

    def __init__(self, world: World, origin: str | None = None) -> None:
        self.world = world
        self.origin = origin or world.service.origin
        """The address by which it knows the service."""
        self.alive = True
        self.at = ""
        """The step it stands before."""
        self._work: Work | None = None
        self._running: greenlet.greenlet | None = None
        self.model: Model | None = None
        """The model as it read it last."""
        journal = world.client.journal(world.path, clock=world.clock)
        journal._db = Transactions(journal._db, self)  # type: ignore[assignment]  # the same, in steps
        self.journal = journal
        self.launcher = world.client.launcher(
            world.client.wire(self), journal, clock=world.clock, sleep=self._sleep
        )

    @cached_property
    def notebook(self) -> Notebook:
        """Its draft, opened when it is first asked for."""
        world = self.world
        return Notebook(
            world.folder / DRAFTS,
            model=world.service.models[world.model_id],
            wanted=world.wanted(self),
            service=cast(Any, world.client.wire(self)),
            journal=self.journal,
            adding=world.client.adding,
        )

    @property
    def work(self) -> Work:
        assert self._work is not None
        return self._work

    @property
    def busy(self) -> bool:
        return self._running is not None

    def begin(self, work: Work, call: Callable[[], Any]) -> None:
        """Begin a call; it stands before its first step then."""
        self.finish()
        self._work = work
        self._running = greenlet.greenlet(call)
        self._resume(self._running.switch)

    def go(self, until: Until, end: str = "pause") -> None:
        """Let it go on for some steps, or to some step, and then meet its end where it stands."""
        if isinstance(until, int):
            for _ in range(until):
                self._go_on()
        else:
            name, times = until
            while self.busy and times:
                self._go_on()
                times -= self.busy and self.at == name
        if not self.busy:
            return
        if end == "pause":
            if self.at == IN_TRANSACTION:
                self._go_on()
            self.world.saw(f"pause: {self.at}")
            return
        self.world.saw(f"{end}: {self.at}")
        if end == "interrupt":
            self._throw(KeyboardInterrupt())
        elif end == "fails":
            self._fail()
        elif end == "kill":
            self.kill()
        else:
            self.world.cut_power()

    def finish(self) -> None:
        """Let it go on to the end of its call."""
        while self.busy:
            self._go_on()

    def kill(self) -> None:
        """End the process here."""
        self.alive = False
        if self._running is not None:
            self._throw(Killed())

    def step(self, name: str) -> None:
        """Stand still until told to go on. Called by the kernel's own code."""
        if not self.alive:
            raise Killed
        self.at = name
        greenlet.getcurrent().parent.switch()

    def _sleep(self, seconds: float) -> None:
        self.step("waits")
        self.world.pass_time(seconds)

    def _fail(self) -> None:
        if self.at in ("journal is read", "journal is written"):
            self._throw(StoreBusy("The journal is in use."))
        elif self.at == "trigger_training" or self.at in ("waits", "committed", IN_TRANSACTION):
            self._go_on()  # its own fates, or nothing there that could fail
        else:
            self._throw(ServiceUnreachable("Reset.", sent=True))

    def _go_on(self) -> None:
        if self._running is not None:
            self._resume(self._running.switch)

    def _throw(self, error: BaseException) -> None:
        assert self._running is not None
        running = self._running
        self._resume(lambda: running.throw(error))

    def _resume(self, how: Callable[[], Any]) -> None:
        running = self._running
        assert running is not None
        try:
            value = how()
        except (PhoenixError, KeyboardInterrupt, Killed) as error:
            value = type(error).__name__
        finally:
            if running.dead:
                self._running = None
                self.world.steps += 1
        if running.dead:
            self.world.ended(self.work, value)


@dataclass(frozen=True, kw_only=True)
class _Lag:
    """What reads show until they have caught up."""

    until: float
    model: Model
    jobs: frozenset[str]


@dataclass(eq=False)
class World:
    """One computer, one model, one service, and the law."""

    folder: Path
    client: Client = HONEST
    seen: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    """Counts what happened, so that before and after can be told."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self.clock = SetClock()
        self.path = self.folder / f"journal-{next(self._numbers)}.sqlite3"
        self.service = FakeService()
        self.service.price = Decimal(100)
        self.model_id = self.service.create_model(name="m", type="flux.2-dev-lora").id
        self._source = draw(self.folder)
        self._wanted: dict[str, Wanted] = {}
        self.unjudged = False
        self.doubtful = False
        """The last launch ended without telling whether it runs."""
        self._disk = Journal(self.path)
        self.estimates: list[Estimate] = []
        self.runs: list[Run] = []
        self.on_their_way: list[tuple[Work, str]] = []
        self.refused: set[str] = set()
        """Launches that were refused and launched nothing, as their kernels lived to note."""
        self._lag: _Lag | None = None
        self._bought: set[str] = set()
        self._written: set[str] = set()
        self.kernels = [Kernel(self) for _ in range(3)]
        """Three, and children that were forked from them."""
        self._add_first(self.kernels[0])

    def now(self) -> float:
        """Return the seconds that have gone by, whatever the clock on the wall says."""
        return self.clock().ticks

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_(seconds)

    def saw(self, what: str) -> None:
        self.seen[what] += 1

    def kernel(self, number: int) -> Kernel:
        """Return a kernel that lives: a dead one is started again."""
        if not self.kernels[number].alive:
            self.saw("reopened")
            self.kernels[number] = Kernel(self, self.kernels[number].origin)
        return self.kernels[number]

    def rename_for_the_last(self) -> None:
        """Let the last kernel know the service by another address."""
        self.kernels[-1] = Kernel(self, OTHER_ADDRESS)
        self._add_first(self.kernels[-1])

    def fork(self, parent: Kernel) -> Kernel:
        """Fork a kernel where it stands, and return the child."""
        children = self.kernels[3:]
        if len(children) == CHILDREN_MAX:
            children[0].finish()
            self.kernels.remove(children[0])
        child = Kernel(self, parent.origin)
        child.model = parent.model
        self.kernels.append(child)
        self.saw(f"fork: {parent.at}" if parent.busy else "fork: between calls")
        if parent.busy:
            inherited = replace(parent.work, kind="inherited")
            child.begin(inherited, lambda: self.client.inherited(child, parent))
            child.finish()
        return child

    # -- the draft ------------------------------------------------------------------------------

    def wanted(self, kernel: Kernel) -> Wanted:
        """Return what the draft of a kernel's address shall hold."""
        return self._wanted.setdefault(kernel.origin, Wanted())

    def remove(self, kernel: Kernel, number: int) -> None:
        if kernel.notebook.remove(number):
            self.saw("an image is removed")

    def undo(self, kernel: Kernel) -> None:
        self.saw(kernel.notebook.undo())

    def _add_first(self, kernel: Kernel) -> None:
        """Run the cell that adds for the first time; what it writes is the same in every world."""
        path = self.folder / DRAFTS
        if kernel.origin in _FIRST:
            path.write_bytes(_FIRST[kernel.origin])
            self.wanted(kernel).images = frozenset(IMAGES)
        else:
            self.add(kernel)
            kernel.finish()
            _FIRST[kernel.origin] = path.read_bytes()

    def add(self, kernel: Kernel, *, again: bool = False) -> None:
        kernel.begin(
            self._work("add again" if again else "add"),
            lambda: kernel.notebook.add(self._source, again=again),
        )

    # -- reads that lag behind ------------------------------------------------------------------

    def shown(self, model: Model) -> Model:
        """Return the model as reads show it now."""
        if self._lag is None or self.now() >= self._lag.until:
            return model
        self.saw("a read that shows nothing of a launch yet")
        return self._lag.model

    def hidden(self, job_id: str) -> bool:
        """Return whether reads do not show that job yet."""
        lag = self._lag
        return lag is not None and self.now() < lag.until and job_id not in lag.jobs

    def order(self, kernel: Kernel) -> Order:
        """Send a kernel's draft, unless a run goes on, and return the order for it."""
        model = self.service.models[self.model_id]
        if model.status != "training":
            images = tuple(
                TrainingImage(id=image, name=f"{image[:8]}.png", description="")
                for image in kernel.notebook.images()
            )
            self.service._put(model, training_images=images)
        return kernel.notebook.order()

    # -- what kernels are told to do ------------------------------------------------------------

    def estimate(self, kernel: Kernel) -> None:
        order = self.order(kernel)
        kernel.begin(self._work("estimate"), lambda: kernel.launcher.estimate(order))

    def launch(
        self,
        kernel: Kernel,
        *,
        accepted: Estimate | None = None,
        max_cost: Decimal | None = None,
        again: bool = False,
        fate: str = "done",
        lag: float = 0.0,
    ) -> Work:
        order, wanted = self.order(kernel), self.wanted(kernel)
        work = self._work(
            "launch",
            order=order,
            content=wanted.content,
            after=wanted.last,
            accepted=accepted,
            max_cost=max_cost,
            again=again,
            fate=fate,
            lag=lag,
        )
        if any(other is not kernel and other.busy for other in self.kernels):
            self.saw("launch while another kernel is in the middle of a call")
        if accepted is not None and accepted.estimate_id in self._bought:
            self.saw("launch with a spent estimate")
        if work.acceptance is None:
            self.saw("launch that nobody accepted")
        kernel.begin(
            work,
            lambda: kernel.launcher.launch(
                order, accepted=accepted, max_cost=max_cost, again=again
            ),
        )
        return work

    def stop(self, kernel: Kernel) -> None:
        kernel.begin(self._work("stop"), lambda: kernel.launcher.stop(self.model_id))

    def reconcile(self, kernel: Kernel, *, as_read: bool = False) -> None:
        """Reconcile with what is read now, or with what the kernel read last."""
        known = kernel.model if as_read else None

        def read() -> Intent | None:
            model = known or kernel.launcher.client.get_model(self.model_id)
            return kernel.launcher.reconcile(model)

        kernel.begin(self._work("reconcile"), read)

    def run_of(self, kernel: Kernel) -> None:
        def read() -> Intent | None:
            return kernel.launcher.run_of(kernel.launcher.client.get_model(self.model_id))

        kernel.begin(self._work("run of"), read)

    def _work(self, kind: str, **given: Any) -> Work:
        self.steps += 1
        return Work(
            kind=kind, number=next(self._numbers), began=self.steps, began_at=self.now(), **given
        )

    def ended(self, work: Work, value: object) -> None:
        """Take notice of how a call ended."""
        if isinstance(value, Estimate):
            self.estimates.append(value)
        if work.kind == "launch":
            self.doubtful = value not in ("PriceNotAccepted", "LaunchRefused")
        if isinstance(value, Launched):
            self.doubtful = False
            value = "already" if value.already else "bought"
        elif isinstance(value, Intent):
            value = value.state
        work.outcome = value if isinstance(value, str) else type(value).__name__
        self.saw(f"{work.kind} → {work.outcome}")
        if work.after and work.kind == "launch":
            self.saw(f"launch after {work.after} → {work.outcome}")

    # -- what happens without them --------------------------------------------------------------

    def cut_power(self) -> None:
        """End every kernel, and keep of the journal what lies on the disk at this moment."""
        copy = self.folder / f"journal-{next(self._numbers)}.sqlite3"
        for tail in ("", "-journal"):
            if Path(f"{self.path}{tail}").exists():
                shutil.copyfile(f"{self.path}{tail}", f"{copy}{tail}")
        self.path = copy
        self._disk = Journal(copy)
        self.unjudged = True
        for kernel in self.kernels:
            kernel.kill()

    def somebody_else_launches(self) -> None:
        if self._lag is not None and self.now() < self._lag.until:
            self.runs[-1].blurred = True  # no read has shown it yet
        job = self.service.launch(self.model_id)
        self.steps += 1
        self.runs.append(Run(job_id=job.id, content=None, began=self.steps, intent_id=None))

    def a_late_one_lands(self) -> None:
        work, intent = self.on_their_way.pop(0)
        self.saw("a late launch lands")
        self.launched(work, intent, late=True)

    def run_ends(self, status: str) -> None:
        if status != "not yet" and self.service.models[self.model_id].status == "training":
            self.service.finish(self.model_id, status)

    # -- the law --------------------------------------------------------------------------------

    def sending(self, work: Work, parameters: Mapping[str, Any]) -> str:
        """Judge a launch request that leaves; return the launch that the journal knows it as."""
        if work.kind == "inherited":
            raise Violation("a forked child sent what its parent was sending")
        if work.kind != "launch" or work.order is None or work.acceptance is None:
            raise Violation(f"{work.kind}: a launch that nobody accepted")
        if work.acceptance in self._bought:
            raise Violation("one acceptance, two launch requests")
        self._bought.add(work.acceptance)
        if parameters != work.order.parameters:
            raise Violation("what is launched is not what was asked for")
        cap = work.max_cost
        if work.accepted is not None:
            if work.accepted.fingerprint != work.order.fingerprint:
                raise Violation("what is launched is not what was priced")
            if work.began_at - work.accepted.made.ticks > ESTIMATE_SECONDS:
                raise Violation("an estimate too old to be accepted")
            cap = work.accepted.amount if cap is None else min(cap, work.accepted.amount)
        if cap is not None and (work.quoted is None or work.quoted > cap):
            raise Violation("dearer than what was accepted")
        intents = self.intents()
        known = next((i for i in intents if i.intent_id == work.intent_id), None)
        if known is None or known.fingerprint != work.order.fingerprint:
            raise Violation("sent, and the journal does not know of it")
        if known.state in NEVER_LAUNCHED:
            raise Violation(f"sent while the journal says {known.state}")
        if self.now() - work.wrote_at > SUBMITTING_SECONDS:
            # The process stood still for minutes between writing and sending, and others gave its
            # launch up meanwhile: nothing on this computer could have held it back.
            self.saw("a launch request of a process that stood still for minutes")
            work.stood_still = True
        else:
            self._no_second(work)
            self._no_heir(work, intents[intents.index(known) + 1 :])
        return known.intent_id

    def _no_heir(self, work: Work, older: list[Intent]) -> None:
        """Refuse a launch after one without a trace, unless a person or script wished it anew."""
        if not older or older[0].state != "not_seen":
            return
        priced = work.accepted.made.ticks if work.accepted is not None else 0.0
        anew = priced > older[0].changed_ticks
        if not (anew or work.again):
            raise Violation("followed a launch without a trace, unasked")
        self.saw("launch after one without a trace")

    def note_new_intent(self, kernel: Kernel) -> None:
        """Notice which launch a kernel has just written down, or how its request was answered."""
        intents = self.intents()
        if kernel.work.refused:
            known = next(i for i in intents if i.intent_id == kernel.work.intent_id)
            # Else it did not live to note it, or Ctrl-C came before it could.
            if known.state != "submitting" and not known.reason.startswith("interrupted"):
                self.refused.add(known.intent_id)
        newest = next(iter(intents), None)
        if newest is not None and newest.intent_id not in self._written:
            self._written.add(newest.intent_id)
            kernel.work.intent_id = newest.intent_id
            kernel.work.wrote_at = self.now()

    def _no_second(self, work: Work) -> None:
        """Refuse a launch beside a run that its kernel could have known of."""
        model = self.service.models[self.model_id]
        noted = {(intent.intent_id, intent.job_id) for intent in self.intents()}
        for run in self.runs:
            unknowable = (run.late or run.intent_id is None) and run.began >= work.began
            if unknowable or (run.blurred and (run.intent_id, run.job_id) not in noted):
                continue
            if model.status == "training" and run.job_id == model.job_id:
                raise Violation("launched while a run was training")
            trained = self.service.jobs[run.job_id].status == "success"
            wanted_anew = work.again or run.late or run.content != work.content
            if trained and not wanted_anew:
                raise Violation("bought again what was trained already")

    def launched(self, work: Work, intent: str, *, late: bool = False) -> Job:
        """Let a launch take effect."""
        before = self.service.get_model(self.model_id), frozenset(self.service.jobs)
        job = self.service.launch(self.model_id)
        if work.lag and not late:
            self._lag = _Lag(until=self.now() + work.lag, model=before[0], jobs=before[1])
        self.steps += 1
        self.unjudged = True
        self.runs.append(
            Run(
                job_id=job.id,
                content=work.content,
                began=self.steps,
                intent_id=intent,
                late=late or work.stood_still,
                blurred=any(r.intent_id is None and r.began >= work.began for r in self.runs),
            )
        )
        return job

    def intents(self) -> list[Intent]:
        """Read the journal as it lies on the disk, the newest launch first."""
        return self._disk.intents()

    def judge(self) -> None:
        """Every launch that took effect is known, and not as one that never happened."""
        if not self.unjudged:
            return  # nobody has written since
        self.unjudged = any(kernel.at == IN_TRANSACTION for kernel in self.kernels)
        known = {intent.intent_id: intent.state for intent in self.intents()}
        for run in self.runs:
            if run.intent_id is None:
                continue
            if run.intent_id not in known:
                raise Violation("a launch that the journal does not know")
            state = known[run.intent_id]
            if state in NEVER_LAUNCHED or (state == "not_seen" and not run.late):
                raise Violation(f"a launch that the journal calls {state}")

    def locked_out(self, kernel: Kernel) -> bool:
        """Let two minutes pass after refusals and start plainly; return whether that is kept out.

        Whatever the journal holds open, or in doubt, for another reason may keep it out.
        """
        kernel.finish()
        intents = self.intents()
        refused = {i.intent_id for i in intents} & self.refused
        others = [i for i in intents if i.intent_id not in refused or i.state in RAN_STATES]
        if any(i.open or i.state == "not_seen" for i in others) or not refused:
            return False
        if any(i.open and i.origin != kernel.origin for i in intents):
            return False  # its own address has to tell
        self.pass_time(121)
        self.saw("a plain start two minutes after a refusal")
        work = self.launch(kernel, max_cost=Decimal(1000))
        kernel.finish()
        return work.outcome not in ("bought", "already")

    def settle(self) -> None:
        """Let everything come to rest, and judge what the journal says then."""
        for kernel in self.kernels:
            kernel.finish()
        self.judge()
        readers = [Kernel(self, origin) for origin in sorted({k.origin for k in self.kernels})]
        for _ in range(3):
            self.pass_time(200)
            for reader in readers:
                self.run_of(reader)
                reader.finish()
        self.judge()
        training = self.service.models[self.model_id].status == "training"
        if training and not any(intent.open for intent in self.intents()):
            raise Violation("a run goes on, and the journal knows of none")
        if self.locked_out(readers[-1]):
            raise Violation("a refusal keeps plain starts out")
        self.judge()
