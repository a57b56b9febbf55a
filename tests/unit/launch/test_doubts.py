"""Services that hide, forget, contradict and repeat: nothing is bought twice, nothing unseen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_service import FakeService, down, lost, once
from launching import cannot_note, lose, refuse, states

from phoenix_nbtrain.errors import (
    CoolingDown,
    LaunchRefused,
    LaunchUncertain,
    NotFound,
    PermissionDenied,
    PlanLimitReached,
    PriceNotAccepted,
    ServiceError,
)
from phoenix_nbtrain.launch import Launcher, Order, download_order
from phoenix_nbtrain.records import Epoch, Job, LaunchReply, Model, TrainingProgress
from phoenix_nbtrain.text import shown


class Hiding(FakeService):
    """It shows no job on its models: "owner only", as the service has it."""

    def get_model(self, model_id: str) -> Model:
        return replace(super().get_model(model_id), job_id=None)


@pytest.fixture
def hiding(clock, journal) -> tuple[Hiding, Launcher, Order]:
    service = Hiding()
    model = service.seed()
    order = Order(model_id=model.id, parameters={"n": 1}, fingerprint="f")
    return service, Launcher(service, journal, clock=clock, sleep=clock.pass_), order


def look(service: FakeService, launcher: Launcher, clock: Any, model_id: str) -> None:
    """Read as often and as long as it takes for a launch to appear not launched."""
    for _ in range(4):
        clock.pass_(45)
        model = service.get_model(model_id)
        launcher.run_of(model)
        launcher.settle_download(model)


class TestHiddenJobs:
    def test_a_launch_that_ran_and_ended_while_nobody_looked_is_no_quiet_read(
        self, hiding, clock, journal
    ):
        service, launcher, wanted = hiding
        lose(service, launcher, wanted, arrives=True, unread=True)
        service.finish(wanted.model_id)
        look(service, launcher, clock, wanted.model_id)
        assert states(journal) == ["trained"]
        assert launcher.launch(wanted, accepted=launcher.estimate(wanted)).already

    def test_a_second_run_is_told_from_the_first_by_its_dates(self, hiding, clock, journal):
        service, launcher, wanted = hiding
        launcher.launch(wanted, max_cost=2000)
        service.finish(wanted.model_id)
        other = replace(wanted, parameters={"n": 2}, fingerprint="g")
        lose(service, launcher, other, arrives=True, unread=True)
        ended = service.finish(wanted.model_id)
        service.models[ended.id] = replace(ended, progress=TrainingProgress(started_at=5.0))
        look(service, launcher, clock, wanted.model_id)
        assert journal.intents()[0].state == "trained"

    def test_a_refused_launch_is_not_the_run_of_another_computer(self, hiding):
        service, launcher, wanted = hiding
        refuse(service, launcher, wanted, ServiceError("No.", status=400))
        service.trigger_training(wanted.model_id, wanted.parameters)
        service.update_model(wanted.model_id, parameters=wanted.parameters)
        service.finish(wanted.model_id)
        assert launcher.launch(wanted, max_cost=2000).already
        assert len(service.launches) == 1


class TestStatuses:
    @pytest.mark.parametrize("status", ["paused", "queued", "copying", ""])
    def test_nothing_is_launched_from_a_status_that_may_stand_for_a_run(
        self, service, launcher, wanted, status
    ):
        service.models[wanted.model_id] = replace(service.models[wanted.model_id], status=status)
        with pytest.raises(LaunchRefused, match="nothing was launched"):
            launcher.launch(wanted, max_cost=2000)
        assert service.count("trigger_training") == 0

    def test_a_run_that_the_service_takes_up_again_is_that_run(
        self, service, launcher, journal, wanted
    ):
        first = launcher.launch(wanted, max_cost=2000)
        failed = service.finish(wanted.model_id, "failed")
        launcher.run_of(failed)
        service.models[wanted.model_id] = replace(failed, status="training")
        assert launcher.launch(wanted, max_cost=2000).intent.intent_id == first.intent.intent_id
        assert states(journal) == ["running"]
        assert len(service.launches) == 1

    def test_a_set_that_changes_while_it_is_priced_is_not_bought(self, service, launcher, wanted):
        asset = service.upload_image("late.png", b"late")
        service.before["quote_training"] = once(
            lambda: service.add_training_images(wanted.model_id, [asset.id])
        )
        with pytest.raises(PriceNotAccepted, match="while its cost was estimated") as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.remedy == "Check the dataset and start again."
        assert service.launches == []


class TestAnswers:
    @pytest.mark.parametrize(
        "error",
        [
            CoolingDown("Too close.", status=429, remaining_seconds=30),
            PlanLimitReached("No.", status=429, details={"actionName": "parallel-training"}),
            ServiceError("A training is in progress.", status=400),
        ],
        ids=["cooldown", "parallel", "in progress"],
    )
    def test_a_refusal_that_answers_a_proxys_repeat_is_no_refusal(
        self, service, launcher, journal, wanted, error
    ):
        service.after["trigger_training"] = error
        launched = launcher.launch(wanted, max_cost=2000)
        assert (launched.already, launched.intent.state) == (False, "running")
        assert states(journal) == ["running"]

    @pytest.mark.parametrize("given_up", ["uncertain", "not_seen"])
    def test_a_reply_that_comes_after_everybody_gave_up_is_still_written_down(
        self, service, launcher, journal, wanted, given_up
    ):
        def give_up() -> None:
            journal.move(journal.intents()[0].intent_id, given_up, only_from={"submitting"})

        service.before["trigger_training"] = give_up
        launched = launcher.launch(wanted, max_cost=2000)
        assert launched.intent.job_id in service.jobs
        assert states(journal) == ["running"]

    def test_a_journal_that_is_busy_after_the_launch_does_not_say_try_again(
        self, service, launcher, journal, wanted, monkeypatch
    ):
        cannot_note(journal, monkeypatch, "running")
        trigger = service.trigger_training
        job = Job(id="job_" + "x" * 90)
        reply = LaunchReply(outcome="launched", job=job)
        monkeypatch.setattr(service, "trigger_training", lambda *a: (trigger(*a), reply)[1])
        with pytest.raises(LaunchUncertain, match="It is bought") as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.message.startswith(f"Phoenix launched {shown(job.id, 40)}, but this")
        monkeypatch.undo()
        assert launcher.launch(wanted, max_cost=2000).already
        assert len(service.launches) == 1

    def test_a_journal_that_is_busy_after_a_lost_reply_does_not_hide_the_doubt(
        self, service, launcher, journal, wanted, monkeypatch
    ):
        service.before["trigger_training"] = lost
        with monkeypatch.context() as patch:
            cannot_note(journal, patch, "uncertain")
            with pytest.raises(LaunchUncertain, match="what became of it is unknown"):
                launcher.launch(wanted, max_cost=2000)
        with pytest.raises(LaunchUncertain):
            launcher.launch(wanted, max_cost=2000)
        assert service.count("trigger_training") == 1

    def test_a_doubt_is_not_forgotten_after_an_unrelated_refusal(
        self, service, launcher, clock, wanted
    ):
        lose(service, launcher, wanted)
        look(service, launcher, clock, wanted.model_id)
        service.before["trigger_training"] = down
        with pytest.raises(LaunchRefused):
            launcher.launch(wanted, accepted=launcher.estimate(wanted))
        service.before.clear()
        with pytest.raises(LaunchUncertain):
            launcher.launch(wanted, max_cost=2000)

    @pytest.mark.parametrize(
        "error", [NotFound("Gone.", status=404), PermissionDenied("No.", status=403)]
    )
    def test_a_run_whose_job_is_not_told_of_does_not_stay_open_for_ever(
        self, service, launcher, journal, clock, wanted, error
    ):
        launcher.launch(wanted, max_cost=2000)
        service.finish(wanted.model_id)
        service.trigger_training(wanted.model_id, {})  # from another computer
        service.finish(wanted.model_id, "failed")
        service.before["get_job"] = error
        launcher.run_of(service.get_model(wanted.model_id))
        assert journal.intents()[-1].state == "running", "reads may be late"
        clock.pass_(121)
        launcher.run_of(service.get_model(wanted.model_id))
        assert journal.intents()[-1].state == "ended"
        assert launcher.launch(wanted, max_cost=2000).already, "it may have been trained"
        assert not launcher.launch(wanted, max_cost=2000, again=True).already


class TestDownloads:
    def test_jobs_that_cannot_be_read_are_no_evidence(
        self, service, launcher, journal, clock, take
    ):
        service.before["list_jobs"] = PermissionDenied("No.", status=403)
        service.before["trigger_download"] = lost
        with pytest.raises(LaunchUncertain, match="download"):
            launcher.launch(take, max_cost=5)
        look(service, launcher, clock, take.model_id)
        assert states(journal, "download") == ["uncertain"]
        del service.before["trigger_download"]
        with pytest.raises(LaunchUncertain):
            launcher.launch(take, max_cost=5)
        assert not launcher.launch(take, max_cost=5, again=True).already
        assert service.downloads == [None]
        given_up = journal.intents(kind="download")[1]
        assert (given_up.state, given_up.reason) == ("not_seen", "given up by hand")

    def test_somebody_elses_download_of_another_epoch_is_not_ours(self, service, launcher, take):
        service.trigger_download(take.model_id, epoch="5")
        service.before["trigger_download"] = lost
        with pytest.raises(LaunchUncertain):
            launcher.launch(replace(take, epoch="3", fingerprint="three"), max_cost=5)

    def test_one_whose_job_is_gone_can_be_bought_again(self, service, launcher, clock, take):
        bought = launcher.launch(take, max_cost=5).intent.job_id
        clock.pass_(121)
        del service.jobs[str(bought)]
        assert launcher.launch(take, max_cost=5).already
        assert not launcher.launch(take, max_cost=5, again=True).already

    def test_the_epoch_in_use_is_part_of_what_is_bought(self, service):
        model = replace(next(iter(service.models.values())), status="trained")
        chosen = download_order(replace(model, epoch="3"))
        assert chosen.fingerprint != download_order(model).fingerprint

    def test_the_epochs_of_a_run_that_was_stopped_say_nothing_of_the_weights_held(self, service):
        model = replace(
            next(iter(service.models.values())),
            status="training-canceled",
            epochs=(Epoch(epoch="1"),),
        )
        assert download_order(model).held
        assert download_order(model).fingerprint != download_order(model, "1").fingerprint

    @pytest.mark.parametrize("before", [None, "training-canceled"])
    def test_weights_that_were_bought_are_bought_anew_once_others_were_trained_since(
        self, service, launcher, wanted, take, before
    ):
        """``take`` is of the first run; a run that was stopped or failed leaves the weights."""

        def run(number: int, end: str) -> Order:
            other = replace(wanted, parameters={"n": number}, fingerprint=f"run {number}")
            assert not launcher.launch(other, max_cost=2000).already
            return download_order(service.finish(wanted.model_id, end))

        if before is not None:
            take = run(2, before)
        launcher.launch(take, max_cost=5)
        held = run(3, "failed")
        assert held.held
        assert launcher.launch(held, max_cost=5).already
        run(4, "trained")
        held = run(5, "failed")
        assert not launcher.launch(held, max_cost=5).already
        assert service.downloads == [None, None]

    def test_the_price_is_named_with_the_line_that_accepts_it(self, launcher, take):
        with pytest.raises(PriceNotAccepted, match=r"training\.download\(max_cost=5\)"):
            launcher.launch(take)
        assert launcher.estimate(take).amount == Decimal(5)
