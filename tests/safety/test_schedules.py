"""Schedules that once broke the law, move by move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from launching import locks_tell_nothing
from safety.world import Kernel, World

CAP = Decimal(100)


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def launch(world: World, kernel: Kernel, **how: Any) -> str:
    """Let a kernel launch, undisturbed, and return what came of it."""
    work = world.launch(kernel, max_cost=CAP, **how)
    kernel.finish()
    return work.outcome


def give_up(world: World, reader: Kernel) -> None:
    """Read until a launch that nothing shows of is given up."""
    world.pass_time(200)
    for _ in range(4):
        world.reconcile(reader)
        reader.finish()
        world.pass_time(61)


def states(world: World) -> list[str]:
    return [intent.state for intent in world.intents()]


def test_a_launch_that_was_sent_since_it_was_read_is_not_given_up(world):
    # A kernel read "prepared"; the sender sent and was killed; and the kernel, finding nobody at
    # work, wrote "not sent" over a launch that had happened.
    sender, reader, _ = world.kernels
    world.launch(sender, max_cost=CAP)
    sender.go(("journal is written", 2))
    world.reconcile(reader)
    reader.go(("journal was read", 1))
    sender.go(("trigger_training happened", 1), "kill")
    reader.finish()
    world.judge()
    world.settle()
    assert states(world) == ["running"]


def test_somebody_elses_run_is_not_taken_for_a_launch_that_is_just_leaving(world):
    # The other's run was written down as this launch's, ended, and let a third kernel launch,
    # while this one was still about to send.
    sender, reader, third = world.kernels
    world.launch(sender, max_cost=CAP)
    sender.go(("trigger_training", 1))
    world.somebody_else_launches()
    world.stop(reader)
    reader.finish()
    world.launch(third, max_cost=CAP)
    third.go(60)
    sender.finish()
    third.finish()
    assert len([run for run in world.runs if run.intent_id is not None]) == 1
    world.settle()


def test_a_reply_that_comes_after_its_launch_was_given_up_is_written_down(world, monkeypatch):
    locks_tell_nothing(monkeypatch)
    sender, reader, _ = world.kernels
    world.launch(sender, max_cost=CAP)
    sender.go(("trigger_training", 1))
    give_up(world, reader)
    assert states(world) == ["not_seen"]
    sender.finish()
    assert [(i.state, i.job_id) for i in world.intents()] == [("running", world.runs[0].job_id)]


def test_a_reply_that_comes_after_another_launch_was_opened_breaks_nothing(world, monkeypatch):
    locks_tell_nothing(monkeypatch)
    sender, reader, third = world.kernels
    world.launch(sender, max_cost=CAP)
    sender.go(("trigger_training", 1))
    give_up(world, reader)
    launch(world, third, again=True)
    sender.finish()
    assert states(world) == ["running", "not_seen"]


def test_a_run_that_ended_is_written_down_although_another_runs_by_now(world):
    ours, reader, _ = world.kernels
    launch(world, ours)
    world.run_ends("trained")
    world.somebody_else_launches()
    world.run_of(reader)
    reader.finish()
    assert states(world)[-1] == "trained"
    world.settle()
    assert states(world) == ["running", "trained"]


def test_a_refusal_that_our_own_launch_caused_is_not_followed_by_another(world):
    # Reads that lag behind took it for the last word, and the next start launched a second time.
    first, second, _ = world.kernels
    launch(world, first, fate="cooldown after", lag=100)
    for kernel in (first, second, first):
        world.pass_time(25)
        assert launch(world, kernel, again=True) == "LaunchRefused"
    world.pass_time(30)
    assert launch(world, second) == "already"
    assert states(world) == ["running"]
    world.settle()


@pytest.mark.parametrize("jump", [0, 86_400, -86_400])
def test_an_ordinary_refusal_keeps_nobody_out_for_longer_than_two_minutes(world, jump):
    first, second, _ = world.kernels
    launch(world, first, fate="parallel limit before")
    world.pass_time(119)
    world.clock.set_by(jump)
    assert launch(world, second) == "LaunchRefused"
    world.pass_time(1)
    assert launch(world, second) == "bought"
    world.settle()


def test_a_clock_that_is_set_ahead_does_not_hurry_a_doubt(world):
    # The wall clock made three reads in a minute look like reads of a day.
    kernel = world.kernels[0]
    launch(world, kernel, fate="timeout after", lag=100)
    for _ in range(3):
        world.pass_time(25)
        world.clock.set_by(86_400)
        world.run_of(kernel)
        kernel.finish()
    assert states(world) == ["uncertain"]
    world.settle()
    assert states(world) == ["running"]


def test_a_run_that_reads_do_not_show_yet_is_not_taken_for_ended(world):
    # Reads still showed the run before, and the new one's job was not known there either.
    kernel, other, _ = world.kernels
    launch(world, kernel)
    world.run_ends("trained")
    launch(world, kernel, again=True, lag=100)
    assert launch(world, other, again=True) == "already"
    assert states(world) == ["running", "trained"]
    world.settle()


def test_a_launch_is_known_under_the_other_address_of_the_service(world):
    world.rename_for_the_last()
    first, _, elsewhere = world.kernels
    launch(world, first, fate="already training after", lag=100)
    assert launch(world, elsewhere, again=True) == "LaunchRefused"
    world.pass_time(100)
    assert launch(world, elsewhere, again=True) == "LaunchRefused", (
        "its reads may be somebody else's copy"
    )
    assert launch(world, first, again=True) == "already"
    assert states(world) == ["running"]
    world.settle()


def test_a_read_from_before_a_launch_is_no_trace_of_it(world):
    # It showed the run before, still going on; told late, it passed for the launch's own, and the
    # real run for somebody else's, so a plain start bought the dataset again.
    reader, sender, third = world.kernels
    launch(world, sender)
    world.reconcile(reader)
    reader.go(("get_model answered", 1))
    world.run_ends("failed")
    world.launch(sender, max_cost=CAP, again=True)
    sender.go(("trigger_training happened", 1), "kill")
    world.run_ends("trained")
    reader.finish()
    assert states(world) == ["uncertain", "failed"]
    for kernel in (reader, third):
        assert launch(world, kernel) == "already"
    assert states(world) == ["trained", "failed"]
    world.settle()
