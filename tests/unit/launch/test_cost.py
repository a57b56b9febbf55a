"""A launch that answers with another cost than was accepted is told, and both costs are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from fake_service import FakeService

from phoenix_nbtrain.errors import LaunchUncertain
from phoenix_nbtrain.records import Job, LaunchReply


def answering(service: FakeService, cost: Decimal | None, method: str = "trigger_training") -> None:
    """Let launches answer with that cost."""
    trigger: Callable[..., LaunchReply] = getattr(service, method)
    setattr(service, method, lambda *a, **k: replace(trigger(*a, **k), cost=cost))


@pytest.mark.parametrize("cost", [Decimal(1296), Decimal(900)], ids=["more", "less"])
def test_another_cost_is_told_and_nothing_is_stopped(service, launcher, journal, wanted, cost):
    answering(service, cost)
    launched = launcher.launch(wanted, max_cost=2000)
    assert not launched.already
    assert f"started it for {cost:,} CU, not for the 1,080 CU that were accepted" in launched.said
    assert launched.said.endswith(" were accepted. It continues; training.stop() ends it.")
    (intent,) = journal.intents()
    assert (intent.state, intent.amount, intent.charged) == ("running", Decimal(1080), cost)
    assert intent.costs_otherwise
    assert service.count("cancel_training") == 0


@pytest.mark.parametrize("cost", [Decimal(1080), Decimal("1080.00"), None])
def test_the_same_cost_and_one_that_is_not_stated_are_no_difference(
    service, launcher, journal, wanted, cost
):
    answering(service, cost)
    assert launcher.launch(wanted, max_cost=2000).said == "Started for 1,080 CU."
    (intent,) = journal.intents()
    assert (intent.charged, intent.costs_otherwise) == (cost, False)


def test_it_is_kept_though_a_read_was_quicker_than_the_reply(service, launcher, journal, wanted):
    answering(service, Decimal(1296))

    def found() -> None:
        (intent,) = journal.intents()
        journal.move(intent.intent_id, "running", only_from={"submitting"})

    service.after["trigger_training"] = found
    assert "1,296 CU" in launcher.launch(wanted, max_cost=2000).said
    (intent,) = journal.intents()
    assert intent.charged == Decimal(1296)
    assert intent.job_id in service.jobs


def test_a_download_too(service, launcher, journal, take):
    answering(service, Decimal(6), "trigger_download")
    said = launcher.launch(take, max_cost=5).said
    assert said == "Phoenix started it for 6 CU, not for the 5 CU that were accepted."
    assert journal.intents(kind="download")[0].charged == Decimal(6)


def test_a_dry_run_that_launched_names_its_cost(service, launcher, journal, wanted, monkeypatch):
    reply = LaunchReply(outcome="launched", job=Job(id="job_surprise"), cost=Decimal(1080))
    monkeypatch.setattr(service, "quote_training", lambda *_: reply)
    with pytest.raises(LaunchUncertain):
        launcher.estimate(wanted)
    (intent,) = journal.intents()
    assert (intent.amount, intent.charged) == (Decimal(0), Decimal(1080))
