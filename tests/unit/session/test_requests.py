"""How often the service is asked: no more than what is bought, shown and kept needs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeService

import phoenix_nbtrain as nbt
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.errors import (
    NotFound,
    PermissionDenied,
    PriceNotAccepted,
    ServiceFailed,
    StillRunning,
)
from phoenix_nbtrain.home import home
from phoenix_nbtrain.records import Model, TrainingProgress
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.store import home_journal
from phoenix_nbtrain.training import Training


def test_open_reads_a_model_once(opened, service, runner, icons):
    opened().add_images(icons)
    runner.advance(5)
    for again in (False, True):
        read = service.count("get_model")
        assert len(opened(again=again).images) == 4
        runner.advance(60)
        assert service.count("get_model") == read + 1


def test_open_makes_a_model_without_reading_it(opened, service, runner):
    opened()
    runner.advance(60)
    assert service.count("get_model") == 0


def test_a_run_is_watched_from_the_reading_that_open_made(opened, service, runner, icons):
    training = opened(images=icons)
    training.start()
    read = service.count("get_model")
    again = opened(again=True)
    runner.advance(0)
    assert (again.run is not None and again.run.status) == "training"
    assert service.count("get_model") == read + 1
    service.finish(again.model_id)
    runner.advance(60)
    assert again.run is not None and again.run.status == "trained"


def test_a_start_reads_the_model_three_times(training, service, runner):
    read = service.count("get_model")
    training.start()
    assert service.count("get_model") == read + 3
    runner.advance(0)
    assert service.count("get_model") == read + 3, "it was read just now"
    assert len(service.launches) == 1


def test_what_the_sync_has_changed_is_read_before_it_is_bought(training, service):
    training.set_captions(lambda row: f"a {row.name}")
    read = service.count("get_model")
    training.start()
    assert service.count("get_model") == read + 4
    assert len(service.launches) == 1


def test_what_somebody_changes_after_the_sync_has_read_is_not_bought(training, service):

    def somebody() -> None:
        service.before.clear()
        model = service.get_model(training.model_id)
        service.update_asset(model.training_images[0].id, description="theirs")

    service.before["quote_training"] = somebody
    with pytest.raises(PriceNotAccepted, match="Someone changed the dataset"):
        training.start()
    assert service.launches == []


def test_a_run_that_somebody_began_before_the_sync_read_is_not_bought_again(opened, service, icons):
    training: Training = opened()
    training.add_images(icons)
    training.sync()
    training.start()
    again = opened(again=True)
    run = again.start()
    assert again.launched_before and run.message.startswith("Running since")
    assert len(service.launches) == 1


# -- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def hosted() -> FakeService:
    return FakeService()


def start_of(hosted: FakeService, runner: InlineRunner, icons: Path, count: int) -> list[Training]:
    """Return so many trainings that run, each with how far it is."""
    trainings = []
    for number in range(count):
        training = Training.open(
            f"icons {number}", type="flux.2-dev-lora", client=hosted, runner=runner
        )
        training.add_images(icons)
        training.start(max_cost=10_000)
        goes(hosted, training, 0.1)
        trainings.append(training)
    runner.advance(60)
    return trainings


def goes(hosted: FakeService, training: Training, progress: float, **more: Any) -> None:
    told = TrainingProgress(progress=progress, updated_at=time.time() + 3600, **more)
    hosted._put(hosted.models[training.model_id], progress=told)


def reads(hosted: FakeService) -> int:
    return sum(hosted.count(name) for name in ("get_model", "get_models", "get_job"))


def test_ten_runs_are_read_together_and_each_is_shown(hosted, by_the_clock, icons):
    trainings = start_of(hosted, by_the_clock, icons, 10)
    before, alone = reads(hosted), hosted.count("get_model")
    by_the_clock.advance(600)
    assert reads(hosted) - before <= 10 * 30
    assert hosted.count("get_model") == alone
    for number, training in enumerate(trainings):
        goes(hosted, training, number / 20)
    by_the_clock.advance(21)
    assert [training.progress for training in trainings] == [n / 20 for n in range(10)]
    hosted.finish(trainings[3].model_id)
    by_the_clock.advance(21)
    assert [t.status for t in trainings].count("trained") == 1
    assert trainings[3].status == "trained"
    assert len(trainings[3].model.training_images) == 4, "it was read whole"


def test_where_they_cannot_be_read_together_each_is_read_alone(hosted, by_the_clock, icons):

    first, second = start_of(hosted, by_the_clock, icons, 2)
    hosted.before["get_models"] = ServiceFailed("Internal error.", status=500)
    goes(hosted, first, 0.7)
    goes(hosted, second, 0.8)
    by_the_clock.advance(21)
    assert (first.progress, second.progress) == (0.7, 0.8)


def test_where_reading_together_is_refused_it_is_not_asked_for_at_every_look(
    hosted, by_the_clock, icons
):
    trainings = start_of(hosted, by_the_clock, icons, 5)
    hosted.before["get_models"] = PermissionDenied("Not allowed.", status=403)
    before = hosted.count("get_models")
    by_the_clock.advance(600)
    assert hosted.count("get_models") - before <= 11, "once a minute"
    for number, training in enumerate(trainings):
        goes(hosted, training, number / 20)
    by_the_clock.advance(11)
    assert [training.progress for training in trainings] == [n / 20 for n in range(5)]


def test_runs_go_on_beside_one_whose_model_was_deleted(hosted, by_the_clock, icons, monkeypatch):
    def all_or_none(ids: Sequence[str]) -> tuple[Model, ...]:
        if not set(ids) <= hosted.models.keys():
            raise NotFound("No such model.", status=404)
        return get_models(ids)

    get_models = hosted.get_models
    monkeypatch.setattr(hosted, "get_models", all_or_none)
    gone, *others = start_of(hosted, by_the_clock, icons, 4)
    del hosted.models[gone.model_id]
    by_the_clock.advance(400)
    alone = hosted.count("get_model")
    for number, training in enumerate(others):
        goes(hosted, training, number / 20)
    by_the_clock.advance(60)
    assert [training.progress for training in others] == [n / 20 for n in range(3)]
    assert hosted.count("get_model") - alone <= 2, "the others are read together again"


# -- older and newer readings -----------------------------------------------------------------------


def test_what_open_read_is_not_shown_once_another_run_has_begun(hosted, by_the_clock, icons):
    (training,) = start_of(hosted, by_the_clock, icons, 1)
    hosted.finish(training.model_id)
    Training.open("icons 0", type="flux.2-dev-lora", client=hosted, runner=by_the_clock)
    training.start(max_cost=10_000, again=True)
    with pytest.raises(StillRunning):
        training.wait(timeout=30)
    assert training.status == "training"


def test_a_look_that_took_long_is_not_shown_once_another_run_has_begun(
    opened, service, runner, icons
):
    training = opened(images=icons)
    training.start()
    service.finish(training.model_id)
    runner.advance(60)
    training = opened(again=True)

    def meanwhile() -> None:
        service.before.clear()
        training.start(again=True)

    service.before["get_job"] = meanwhile
    runner.advance(0)
    assert len(service.launches) == 2
    assert training.status == "training"
    assert training.run is not None and not training.run.ended


def test_a_reply_without_a_status_does_not_end_the_watch(hosted, by_the_clock, icons):
    (training,) = start_of(hosted, by_the_clock, icons, 1)
    whole = hosted.models[training.model_id]
    hosted._put(whole, status="")
    by_the_clock.advance(11)
    hosted._put(whole, status="training")
    goes(hosted, training, 0.7)
    by_the_clock.advance(11)
    assert training.progress == 0.7


def test_a_run_that_is_queued_is_read_less_often(hosted, by_the_clock, icons):
    (training,) = start_of(hosted, by_the_clock, icons, 1)
    before = hosted.count("get_model")
    by_the_clock.advance(600)
    assert 55 <= hosted.count("get_model") - before <= 65
    goes(hosted, training, 0.0, position=3)
    by_the_clock.advance(60)
    before = hosted.count("get_model")
    by_the_clock.advance(600)
    assert 18 <= hosted.count("get_model") - before <= 22


def test_waiting_for_a_run_that_is_watched_adds_no_request(hosted, by_the_clock, icons):
    (training,) = start_of(hosted, by_the_clock, icons, 1)
    before = reads(hosted)
    by_the_clock.advance(600)
    watched = reads(hosted) - before
    before = reads(hosted)
    by_the_clock.later(600, lambda: hosted.finish(training.model_id))
    assert training.wait().status == "trained"
    assert reads(hosted) - before <= watched + 5  # as it is at first, and as it has ended


def test_runs_that_go_on_are_told_by_the_list_of_models(hosted, by_the_clock, icons):
    trainings = start_of(hosted, by_the_clock, icons, 3)
    before, listed = reads(hosted), hosted.count("list_models")
    frame = nbt.runs(hosted)
    assert frame["status"].tolist() == ["running"] * 3
    assert (reads(hosted) - before, hosted.count("list_models") - listed) == (0, 1)
    hosted.finish(trainings[0].model_id)
    assert sorted(nbt.runs(hosted)["status"]) == ["running", "running", "trained"]
    assert reads(hosted) == before


def test_no_run_is_written_down_by_what_a_list_tells(hosted, by_the_clock, icons, monkeypatch):
    first, second = start_of(hosted, by_the_clock, icons, 2)

    def meanwhile() -> None:
        """Another kernel notes the end of each run that is not looked at just now."""
        hosted.before.clear()
        journal = home_journal()
        for intent in journal.intents():
            if intent.state == "running":
                journal.move(intent.intent_id, "trained", only_from={"running"})

    def listed() -> Iterator[Model]:
        models = hosted.get_models([first.model_id, second.model_id])
        hosted.before["get_job"] = meanwhile
        return iter(models)

    for training in (first, second):
        hosted.finish(training.model_id)
        hosted.trigger_training(training.model_id, {})  # somebody else does
    monkeypatch.setattr(hosted, "list_models", listed)
    nbt.runs(hosted)
    assert all(intent.bought_here for intent in home_journal().intents())


# -- images ---------------------------------------------------------------------------------------


def test_an_image_is_read_from_the_store_once_to_be_sent(opened, icons, monkeypatch):
    training = opened(images=icons)
    asked: list[str] = []
    get = Contents.get

    def counted(self: Contents, content_hash: str) -> bytes | None:
        asked.append(content_hash)
        return get(self, content_hash)

    monkeypatch.setattr(Contents, "get", counted)
    training.sync()
    assert sorted(asked) == sorted(row.content_hash or "" for row in training.state.draft.images)
    assert training.images["state"].tolist() == ["saved"] * 4


def test_an_image_whose_bytes_have_changed_in_the_store_is_not_sent(opened, service, icons):
    training = opened(images=icons)
    content_hash = training.state.draft.images[0].content_hash or ""
    kept = home() / "pictures" / content_hash[:2] / content_hash
    kept.write_bytes(kept.read_bytes() + b"more")
    training.sync()
    assert training.images["state"].tolist() == ["refused", "saved", "saved", "saved"]
    assert service.count("upload_image") == 3
