"""What becomes of launches that nothing was heard of, and of runs nobody here launched."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_service import FakeService, down, lost
from launching import cannot_note, lose, read, states

from phoenix_nbtrain.errors import LaunchUncertain, ServiceError, ServiceUnreachable
from phoenix_nbtrain.launch import Launcher, Order, download_order
from phoenix_nbtrain.locks import at_work
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.store.journal import Journal


class TestUnseen:
    def test_three_reads_over_two_minutes_without_a_trace_are_the_way_out(
        self, service, launcher, clock, wanted
    ):
        lose(service, launcher, wanted)
        for _ in range(3):
            clock.pass_(45)
            assert service.launches == []
            state = read(service, launcher, wanted)
        assert state == "not_seen"
        unseen = launcher.unseen(wanted.model_id)
        assert "reads over 135 s show it as before: new, no job" in unseen.reason

    def test_reads_in_one_breath_are_one_look(self, service, launcher, clock, wanted):
        lose(service, launcher, wanted)
        clock.pass_(200)
        assert [read(service, launcher, wanted) for _ in range(9)] == ["uncertain"] * 9

    def test_many_reads_within_two_minutes_are_not_enough(self, service, launcher, clock, wanted):
        lose(service, launcher, wanted)
        for _ in range(5):
            clock.pass_(21)
            assert read(service, launcher, wanted) == "uncertain"

    def test_a_script_is_not_let_past_it_and_is_told_the_line_that_is(
        self, service, launcher, clock, wanted
    ):
        self._make_unseen(service, launcher, clock, wanted)
        with pytest.raises(LaunchUncertain, match=r"appears not to have run.*again=True"):
            launcher.launch(wanted, max_cost=2000)
        assert service.count("trigger_training") == 1
        assert not launcher.launch(wanted, max_cost=2000, again=True).already

    def test_a_person_goes_on_with_a_price_of_today_and_not_with_one_from_before(
        self, service, launcher, clock, wanted
    ):
        before = launcher.estimate(wanted)
        self._make_unseen(service, launcher, clock, wanted)
        with pytest.raises(LaunchUncertain):
            launcher.launch(wanted, accepted=before)
        clock.pass_(1)
        assert not launcher.launch(wanted, accepted=launcher.estimate(wanted)).already

    def test_a_run_that_shows_up_late_is_that_launch_and_nothing_is_bought(
        self, service, launcher, journal, clock, wanted
    ):
        self._make_unseen(service, launcher, clock, wanted)
        service.trigger_training(wanted.model_id, {})
        assert launcher.launch(wanted, max_cost=2000, again=True).already
        assert states(journal) == ["running"]
        assert len(service.launches) == 1

    @staticmethod
    def _make_unseen(service: FakeService, launcher: Launcher, clock: Any, wanted: Order) -> None:
        lose(service, launcher, wanted)
        for _ in range(3):
            clock.pass_(45)
            read(service, launcher, wanted)


class TestMemoryLost:
    """The journal is gone, or never was: a second computer."""

    @pytest.fixture
    def elsewhere(self, service, tmp_path, clock) -> Launcher:
        return Launcher(service, Journal(tmp_path / "other.sqlite3", clock=clock), clock=clock)

    def test_a_run_that_goes_on_is_joined(self, launcher, elsewhere, wanted):
        bought = launcher.launch(wanted, max_cost=2000)
        joined = elsewhere.launch(wanted, max_cost=2000)
        assert joined.already
        assert joined.intent.job_id == bought.intent.job_id

    def test_a_run_of_the_same_set_that_has_ended_is_not_bought_again(
        self, service, launcher, elsewhere, wanted
    ):
        self._train(service, launcher, wanted)
        found = elsewhere.launch(replace(wanted, fingerprint="other keys"), max_cost=2000)
        assert found.already
        assert found.said.startswith("Found trained on the service on")
        assert not elsewhere.launch(wanted, max_cost=2000, again=True).already

    def test_a_run_that_somebody_else_started_with_the_same_defaults_is_not_bought_again(
        self, service, journal, clock, wanted
    ):
        service.launch(wanted.model_id)
        service.finish(wanted.model_id)
        launcher = Launcher(service, journal, clock=clock, explicit=lambda _: wanted.parameters)
        assert launcher.launch(wanted, max_cost=2000).already

    def test_a_set_that_differs_from_what_was_trained_is_bought(
        self, service, launcher, elsewhere, wanted
    ):
        model = self._train(service, launcher, wanted)
        elsewhere.run_of(service.get_model(model))  # seen when it was opened
        asset = service.upload_image("new.png", b"new")
        service.add_training_images(model, [asset.id])
        assert not elsewhere.launch(wanted, max_cost=2000).already

    def test_other_parameters_are_bought(self, service, launcher, elsewhere, wanted):
        self._train(service, launcher, wanted)
        other = replace(wanted, parameters={"nbEpochs": 11}, fingerprint="g")
        assert not elsewhere.launch(other, max_cost=2000).already

    def test_a_failed_run_found_there_does_not_stand_in_the_way(
        self, service, launcher, elsewhere, wanted
    ):
        launcher.launch(wanted, max_cost=2000)
        service.finish(wanted.model_id, "failed")
        assert not elsewhere.launch(wanted, max_cost=2000).already

    def test_a_run_is_written_down_once_however_often_it_is_read(
        self, service, launcher, elsewhere, wanted
    ):
        self._train(service, launcher, wanted)
        model = service.get_model(wanted.model_id)
        runs = {elsewhere.run_of(model) for _ in range(3)}
        assert len(runs) == 1
        (run,) = runs
        assert (run.state, run.job_id, run.bought_here) == ("trained", model.job_id, False)

    @staticmethod
    def _train(service: FakeService, launcher: Launcher, wanted: Order) -> str:
        launcher.launch(wanted, max_cost=2000)
        service.update_model(wanted.model_id, parameters=wanted.parameters)
        service.finish(wanted.model_id)
        return wanted.model_id


class TestStop:
    def test_a_lost_reply_is_decided_by_the_read_after_it(self, service, launcher, wanted):
        launcher.launch(wanted, max_cost=2000)
        service.after["cancel_training"] = lost
        assert launcher.stop(wanted.model_id).status == "training-canceled"

    def test_it_is_noted_before_it_is_asked_for_and_may_take_its_time(
        self, service, launcher, journal, wanted
    ):
        launcher.launch(wanted, max_cost=2000)
        seen: list[str] = []

        def accept(model_id: str) -> Model:
            seen.extend(i.state for i in journal.intents())
            return service.get_model(model_id)

        service.cancel_training = accept
        assert launcher.stop(wanted.model_id).status == "training"
        assert seen == ["stopping"]
        assert states(journal) == ["stopping"]

    @pytest.mark.parametrize(
        ("error", "state"),
        [
            (ServiceUnreachable("Refused.", sent=False), "running"),
            (ServiceUnreachable("Timed out.", sent=True), "stopping"),
            (ServiceError("No.", status=400), "running"),
        ],
        ids=["not sent", "lost", "refused"],
    )
    def test_one_that_is_not_known_to_have_arrived_is_told(
        self, service, launcher, journal, wanted, error, state
    ):
        launcher.launch(wanted, max_cost=2000)
        service.before["cancel_training"] = error
        with pytest.raises(type(error)) as caught:
            launcher.stop(wanted.model_id)
        assert caught.value is error
        assert states(journal) == [state]

    def test_it_is_asked_for_where_that_cannot_be_noted(
        self, service, launcher, journal, wanted, monkeypatch
    ):
        launcher.launch(wanted, max_cost=2000)
        cannot_note(journal, monkeypatch, "stopping")
        assert launcher.stop(wanted.model_id).status == "training-canceled"

    def test_without_a_journal_it_is_asked_for_all_the_same(self, service, wanted, tmp_path):
        service.trigger_training(wanted.model_id, {})
        broken = tmp_path / "broken.sqlite3"
        broken.write_bytes(b"this is no database")
        launcher = Launcher(service, Journal(broken))
        service.before["cancel_training"] = down
        with pytest.raises(ServiceUnreachable):
            launcher.stop(wanted.model_id)
        service.before.clear()
        assert launcher.stop(wanted.model_id).status == "training-canceled"

    @pytest.mark.parametrize("state", ["prepared", "submitting"])
    def test_a_start_that_never_ends_is_waited_for_its_time_and_no_longer(
        self, service, launcher, journal, wanted, clock, state
    ):
        intent = launcher._reconciler.intent(
            wanted,
            service.get_model(wanted.model_id),
            state="prepared",
            estimate_id=None,
            amount=Decimal(1),
        )
        with at_work(intent.intent_id):
            journal.prepare(intent, newest=None)
            if state == "submitting":
                journal.move(intent.intent_id, "submitting", only_from={"prepared"})
            began = clock()
            launcher.stop(wanted.model_id)
        assert clock().since(began) == pytest.approx(180, abs=0.3)
        assert service.count("cancel_training") == 1

    def test_a_stop_while_it_is_being_started_waits_for_the_run_and_stops_that(
        self, service, journal, wanted, clock
    ):
        going, stopping = threading.Event(), threading.Event()

        def wait(_: float) -> None:
            stopping.set()
            time.sleep(0.01)

        here = Launcher(service, journal, clock=clock)
        other = Launcher(service, journal, clock=clock, sleep=wait)
        service.before["trigger_training"] = lambda: (going.set(), stopping.wait(10), None)[-1]
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(here.launch, wanted, max_cost=2000)
            assert going.wait(10)
            seen: list[str] = []
            service.before["cancel_training"] = lambda: seen.extend(
                i.state for i in journal.intents()
            )
            model = other.stop(wanted.model_id)
            started.result(10)
        assert seen == ["stopping"]
        assert model.status == "training-canceled"


class TestDownload:
    def test_it_is_priced_accepted_and_bought_once(self, service, launcher, wanted):
        launcher.launch(wanted, max_cost=2000)
        model = service.finish(wanted.model_id)
        take = download_order(model)
        with pytest.raises(Exception, match=r"5 CU.*training\.download\(max_cost=5\)"):
            launcher.launch(take)
        first = launcher.launch(take, max_cost=5)
        assert not first.already
        second = launcher.launch(take, max_cost=5)
        assert second.already
        assert second.intent.job_id == first.intent.job_id
        assert not launcher.launch(download_order(model, "3"), max_cost=5).already
        assert service.downloads == [None, "3"]

    def test_the_weights_of_a_run_that_somebody_else_started(self, service, launcher, wanted):
        service.launch(wanted.model_id)
        model = service.finish(wanted.model_id)
        launcher.run_of(model)
        assert not launcher.launch(download_order(model), max_cost=5).already

    def test_a_lost_reply_is_found_among_the_jobs(self, service, launcher, take):
        service.after["trigger_download"] = lost
        found = launcher.launch(take, max_cost=5)
        assert found.intent.job_id in service.weights
        assert launcher.launch(take, max_cost=5).already
        assert service.downloads == [None]

    def test_one_that_nothing_was_heard_of_is_not_sent_again(self, service, launcher, take):
        service.before["trigger_download"] = lost
        for _ in range(3):
            with pytest.raises(LaunchUncertain):
                launcher.launch(take, max_cost=5)
        assert service.count("trigger_download") == 1
