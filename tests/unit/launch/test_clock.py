"""Clocks that are set, ahead or back: no seconds are lost and nobody waits for ever."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from clocks import SetClock
from fake_service import down, lost
from launching import locks_tell_nothing, lose, read, states

from phoenix_nbtrain.errors import LaunchUncertain, PriceNotAccepted
from phoenix_nbtrain.session.opening import Opening
from phoenix_nbtrain.store.journal import Journal

DAY = 86_400
JUMPS = pytest.mark.parametrize("jump", [DAY, -DAY], ids=["ahead", "back"])


@JUMPS
def test_an_uncertain_launch_takes_its_120_seconds(service, launcher, clock, wanted, jump):
    lose(service, launcher, wanted)
    states = []
    for step in range(4):
        clock.pass_(40)
        if step == 1:
            clock.set_by(jump)
        states.append(read(service, launcher, wanted))
    assert states == ["uncertain", "uncertain", "not_seen", "none"]


@JUMPS
def test_an_uncertain_launch_of_another_boot_is_left_too(service, launcher, clock, wanted, jump):
    lose(service, launcher, wanted)
    clock.set_by(jump)
    clock.reboot()
    for _ in range(4):
        clock.pass_(40)
        state = read(service, launcher, wanted)
    assert state in ("not_seen", "none")
    assert launcher.unseen(wanted.model_id) is not None


@JUMPS
def test_a_person_with_a_new_price_follows_a_lost_launch_whatever_the_clock_says(
    service, launcher, clock, wanted, jump
):
    before = launcher.estimate(wanted)
    lose(service, launcher, wanted)
    for _ in range(3):
        clock.pass_(45)
        read(service, launcher, wanted)
    clock.set_by(jump)
    with pytest.raises(LaunchUncertain):
        launcher.launch(wanted, accepted=before)
    assert not launcher.launch(wanted, accepted=launcher.estimate(wanted)).already


@JUMPS
def test_an_estimate_lives_120_seconds(launcher, clock, wanted, jump):
    seen = launcher.estimate(wanted)
    clock.set_by(jump)
    clock.pass_(121)
    with pytest.raises(PriceNotAccepted, match="older than 120 s"):
        launcher.launch(wanted, accepted=seen)
    seen = launcher.estimate(wanted)
    clock.set_by(jump)
    clock.pass_(100)
    assert not launcher.launch(wanted, accepted=seen).already


@JUMPS
@pytest.mark.parametrize("rebooted", [False, True])
def test_without_locks_a_sender_is_given_up_after_its_seconds(
    service, launcher, journal, clock, wanted, jump, rebooted, monkeypatch
):
    locks_tell_nothing(monkeypatch)
    service.before["trigger_training"] = SystemExit()
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(launcher._reconciler, "move", lambda *_: None)  # a kill writes nothing
        launcher.launch(wanted, max_cost=2000)
    assert states(journal) == ["submitting"]
    clock.set_by(jump)
    if rebooted:
        clock.reboot()
    else:
        clock.pass_(100)
        assert read(service, launcher, wanted) == "submitting"
    read(service, launcher, wanted)
    clock.pass_(181)
    assert read(service, launcher, wanted) == "uncertain"


def test_a_download_that_was_sent_while_the_clock_was_ahead_is_found_among_the_jobs(
    service, launcher, clock, take
):
    right = clock().at
    clock.set_by(DAY)

    def lose_reply() -> None:
        (job_id,) = service.weights
        created = datetime.fromtimestamp(right, UTC).isoformat()
        service.jobs[job_id] = replace(service.jobs[job_id], created_at=created)
        service.before["list_jobs"] = down
        lost()

    service.after["trigger_download"] = lose_reply
    with pytest.raises(LaunchUncertain):
        launcher.launch(take, max_cost=5)
    service.before.clear()
    clock.set_by(-DAY)
    clock.pass_(60)
    assert launcher.launch(take, max_cost=5).already
    assert service.count("trigger_download") == 1


@JUMPS
def test_a_creation_whose_kernel_died_is_looked_after(service, tmp_path, jump):
    clock = SetClock()
    journal = Journal(tmp_path / "other.sqlite3", clock=clock)
    scope = {"origin": service.origin, "project": ""}
    assert journal.begin_model(**scope, name="icons", type="flux.2-dev-lora") is not None
    clock.set_by(jump)
    clock.reboot()
    waits = 0

    def sleep(seconds: float) -> None:
        nonlocal waits
        waits += 1
        assert waits < 30, "it waits for the clock"
        clock.pass_(seconds)

    opening = Opening(service, journal, clock=clock, sleep=sleep)
    assert opening.open("icons", type="flux.2-dev-lora").name == "icons"


def test_the_model_in_use_is_the_one_joined_last_whatever_the_clock_said(tmp_path):
    clock = SetClock()
    journal = Journal(tmp_path / "other.sqlite3", clock=clock)
    scope = {"origin": "o", "project": "", "name": "icons"}
    journal.remember_model(**scope, type="t", model_id="first")
    clock.set_by(-DAY)
    journal.remember_model(**scope, type="t", model_id="second")
    assert [m.model_id for m in journal.models(**scope)] == ["second", "first"]


def test_a_run_of_another_day_says_which(service, launcher, wanted):
    launcher.launch(wanted, max_cost=2000)
    said = launcher.launch(wanted, max_cost=2000).said
    assert re.match(r"Running since 1970-01-1\d \d\d:\d\d; not bought again", said)
    service.finish(wanted.model_id)
    bought = launcher.launch(wanted, max_cost=2000).said
    assert re.match(r"Trained on 1970-01-1\d \d\d:\d\d; not bought again", bought)
