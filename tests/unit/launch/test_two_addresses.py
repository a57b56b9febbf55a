"""A service that is reached under two addresses sells once, and only its own reads close a launch."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest
from fake_service import FakeService
from launching import lose, only, read, refuse, states

from phoenix_nbtrain.errors import LaunchRefused, LaunchUncertain, ServiceError
from phoenix_nbtrain.launch import Launcher


@pytest.fixture
def alias(service) -> FakeService:
    """The same Phoenix behind another name."""
    other = copy.copy(service)
    other.origin = "https://proxy.test/v1"
    return other


@pytest.fixture
def beside(alias, journal, clock) -> Launcher:
    return Launcher(alias, journal, clock=clock, sleep=clock.pass_)


def test_an_uncertain_launch_blocks_under_the_other_address_which_is_named(
    service, launcher, beside, wanted
):
    lose(service, launcher, wanted, unread=True)
    for again in (False, True):
        with pytest.raises(LaunchRefused, match=r"https://phoenix\.test/v1 and is not known"):
            beside.launch(wanted, max_cost=2000, again=again)
    assert service.count("trigger_training") == 1


def test_reads_elsewhere_are_no_evidence_that_it_did_not_launch(
    service, launcher, beside, journal, clock, wanted
):
    lose(service, launcher, wanted, unread=True)
    for _ in range(9):
        clock.pass_(60)
        read(service, beside, wanted)
    assert (only(journal).state, only(journal).quiet_reads) == ("uncertain", 0)
    for _ in range(3):
        clock.pass_(60)
        read(service, launcher, wanted)
    assert only(journal).state == "not_seen"
    with pytest.raises(LaunchUncertain, match="appears not to have run"):
        beside.launch(wanted, max_cost=2000)


def test_a_run_that_shows_elsewhere_is_that_launch_and_only_its_own_reads_end_it(
    service, launcher, beside, journal, wanted
):
    lose(service, launcher, wanted, arrives=True, unread=True)
    assert only(journal).state == "uncertain"
    read(service, beside, wanted)
    assert (only(journal).state, only(journal).job_id) == (
        "running",
        service.models[wanted.model_id].job_id,
    )
    service.finish(wanted.model_id)
    read(service, beside, wanted)
    with pytest.raises(LaunchRefused, match="not known to have ended"):
        beside.launch(wanted, max_cost=2000)
    assert only(journal).state == "running"
    read(service, launcher, wanted)
    assert only(journal).state == "trained"
    assert beside.launch(wanted, max_cost=2000).already, "the same is not bought twice"
    assert service.count("trigger_training") == 1


def test_two_kernels_that_start_through_two_addresses_at_once_buy_once(
    service, launcher, beside, wanted
):
    def meanwhile() -> None:
        service.before.clear()
        launcher.launch(wanted, max_cost=2000)

    service.before["quote_training"] = meanwhile
    with pytest.raises(LaunchRefused, match="not known to have ended"):
        beside.launch(wanted, max_cost=2000)
    assert service.count("trigger_training") == 1


def test_a_launch_that_was_given_up_is_closed_by_its_own_address_only(
    service, launcher, beside, journal, wanted
):
    model = service.get_model(wanted.model_id)
    abandoned = launcher._reconciler.intent(
        wanted, model, state="prepared", estimate_id="e", amount=Decimal(1)
    )
    assert journal.prepare(abandoned, newest=None)
    with pytest.raises(LaunchRefused, match=r"https://phoenix\.test/v1"):
        beside.launch(wanted, max_cost=2000)
    read(service, launcher, wanted)
    assert only(journal).state == "not_sent"
    assert not beside.launch(wanted, max_cost=2000).already


def test_of_two_launches_that_are_both_open_each_gets_its_own_run(
    service, launcher, journal, clock, wanted
):
    lose(service, launcher, wanted, unread=True)
    first = only(journal)
    journal.move(first.intent_id, "not_seen", only_from={"uncertain"})
    launcher.launch(wanted, max_cost=2000, again=True)
    with journal._db.writing() as db:  # as a journal of version 2 may hold them
        db.execute(
            "UPDATE intents SET state = 'uncertain', beside = intent_id WHERE intent_id = ?",
            (first.intent_id,),
        )
    service.finish(wanted.model_id)
    for _ in range(5):
        clock.pass_(60)
        read(service, launcher, wanted)
    assert states(journal) == ["trained", "not_seen"]


def test_a_refusal_is_settled_by_reads_at_its_own_address_only(
    service, launcher, beside, journal, clock, wanted
):
    already = ServiceError("Model is already training.", status=400)
    refuse(service, launcher, wanted, already, match="already training")
    for _ in range(5):
        clock.pass_(60)
        with pytest.raises(LaunchRefused, match=r"went to https://phoenix\.test/v1"):
            beside.launch(wanted, max_cost=2000)
    assert not launcher.launch(wanted, max_cost=2000).already
    assert states(journal) == ["running", "rejected"]
