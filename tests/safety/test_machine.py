"""Any order of edits, removals, prices, clicks, faults, crashes and kernels: one launch per acceptance.

Hypothesis draws the schedules and shortens those that fail. ``NBTRAIN_SCHEDULES`` sets how many.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from safety.drafts import IMAGES
from safety.world import (
    ENDS,
    FATES,
    HONEST,
    IN_TRANSACTION,
    Client,
    Kernel,
    Until,
    Violation,
    Wire,
    World,
)

from phoenix_nbtrain.errors import PhoenixError, ServiceError, ServiceUnreachable
from phoenix_nbtrain.records import LaunchReply
from phoenix_nbtrain.session.adding import Adding, AddReport
from phoenix_nbtrain.store.journal import Intent, IntentState, Journal

SCHEDULES = int(os.environ.get("NBTRAIN_SCHEDULES", "500"))
SHM = Path("/dev/shm")  # the journal is synced as shipped; memory makes that quick
KERNELS = st.integers(0, 2)
STEPS = (
    *(("trigger_training", 1), ("trigger_training happened", 1)),
    *(("get_model answered", 1), ("quote_training answered", 1), ("waits", 1), ("waits", 3)),
    *(("journal was read", time) for time in (1, 2, 4)),
    *((step, time) for step in ("journal is written", IN_TRANSACTION) for time in (1, 2, 3)),
    *(("committed", time) for time in (1, 2, 3)),
)
"""Where it matters what comes next; the second writing is the last one before the request."""
UNTIL = st.one_of(st.just(99), st.sampled_from(range(30)), st.sampled_from(STEPS))
FORKED_AT = st.sampled_from((99, *STEPS, *STEPS[:2], *range(0, 30, 3)))
ENDED = st.sampled_from(["not yet", "trained", "failed", "training-canceled"])
END = st.one_of(st.just("pause"), st.sampled_from(ENDS))
FATE = st.one_of(st.just("done"), st.sampled_from((*FATES, "late", "late")))
LAG = st.sampled_from([0, 0, 0, 30, 100])
"""Seconds for which reads show nothing of a launch: fewer than a doubt lasts."""
CAPS = st.sampled_from([Decimal(100), Decimal(100), Decimal(95), None])
CHANGES = (
    ("price", 90),
    ("price", 100),
    ("price", 110),
    ("time", 1),
    ("time", 40),
    ("time", 121),
    ("clock", 86_400),
    ("clock", -86_400),
    ("somebody else launches", ""),
)


class Machine(RuleBasedStateMachine):
    """One computer with three kernels, by chance."""

    client: ClassVar[Client] = HONEST
    seen: ClassVar[Counter[str]] = Counter()
    folder: ClassVar[Path]
    worlds: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).worlds += 1
        self._own = Path(tempfile.mkdtemp(dir=self.folder))
        self.world = World(self._own, self.client, self.seen)

    @initialize(two=st.booleans())
    def addresses(self, two: bool) -> None:
        if two:
            self.world.rename_for_the_last()

    @rule(
        kernel=KERNELS,
        price=st.sampled_from(["fresh", "fresh", "newest", "older"]),
        ended=ENDED,
        again=st.booleans(),
        fate=FATE,
        lag=LAG,
        until=UNTIL,
        end=END,
    )
    def click(
        self,
        kernel: int,
        price: str,
        ended: str,
        again: bool,
        fate: str,
        lag: int,
        until: Until,
        end: str,
    ) -> None:
        """Launch for a price that was shown: by this kernel or another, just now or long ago."""
        self.world.run_ends(ended)
        one = self.world.kernel(kernel)
        estimates = self.world.estimates
        one.finish()
        if price == "fresh" or not estimates:
            self.world.estimate(one)
            one.finish()
        if not estimates:
            return  # without images there is no price to click
        accepted = estimates[len(estimates) // 2 if price == "older" else -1]
        self.world.launch(one, accepted=accepted, again=again, fate=fate, lag=lag)
        one.go(until, end)

    @rule(kernel=KERNELS, until=UNTIL, end=END)
    def price(self, kernel: int, until: Until, end: str) -> None:
        one = self.world.kernel(kernel)
        one.finish()
        self.world.estimate(one)
        one.go(until, end)

    @rule(
        kernel=KERNELS,
        cap=CAPS,
        ended=ENDED,
        again=st.booleans(),
        fate=FATE,
        lag=LAG,
        until=UNTIL,
        end=END,
    )
    def run_cell(
        self,
        kernel: int,
        cap: Decimal | None,
        ended: str,
        again: bool,
        fate: str,
        lag: int,
        until: Until,
        end: str,
    ) -> None:
        """Launch as a script does, with a cap or without."""
        self.world.run_ends(ended)
        one = self.world.kernel(kernel)
        one.finish()
        self.world.launch(one, max_cost=cap, again=again, fate=fate, lag=lag)
        one.go(until, end)

    @rule(
        kernel=KERNELS, what=st.sampled_from(["reconcile", "run_of", "stop"]), until=UNTIL, end=END
    )
    def look_or_stop(self, kernel: int, what: str, until: Until, end: str) -> None:
        one = self.world.kernel(kernel)
        one.finish()
        getattr(self.world, what)(one)
        one.go(until, end)

    @rule(
        kernels=st.permutations(range(3)),
        second=st.sampled_from(["launch", "reconcile", "run_of", "stop"]),
        ended=ENDED,
        fate=FATE,
        lag=LAG,
        points=st.tuples(UNTIL, UNTIL, UNTIL),
        end=END,
    )
    def cross(
        self,
        kernels: list[int],
        second: str,
        ended: str,
        fate: str,
        lag: int,
        points: tuple[Until, Until, Until],
        end: str,
    ) -> None:
        """Two kernels at once, the first launching: one moves, then the other, then the first."""
        self.world.run_ends(ended)
        first, other = (self.world.kernel(number) for number in kernels[:2])
        first.finish()
        other.finish()
        cap = Decimal(120)
        self.world.launch(first, max_cost=cap, again=True, fate=fate, lag=lag)
        first.go(points[0])
        if second == "launch":
            self.world.launch(other, max_cost=cap, again=True)
        else:
            getattr(self.world, second)(other)
        other.go(points[1])
        first.go(points[2], end)
        other.finish()

    @rule(
        kernel=KERNELS,
        fate=FATE,
        at=st.sampled_from(["trigger_training", "trigger_training happened"]),
        end=st.sampled_from(["kill", "interrupt", "power cut"]),
    )
    def die_while_sending(self, kernel: int, fate: str, at: str, end: str) -> None:
        one = self.world.kernel(kernel)
        one.finish()
        self.world.run_ends("failed")
        self.world.launch(one, max_cost=Decimal(120), again=True, fate=fate)
        one.go((at, 1), end)

    @precondition(lambda self: self.world.doubtful)
    @rule(kernel=KERNELS, lands=st.integers(0, 5))
    def wait_out_a_doubt(self, kernel: int, lands: int) -> None:
        one = self.world.kernel(kernel)
        for look in range(5):
            if look == lands and self.world.on_their_way:
                self.world.a_late_one_lands()
            self.world.pass_time(61)
            self.world.reconcile(one)
            one.finish()

    @precondition(lambda self: self.world.refused)
    @rule(kernel=KERNELS)
    def wait_out_a_refusal(self, kernel: int) -> None:
        if self.world.locked_out(self.world.kernel(kernel)):
            raise Violation("a refusal keeps plain starts out")

    @rule(kernel=st.integers(0, 4), until=UNTIL, end=END)
    def go_on(self, kernel: int, until: Until, end: str) -> None:
        kernels = self.world.kernels
        kernels[kernel % len(kernels)].go(until, end)

    @rule(
        kernel=KERNELS,
        act=st.sampled_from(["click", "click", "run cell", "reconcile", "as read", "run_of"]),
        ended=st.sampled_from(["not yet", "failed", "failed"]),
        fate=FATE,
        lag=LAG,
        points=st.tuples(FORKED_AT, UNTIL, UNTIL),
        whose=st.sampled_from(["parent's", "child's"]),
        end=END,
    )
    def fork(
        self,
        kernel: int,
        act: str,
        ended: str,
        fate: str,
        lag: int,
        points: tuple[Until, Until, Until],
        whose: str,
        end: str,
    ) -> None:
        """Fork a kernel in its launch or after it; both go on with what they know."""
        world = self.world
        world.run_ends(ended)
        parent = world.kernel(kernel)
        parent.finish()
        world.estimate(parent)
        parent.finish()
        if not world.estimates:
            return  # without images there is no price to click
        accepted = world.estimates[-1]
        world.launch(parent, accepted=accepted, fate=fate, lag=lag)
        parent.go(points[0])
        child = world.fork(parent)
        if act == "click":
            world.launch(child, accepted=accepted)
        elif act == "run cell":
            world.launch(child, max_cost=Decimal(120))
        elif act == "run_of":
            world.run_of(child)
        else:
            world.reconcile(child, as_read=act == "as read")
        child.go(points[1], end if whose == "child's" else "pause")
        parent.go(points[2], end if whose == "parent's" else "pause")

    @rule(
        kernel=KERNELS,
        edit=st.sampled_from(["one epoch", "two epochs", "undo", "remove", "remove"]),
        image=st.integers(0, len(IMAGES) - 1),
    )
    def edit(self, kernel: int, edit: str, image: int) -> None:
        """Change the draft in a view, which waits for no call under way."""
        one = self.world.kernel(kernel)
        if edit == "undo":
            self.world.undo(one)
        elif edit == "remove":
            self.world.remove(one, image)
        else:
            one.notebook.set_epochs(1 if edit == "one epoch" else 2)

    @rule(kernel=KERNELS, again=st.booleans(), until=UNTIL, end=END)
    def add(self, kernel: int, again: bool, until: Until, end: str) -> None:
        one = self.world.kernel(kernel)
        one.finish()
        self.world.add(one, again=again)
        one.go(until, end)

    @rule(
        kernels=st.permutations(range(3)),
        image=st.integers(0, len(IMAGES) - 1),
        then=st.sampled_from(["Run All", "Run All", "undo", "again"]),
        removed_meanwhile=st.booleans(),
        fate=FATE,
        until=UNTIL,
        end=END,
    )
    def remove_and_run_all(
        self,
        kernels: list[int],
        image: int,
        then: str,
        removed_meanwhile: bool,
        fate: str,
        until: Until,
        end: str,
    ) -> None:
        """Train without an image that was removed, then run every cell in the same kernel or another."""
        world, cap = self.world, Decimal(120)
        first, other = (world.kernel(number) for number in kernels[:2])
        first.finish()
        other.finish()
        world.run_ends("trained")
        world.remove(first, image)
        world.launch(first, max_cost=cap)
        first.finish()
        world.run_ends("trained")
        if then == "undo":
            world.undo(first)
        else:
            world.add(other, again=then == "again")
            if removed_meanwhile:
                world.remove(first, (image + 1) % len(IMAGES))
            other.finish()
        world.launch(other, max_cost=cap, fate=fate)
        other.go(until, end)

    @rule(change=st.sampled_from(CHANGES))
    def the_world_goes_on(self, change: tuple[str, int | str]) -> None:
        what, value = change
        world = self.world
        if what == "price":
            world.service.price = Decimal(value)
        elif what == "time":
            world.pass_time(int(value))
        elif what == "clock":
            world.clock.set_by(int(value))
            world.saw(f"the clock is set by {value} s")
        elif world.service.models[world.model_id].status != "training":
            world.somebody_else_launches()

    @precondition(lambda self: self.world.on_their_way)
    @rule()
    def a_late_one_lands(self) -> None:
        self.world.a_late_one_lands()

    @invariant()
    def the_law_holds(self) -> None:
        self.world.judge()

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            shutil.rmtree(self._own, ignore_errors=True)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Iterator[type[Machine]]:
    """A machine that counts for itself."""
    folder = Path(tempfile.mkdtemp(dir=SHM if SHM.is_dir() else tmp_path))
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(folder / "home"))
    yield type("Machine", (Machine,), {"seen": Counter(), "folder": folder, "worlds": 0})
    shutil.rmtree(folder)


def schedules(machine: type[Machine], count: int, *, moves: int = 9, shrink: bool = True) -> None:
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=moves,
            database=None,
            # The same ones each time, unless somebody asks for more: what is rare is for whoever
            # looks for it, not for whoever changed something else.
            derandomize="NBTRAIN_SCHEDULES" not in os.environ,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_schedule_launches_twice_or_unseen(machine):
    began = time.perf_counter()
    schedules(machine, SCHEDULES)
    seen, more = machine.seen, 4 if SCHEDULES >= 1000 else 0
    while more and not all(seen[what] for what in _everything()):
        schedules(machine, 500)  # chance left out what is rare
        more -= 1
    lines = [f"{count:7,} {what}" for what, count in sorted(seen.items())]
    print(
        f"\n{machine.worlds:,} schedules in {time.perf_counter() - began:.0f} s", *lines, sep="\n"
    )
    if SCHEDULES >= 1000:
        missed = [what for what in _everything() if not seen[what]]
        assert not missed, f"never met, so never tested: {missed}"


def _everything() -> Iterator[str]:
    """What enough schedules must have met: every fault, every kind of crash, every crossing."""
    yield from (f"launch request: {fate}" for fate in FATES)
    for end in ENDS:
        yield from (
            f"{end}: {step}"
            for step in (
                "get_model answered",
                "journal is written",
                "committed",
                "journal was read",
            )
        )
    for end in ("kill", "interrupt", "power cut"):
        yield from (f"{end}: {step}" for step in (IN_TRANSACTION, "trigger_training happened"))
    yield from (
        "reopened",
        "a late launch lands",
        "launch after one without a trace",
        "launch that nobody accepted",
        "launch while another kernel is in the middle of a call",
        "launch with a spent estimate",
        "launch → LaunchRefused",
        "launch → already",
        "launch → bought",
        "pause: trigger_training",
        "pause: trigger_training happened",
        "reconcile → not_seen",
        "reconcile → refused",
        "a plain start two minutes after a refusal",
        "a read that shows nothing of a launch yet",
        "the clock is set by 86400 s",
        "the clock is set by -86400 s",
        "an image is removed",
        "a removal is undone",
        "add → left out",
        "add again → brought back",
        "launch after a removal → bought",
        "launch after a removal and Run All → already",
        "launch after a removal and Run All → bought",
        "launch after undo of a removal → bought",
        "launch after again=True → bought",
        "inherited → PhoenixError",
        *(
            f"fork: {step}"
            for step in (
                "between calls",
                "get_model answered",
                "quote_training answered",
                "committed",
                "trigger_training",
                "trigger_training happened",
            )
        ),
    )


class _ThreeTries(Wire):
    """Repeats the trigger as the official SDK does: on a timeout, 408, 409, 429 and 5xx."""

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        for attempt in range(3):
            try:
                return super().trigger_training(model_id, parameters)
            except (ServiceUnreachable, ServiceError) as error:
                status = getattr(error, "status", 500)
                if attempt == 2 or not (status in (408, 409, 429) or status >= 500):
                    raise
        raise AssertionError


class _SendsFirst(Journal):
    """Writes a launch down only when its reply is there."""

    def prepare(self, intent: Intent, **rest: Any) -> bool:
        self._held = (intent, rest)
        return True

    def move(self, intent_id: str, to: IntentState, **rest: Any) -> bool:
        if to == "submitting":
            return True
        if self._held is not None and self._held[0].intent_id == intent_id:
            (intent, kept), self._held = self._held, None
            super().prepare(replace(intent, state="submitting"), **kept)
        return super().move(intent_id, to, **rest)

    _held: tuple[Intent, dict[str, Any]] | None = None


class _NeverSpends(Journal):
    """Forgets which estimate a launch was bought with."""

    def prepare(self, intent: Intent, **rest: Any) -> bool:
        return super().prepare(replace(intent, estimate_id=None), **rest)

    def spent(self, estimate_id: str) -> bool:
        return False


class _DoubtIsFailure(Journal):
    """Takes a launch whose reply was lost for one that failed."""

    def move(self, intent_id: str, to: IntentState, **rest: Any) -> bool:
        return super().move(intent_id, "failed" if to == "uncertain" else to, **rest)


class _RefusalIsFinal(Journal):
    """Takes a refusal for the last word, though a copy of the request may have caused it."""

    def move(self, intent_id: str, to: IntentState, **rest: Any) -> bool:
        return super().move(intent_id, "rejected" if to == "refused" else to, **rest)


class _RefusalIsDoubt(Journal):
    """Takes a refusal for a launch of which nothing is known."""

    def move(self, intent_id: str, to: IntentState, **rest: Any) -> bool:
        return super().move(intent_id, "uncertain" if to == "refused" else to, **rest)


class _AddsWhatWasRemoved(Adding):
    """Takes no notice of what a person removed."""

    def add(self, source: object, *, recursive: bool, again: bool = False) -> AddReport:
        return super().add(source, recursive=recursive, again=True)


def _sends_what_it_inherited(child: Kernel, parent: Kernel) -> object:
    """Go on in a forked child with the launch that the parent wrote down."""
    work = parent.work
    if work.intent_id is None or work.order is None:
        raise PhoenixError("Nothing to go on with.")
    return child.launcher.client.trigger_training(work.order.model_id, work.order.parameters)


PLANTED = {
    "three tries": Client(wire=_ThreeTries),
    "sent before it is written": Client(journal=_SendsFirst),
    "estimate never spent": Client(journal=_NeverSpends),
    "doubt taken for failure": Client(journal=_DoubtIsFailure),
    "refusal taken for final": Client(journal=_RefusalIsFinal),
    "refusal taken for doubt": Client(journal=_RefusalIsDoubt),
    "removal forgotten by an add": Client(adding=_AddsWhatWasRemoved),
    "child goes on with its parent's launch": Client(inherited=_sends_what_it_inherited),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_caught(machine, fault):
    machine.client = PLANTED[fault]
    with pytest.raises(Violation) as found:
        schedules(machine, 5000, moves=20, shrink=False)  # it ends with the first that fails
    print(machine.worlds, "schedules until", found.value)
