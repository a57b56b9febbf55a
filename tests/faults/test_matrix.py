"""Every fault of the wire against every operation: each completes, or says so and goes on.

Each cell is a real client, over real sockets, through a proxy that spoils one kind of request to a
served Phoenix; what came of it is read from that Phoenix's own database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from faults.bench import KEY, SECRET, Bench, Held, Kernel
from faults.kinds import FAULTS
from faults.proxy import Spoiled
from faults.stories import MAX_COST, STORIES, Launch, Story

import phoenix_nbtrain as nbt
from phoenix_nbtrain.addresses import canonical_address
from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    CoolingDown,
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PlanLimitReached,
    PriceNotAccepted,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.launch import reconcile
from phoenix_nbtrain.training import Training

DONE, ROW, HELD = ".", "r", "h"
OUTCOMES: dict[str, type[PhoenixError]] = {
    "u": ServiceUnreachable,
    "f": ServiceFailed,
    "t": Throttled,
    "c": CoolingDown,
    "p": PlanLimitReached,
    "a": AuthenticationFailed,
    "-": LaunchRefused,
    "?": LaunchUncertain,
}
"""``.`` is a call that completes by itself, and ``r`` one that returns with a row that says why
it was not taken. All others raise; ``h`` is a refused launch that reads still look after."""

TABLE = """
                begin    part     complete inline   import   add      caption  pairs    estimate launch   stop
refused         u/u      ./u      ./u      u/u      u/u      ./u      ./u      ./u      ./u      -/-      ./u
black hole      u/u      ./u      ./u      u/u      u/u      ./u      ./u      ./u      ./u      ?/?      ./u
reset           u/u      ./u      ./u      u/u      u/u      ./u      ./u      ./u      ./u      ?/?      ./u
408             f/f      ./f      ./f      f/f      f/f      ./f      ./f      ./f      ./f      ?/?      ./f
409             f/f      ./f      ./f      f/f      f/f      ./f      ./f      ./f      ./f      h/h      ./f
500             f/f      ./f      ./f      f/f      f/f      ./f      ./f      ./f      ./f      ?/?      ./f
502             f/f      ./f      ./f      f/f      f/f      ./f      ./f      ./f      ./f      ?/?      ./f
503             f/f      ./f      ./f      f/f      f/f      ./f      ./f      ./f      ./f      ?/?      ./f
throttle        t/t      ./t      ./t      t/t      t/t      ./t      ./t      ./t      ./t      h/h      ./t
cooldown        c/c      c/c      c/c      c/c      c/c      c/c      c/c      c/c      c/c      h/h      c/c
ceiling         r/r      r/r      r/r      r/r      r/r      r/r      r/r      r/r      p/p      h/h      p/p
expired         a/a      u/u      a/a      a/a      a/a      a/a      a/a      a/a      a/a      -/-      a/a
blocked         u/u      ./u      ./u      u/u      u/u      ./u      ./u      ./u      ./u      ?/?      ./u
garbage         u/u      u/u      ./u      u/u      u/u      ./u      u/u      u/u      u/u      ?/?      ./u
no http         u/u      ./u      ./u      u/u      u/u      ./u      ./u      ./u      ./u      ?/?      ./u
408, done       f/f      ./f      ./.      f/f      f/f      ./.      ./f      ./f      ./f      ./.      ./.
502, done       f/f      ./f      ./.      f/f      f/f      ./.      ./f      ./f      ./f      ./.      ./.
garbage, done   u/u      u/u      ./.      u/u      u/u      ./.      u/u      u/u      u/u      ./.      ./.
no http, done   u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
reset, done     u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
half, done      u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
stall, done     u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
trickle, done   u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
silence, done   u/u      ./u      ./.      u/u      u/u      ./.      ./u      ./u      ./u      ./.      ./.
repeated        ./.      ./.      ./.      ./.      ./.      ./.      ./.      ./.      ./.      ./.      ./.
"""
"""What the call comes to where the fault meets one request / where it meets all of them."""

SLOW_ONCE, SLOW_ALWAYS = 0.5, 0.2
"""Seconds of a faulted operation. Where it works the second time, it must have time for that."""


def cells() -> Iterator[tuple[str, str, str]]:
    """Yield fault, story, and both outcomes."""
    head, *rows = TABLE.strip("\n").splitlines()
    assert head.split() == list(STORIES)
    assert [row[:16].strip() for row in rows] == list(FAULTS)
    for row in rows:
        for story, outcome in zip(STORIES, row[16:].split(), strict=True):
            yield row[:16].strip(), story, outcome


CELLS = [
    pytest.param(
        FAULTS[fault],
        STORIES[story],
        outcome.split("/")[lasts],
        bool(lasts),
        id=f"{fault.replace(', ', ' ').replace(' ', '_')}-{story}-{'lasting' if lasts else 'once'}",
    )
    for fault, story, outcome in cells()
    for lasts in (0, 1)
    if not (lasts and story == Launch.name)  # one request is all there is
]


@pytest.mark.parametrize(("fault", "kind", "expected", "lasts"), CELLS)
def test_it_completes_or_says_so_and_goes_on(
    bench, kernels, small, large, monkeypatch, fault, kind, expected, lasts
):
    story = kind(small, large, bench.proxy)
    kernel = kernels.enter_context(Kernel(bench, kind.type))
    assets = bench.assets(story.wanted.pictures)
    story.prepare(kernel.training)
    before = bench.held(kernel.model_id)
    if fault.slow:
        kernel.hurry(story.operation, SLOW_ALWAYS if lasts else SLOW_ONCE)
    spoiled = Spoiled(
        fault=fault,
        method=story.method,
        path=story.pattern,
        first=story.first,
        most=None if lasts else 1,
    )
    with bench.proxy.spoiling(spoiled):
        outcome = came_of(story, kernel.training)
    assert spoiled.met, "the fault met nothing"
    assert outcome == expected
    assert_unharmed(story, before, bench.held(kernel.model_id))
    if outcome == DONE and kind is not Launch and fault.pause is not None:
        assert fault.pause in kernel.pauses, "it did not wait as long as it was asked to"
    if kind is Launch:
        assert spoiled.seen == 1, "a launch was sent again by itself"

    if lasts:
        kernel = kernels.enter_context(kernel.restarted())
    if expected == ROW:
        story.mend(kernel.training)
    if expected == "?":
        assert_left_by_reads_only(bench, kernel, story, monkeypatch)
    elif expected == HELD:
        assert_held_while_reads_look(bench, kernel, story, monkeypatch)
    elif expected != DONE:
        story.act(kernel.training)
    assert bench.held(kernel.model_id) == story.wanted

    # And once more, as a notebook run again would: nothing is sent twice, nothing bought twice.
    if not lasts:
        kernel = kernels.enter_context(kernel.restarted())
    story.act(kernel.training)
    assert bench.held(kernel.model_id) == story.wanted
    if not story.twice(fault):
        assert bench.assets(story.wanted.pictures) - assets == len(story.wanted.pictures)
    if story.wanted.jobs:
        assert kernel.training.run is not None
        assert [kernel.training.run.job_id] == bench.jobs(kernel.model_id)


def came_of(story: Story, training: Training) -> str:
    """Make the story's call, and return what came of it as the table writes it."""
    try:
        story.act(training)
    except PhoenixError as error:
        assert len(str(error)) <= 200
        assert error.remedy, f"it does not say what to do: {error}"
        if isinstance(error, LaunchRefused) and error.retry_after is not None:
            return HELD
        return next(letter for letter, kind in OUTCOMES.items() if type(error) is kind)
    draft = training.state.draft
    reasons = [row.refusal for row in (*draft.images, *draft.pairs) if row.refusal]
    if not reasons:
        assert draft.unsent == 0
        return DONE
    assert all(len(reason) <= 200 for reason in reasons)
    return ROW


