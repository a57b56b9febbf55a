"""Refusals: final where they surely launched nothing, held open where they may answer a copy."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from fake_service import interrupted, lost
from launching import cannot_note, only, refuse, states

from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    CoolingDown,
    LaunchRefused,
    LaunchUncertain,
    NotFound,
    PermissionDenied,
    PlanLimitReached,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.records import Job


def parallel(limit: int) -> PlanLimitReached:
    details = {"actionName": "parallel-training", "actionLimit": limit}
    return PlanLimitReached("The plan's limit.", status=429, details=details, remedy="Make room.")


OURS = pytest.mark.parametrize(
    "error",
    [
        ServiceError("Model is already training.", status=400),
        ServiceError("A training is in progress.", status=400),
        CoolingDown("Too close: 30 s to go.", status=429, remaining_seconds=30),
        Throttled("Slow down.", status=429),
        ServiceFailed("Conflict.", status=409),
        parallel(1),
    ],
    ids=["already", "in progress", "cooldown", "throttle", "409", "parallel"],
)
"""What an earlier copy of our own request can have caused."""
FINAL = pytest.mark.parametrize(
    "error",
    [
        ServiceError("Too few images.", status=400),
        AuthenticationFailed("Expired.", status=401),
        ServiceError("Not enough creative units.", status=402),
        PermissionDenied("No.", status=403),
        NotFound("Gone.", status=404),
        ServiceError("Wrong.", status=422),
        parallel(0),
    ],
    ids=["400", "401", "402", "403", "404", "422", "no training in the plan"],
)


@OURS
def test_one_that_our_own_request_caused_is_not_sent_again_however_late_reads_are(
    service, launcher, journal, clock, wanted, error, monkeypatch
):
    before = service.get_model(wanted.model_id)
    service.after["trigger_training"] = error
    with monkeypatch.context() as late:
        late.setattr(service, "get_model", lambda _: before)
        with pytest.raises(LaunchRefused, match=error.message.rstrip(".")):
            launcher.launch(wanted, max_cost=2000)
        for accepted in (None, launcher.estimate(wanted)):
            for again in (False, True):
                clock.pass_(20)
                with pytest.raises(LaunchRefused):
                    launcher.launch(wanted, accepted=accepted, max_cost=2000, again=again)
    assert launcher.launch(wanted, max_cost=2000).already
    assert service.count("trigger_training") == 1
    assert states(journal) == ["running"]


@OURS
@pytest.mark.parametrize("looked", [True, False], ids=["read meanwhile", "nobody looked"])
def test_one_that_launched_nothing_holds_a_plain_start_back_until_the_moment_it_names(
    service, launcher, journal, clock, wanted, error, looked
):
    refused = time.strftime("%H:%M:%S", time.localtime(clock().at))
    refuse(service, launcher, wanted, error)
    clock.pass_(40)
    with pytest.raises(LaunchRefused, match=f"Phoenix refused at {refused}: ") as caught:
        launcher.launch(wanted, max_cost=2000)
    named = re.search(r"again from (\d\d:\d\d:\d\d) on", caught.value.remedy)
    assert named is not None
    assert time.strftime("%H:%M:%S", time.localtime(clock().at + 80)) == named[1]
    assert caught.value.remedy.startswith(error.remedy)
    assert caught.value.retry_after == pytest.approx(80)
    assert len(str(caught.value)) <= 200
    for _ in range(4):
        clock.pass_(20)
        if looked:
            launcher.run_of(service.get_model(wanted.model_id))
    assert not launcher.launch(wanted, max_cost=2000).already
    assert service.count("trigger_training") == 2
    assert states(journal) == ["running", "rejected"]


@FINAL
def test_one_that_our_request_cannot_have_caused_is_final_at_once(
    service, launcher, journal, wanted, error
):
    told = refuse(service, launcher, wanted, error, match=error.message)
    assert told.retry_after is None
    assert told.remedy == (error.remedy or "Nothing was charged. Fix that, then try again.")
    assert states(journal) == ["rejected"]
    assert not launcher.launch(wanted, max_cost=2000).already


@OURS
def test_in_this_process_nothing_repeats_a_request_so_all_are_final(
    service, launcher, journal, wanted, error
):
    service.in_process = True
    refuse(service, launcher, wanted, error)
    assert states(journal) == ["rejected"]
    assert not launcher.launch(wanted, max_cost=2000).already


@pytest.mark.parametrize(
    ("jobs", "final"),
    [
        ([{"input": {"modelId": "another"}}], True),
        ([{"input": {"modelId": "another"}}] * 2, True),
        ([{"input": {"modelId": "another"}, "status": "success"}], False),
        ([{"input": {}}], False),
        ([{"input": {"modelId": "another"}, "type": "inference"}], False),
    ],
    ids=[
        "of another model",
        "of two others",
        "that has ended",
        "of no one knows which",
        "of another kind",
    ],
)
def test_the_parallel_limit_is_final_where_jobs_of_other_models_account_for_it(
    service, launcher, journal, wanted, jobs, final
):
    for number, given in enumerate(jobs):
        job = Job(id=f"theirs_{number}", type="musubi-model-training", status="in-progress")
        service.jobs[job.id] = replace(job, **given)
    refuse(service, launcher, wanted, parallel(len(jobs)))
    assert states(journal)[0] == ("rejected" if final else "refused")


def test_the_parallel_limit_is_final_where_a_run_of_this_computer_accounts_for_it(
    service, launcher, journal, wanted
):
    other = service.seed("other")
    bought = launcher.launch(replace(wanted, model_id=other.id), max_cost=2000)
    job = service.jobs[bought.intent.job_id]
    service.jobs[job.id] = replace(job, type="flux-model-training", status="in-progress")
    refuse(service, launcher, wanted, parallel(1))
    assert states(journal)[0] == "rejected"
    # One that is known to have ended accounts for nothing, however the list still shows it.
    journal.move(bought.intent.intent_id, "trained", only_from={"running"})
    refuse(service, launcher, wanted, parallel(1))
    assert states(journal)[0] == "refused"


def test_its_words_fit_and_it_is_held_to_the_last_half_second(
    service, launcher, journal, clock, wanted
):
    error = Throttled("x" * 500, status=429, remedy="Wait a little.")
    assert len(str(refuse(service, launcher, wanted, error))) == 200
    assert len(journal.intents()[0].reason) <= 300
    clock.pass_(119.5)
    with pytest.raises(LaunchRefused) as caught:
        launcher.launch(wanted, max_cost=2000)
    assert caught.value.retry_after == pytest.approx(0.5)
    assert str(launcher.refusal(journal.intents()[0])) == str(caught.value)


def test_one_that_comes_after_its_sender_was_given_up_is_still_one(
    service, launcher, journal, wanted
):
    def late() -> None:
        journal.move(only(journal).intent_id, "uncertain", only_from={"submitting"})
        raise Throttled("Slow down.", status=429)

    refuse(service, launcher, wanted, late)
    assert states(journal) == ["refused"]


def test_an_ordinary_one_after_which_nothing_can_be_read_locks_nobody_out(
    service, launcher, journal, clock, wanted
):
    def expire() -> None:
        service.before["get_model"] = AuthenticationFailed("Expired.", status=401)
        raise service.before["get_model"]

    told = refuse(service, launcher, wanted, expire, match="Expired")
    assert told.retry_after == pytest.approx(120)
    assert states(journal) == ["refused"]
    clock.pass_(121)
    assert not launcher.launch(wanted, max_cost=2000).already


def test_a_kernel_killed_while_it_settles_one_leaves_it_to_the_next(
    service, launcher, clock, wanted
):
    def killed() -> None:
        service.before["get_model"] = interrupted
        raise ServiceError("Too few images.", status=400)

    service.before["trigger_training"] = killed
    with pytest.raises(KeyboardInterrupt):
        launcher.launch(wanted, max_cost=2000)
    service.before.clear()
    with pytest.raises(LaunchRefused, match="Too few images"):
        launcher.launch(wanted, max_cost=2000)
    clock.pass_(121)
    assert not launcher.launch(wanted, max_cost=2000).already


@pytest.mark.parametrize("error", [parallel(1), parallel(0)], ids=["held", "final"])
def test_one_that_cannot_be_noted_down_is_told_as_what_it_will_be_to_the_next(
    service, launcher, journal, wanted, error, monkeypatch
):
    service.before["trigger_training"] = error
    with monkeypatch.context() as patch:
        cannot_note(journal, patch, "refused", "rejected")
        with pytest.raises(LaunchUncertain, match="Make room"):
            launcher.launch(wanted, max_cost=2000)
    with pytest.raises(LaunchUncertain):
        launcher.launch(wanted, max_cost=2000)
    assert service.count("trigger_training") == 1


def test_a_download_is_held_back_for_its_time_and_no_longer(service, launcher, clock, take, other):
    service.before["list_jobs"] = PermissionDenied("No.", status=403)
    service.before["trigger_download"] = Throttled("Slow down.", status=429)
    for _ in range(2):
        with pytest.raises(LaunchRefused):
            launcher.launch(take, max_cost=5)
    assert launcher.bought(take, service.get_model(take.model_id)) is None
    del service.before["trigger_download"]
    launcher.launch(other, max_cost=2000)
    clock.pass_(121)
    assert not launcher.launch(take, max_cost=5).already
    assert service.downloads == [None]


@pytest.mark.parametrize("status", [408, 500, 503])
def test_a_failure_of_the_service_is_no_refusal(service, launcher, journal, wanted, status):
    failed = ServiceFailed("Too slow.", status=status)
    service.before["trigger_training"] = failed
    with pytest.raises(LaunchUncertain, match=r"what became of it is unknown.*Too slow") as caught:
        launcher.launch(wanted, max_cost=2000)
    assert caught.value.__cause__ is failed
    assert "refresh()" in caught.value.remedy
    assert states(journal) == ["uncertain"]


def test_a_download_in_doubt_names_the_line_that_sends_it_again(service, launcher, take):
    service.before["trigger_download"] = lost
    service.before["list_jobs"] = PermissionDenied("No.", status=403)
    with pytest.raises(LaunchUncertain, match="A download was sent") as caught:
        launcher.launch(take, max_cost=5)
    assert "download(again=True)" in caught.value.remedy


def test_no_net_is_no_refusal_by_the_service(service, launcher, journal, wanted):
    no_net = ServiceUnreachable("No net.", sent=False, remedy="Plug it in.")
    told = refuse(service, launcher, wanted, no_net)
    assert str(told) == "Nothing was launched: No net. Plug it in."
    assert told.retry_after is None
    assert only(journal).state == "not_sent"
    assert only(journal).reason.startswith("No net.")