def assert_unharmed(story: Story, before: Held, held: Held) -> None:
    """Whatever came of it: nothing is there twice, and nothing else than before or as wanted."""
    wanted = story.wanted
    assert len(set(held.pictures)) == len(held.pictures), "an image was added twice"
    assert set(held.pictures) <= set(wanted.pictures)
    assert held.jobs <= 1, "it was bought twice"
    assert held.pairs in (before.pairs, wanted.pairs)
    for picture, caption in held.captions.items():
        assert caption in (before.captions.get(picture, ""), wanted.captions[picture])


def look_for_two_minutes(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as often as it takes, as if two minutes had passed between the reads."""
    monkeypatch.setattr(reconcile, "QUIET_SECONDS", 0)
    monkeypatch.setattr(reconcile, "QUIET_APART", 0)
    for _ in range(reconcile.QUIET_READS):
        training.refresh()


def assert_left_by_reads_only(
    bench: Bench, kernel: Kernel, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An uncertain launch that had no effect: nothing sends it again but a person who says so."""
    training, model_id = kernel.training, kernel.model_id
    with pytest.raises(LaunchUncertain):
        story.act(training)
    assert bench.held(model_id).jobs == 0
    look_for_two_minutes(training, monkeypatch)
    with pytest.raises(LaunchUncertain, match="appears not to have run"):
        story.act(training)
    assert bench.held(model_id).jobs == 0
    training.start(max_cost=MAX_COST, again=True)


def assert_held_while_reads_look(
    bench: Bench, kernel: Kernel, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that a copy of the request could have caused: a plain start goes on after it."""
    with pytest.raises(LaunchRefused, match="sent again from"):
        story.act(kernel.training)
    assert bench.held(kernel.model_id).jobs == 0
    look_for_two_minutes(kernel.training, monkeypatch)
    story.act(kernel.training)


@pytest.mark.parametrize("fault", ["reset", "502", "expired", "trickle, done"])
def test_an_import_that_cannot_be_watched_is_not_begun_again(bench, kernels, small, large, fault):
    story = STORIES["complete"](small, large, bench.proxy)
    kernel = kernels.enter_context(Kernel(bench, story.type))
    assets = bench.assets(story.wanted.pictures)
    story.prepare(kernel.training)
    kernel.hurry("get_upload", SLOW_ALWAYS)
    reads = re.compile(r"/uploads/[^/]+")
    watching = Spoiled(fault=FAULTS[fault], method="GET", path=reads, most=None)
    with bench.proxy.spoiling(watching), pytest.raises((ServiceUnreachable, ServiceError)):
        story.act(kernel.training)
    assert watching.met
    story.act(kernels.enter_context(kernel.restarted()).training)
    assert bench.held(kernel.model_id) == story.wanted
    assert bench.assets(story.wanted.pictures) == assets + 1


def test_the_phoenix_behind_the_proxy_counts_as_a_hosted_one(bench, kernels, small):
    """Else its launches would need no accepted price, and the matrix would prove less."""
    kernel = kernels.enter_context(Kernel(bench, "flux.2-dev-lora"))
    client = nbt.connect(api_key=KEY, api_secret=SECRET, base_url=bench.proxy.base_url)
    assert not client.is_local
    assert client.origin == canonical_address(bench.proxy.base_url)
    training = kernel.training
    training.add_images(small[0])
    with pytest.raises(PriceNotAccepted, match="max_cost="):
        training.start()
    assert bench.held(kernel.model_id).jobs == 0
