"""Kernels that stay open for days: outages, expired tokens, fresh logins and newer versions."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from typing import Any

import pytest
from fake_service import FakeService, down

from phoenix_nbtrain.client import connect as connecting
from phoenix_nbtrain.clock import Moment
from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    NotFound,
    PermissionDenied,
    ServiceFailed,
    ServiceUnreachable,
    StillRunning,
    StoreError,
    Throttled,
)
from phoenix_nbtrain.home import home
from phoenix_nbtrain.records import TrainingProgress
from phoenix_nbtrain.session.overview import runs
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.text import time_of
from phoenix_nbtrain.training import Training

DAY = 86_400
HOUR = 3_600


def expired() -> None:
    raise AuthenticationFailed("A token has expired.", status=403)


def broken() -> None:
    raise RuntimeError("nobody thought of this")


@pytest.fixture(autouse=True)
def alone() -> None:
    """Forget other tests' trainings, which would hear of new connections, too."""
    _here.clear()


@pytest.fixture
def trains(opened, service, icons) -> Training:
    """A training that is running."""
    training = opened(images=icons)
    training.start()
    assert training.status == "training"
    return training


# -- the watch ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [down, expired, broken])
def test_a_watch_that_fails_for_hours_goes_on_when_it_can(trains, service, runner, fault):
    service.before["get_model"] = fault
    runner.advance(DAY / 2)
    reads = service.count("get_model")
    assert reads > DAY / 2 / 60  # still asked for once a minute
    service.before.clear()
    service.finish(trains.model_id)
    runner.advance(61)
    assert trains.status == "trained"
    assert trains.state.problem == ""


@pytest.mark.parametrize("fault", [down, broken])
def test_a_draft_that_cannot_be_sent_for_hours_is_sent_when_it_can(
    opened, service, runner, icons, fault
):
    training = opened()
    service.before["get_model"] = fault
    training.add_images(icons)
    runner.advance(DAY / 2)
    service.before.clear()
    runner.advance(301)
    assert training.images["state"].tolist() == ["saved"] * 4


def test_after_an_outage_the_pace_is_the_first_one_again(trains, service, runner):
    service.before["get_model"] = down
    runner.advance(HOUR)
    service.before.clear()
    trains.refresh()
    before = service.count("get_model")
    runner.advance(5)
    assert service.count("get_model") - before >= 10


# -- wait ---------------------------------------------------------------------------------------


def throttled() -> None:
    raise Throttled("Too many requests.", status=429)


def failing() -> None:
    raise ServiceFailed("Bad gateway (502).", status=502)


@pytest.mark.parametrize("fault", [down, expired, throttled, failing])
def test_wait_goes_on_through_what_passes_and_says_so_once(
    trains, service, by_the_clock, capsys, fault
):
    def back() -> None:
        service.before.clear()
        service.finish(trains.model_id)

    service.before["get_model"] = fault
    by_the_clock.later(2 * HOUR, back)
    assert trains.wait().status == "trained"
    assert 2 * HOUR <= by_the_clock.now <= 2 * HOUR + 60
    said = capsys.readouterr().err
    assert said.count("is unknown right now") == 1
    assert trains.state.problem == ""


def test_wait_ends_with_its_timeout_in_an_outage(trains, service, by_the_clock):
    service.before["get_model"] = down
    began = by_the_clock.now
    with pytest.raises(StillRunning, match=r"may still be running after 300 s.*cannot be reached"):
        trains.wait(timeout=300)
    assert by_the_clock.now - began == pytest.approx(300)


@pytest.mark.parametrize(
    "answer",
    [
        NotFound("Model not found.", status=404),
        AuthenticationFailed("Unauthorized.", status=401),
        PermissionDenied("Not yours.", status=403),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_wait_ends_at_once_where_the_answer_is_final(trains, service, by_the_clock, answer):

    began = by_the_clock.now
    service.before["get_model"] = answer
    with pytest.raises(type(answer), match=answer.message):
        trains.wait()
    assert by_the_clock.now == began


def test_what_a_run_waits_for_is_told(trains, service):
    job_id = service.models[trains.model_id].job_id or ""
    service.jobs[job_id] = replace(service.jobs[job_id], hint="The disk is full.")
    trains.refresh()
    assert trains.run.message == "The disk is full."


# -- what is old --------------------------------------------------------------------------------


class Clock:
    """A clock that a test sets."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> Moment:
        return Moment(at=self.at, boot="this one", ticks=self.at)


@pytest.fixture
def clock(trains, monkeypatch) -> Clock:
    clock = Clock(time.time())
    monkeypatch.setattr(trains._session.watch, "_clock", clock)
    return clock


def tells(service: FakeService, training: Training, **progress: Any) -> None:
    """Let the service tell how far the run is."""
    told = TrainingProgress(stage="running-train", **progress)
    service._put(service.models[training.model_id], progress=told)
    training._session.watch.read()


def test_a_run_that_cannot_be_read_says_when_it_was_seen(trains, service, clock, runner):
    tells(service, trains, progress=0.9, remaining_seconds=10)
    assert (trains.run.remaining_seconds, trains.run.last_seen) == (10, None)
    seen = clock.at
    clock.at += HOUR
    service.before["get_model"] = down
    runner.advance(60)
    assert (trains.run.remaining_seconds, trains.run.last_seen) == (None, seen)
    assert f"90% · last seen {time_of(seen)}" in repr(trains.run)
    service.before.clear()
    trains._session.watch.read()
    assert trains.run.last_seen is None


@pytest.mark.parametrize(("is_local", "most"), [(True, 60), (False, 300)])
def test_a_run_that_stands_still_says_since_when(trains, service, clock, is_local, most):
    service.is_local = is_local
    tells(service, trains, progress=0.9, remaining_seconds=10)
    seen = clock.at
    assert trains.run is not None
    for passed, last in ((most - 1, None), (most + 1, seen), (DAY, seen)):
        clock.at = seen + passed
        trains._session.watch.read()
        assert trains.run.last_seen == last
        assert trains.run.remaining_seconds == (10 if last is None else None)
    tells(service, trains, progress=0.91, remaining_seconds=9)
    assert trains.run.last_seen is None


@pytest.mark.parametrize(("is_local", "most"), [(True, 60), (False, 600)])
def test_what_the_service_says_of_the_time_counts_from_the_first_read(
    trains, service, clock, is_local, most
):
    service.is_local = is_local
    assert trains.run is not None
    for age, old in ((most - 1, False), (most + 1, True), (-DAY, False)):
        tells(service, trains, progress=0.9, updated_at=clock.at - age)
        assert trains.run.last_seen == (clock.at - age if old else None)
    clock.at = time.time()
    tells(service, trains, progress=0.9, updated_at=clock.at - DAY)
    other = service.create_model(name="of another computer", type="flux.2-dev-lora")
    service._put(other, status="training", progress=service.models[trains.model_id].progress)
    checked = runs(service)["checked"].tolist()
    day = time.strftime("last seen %Y-%m-%d %H:%M", time.localtime(clock.at - DAY))
    assert checked == [day, day]


def test_a_queue_may_stand_still(trains, service, clock):
    tells(service, trains, position=3)
    clock.at += HOUR
    trains._session.watch.read()
    assert (trains.run.position, trains.run.last_seen) == (3, None)


# -- fresh credentials --------------------------------------------------------------------------


def renewed(service: FakeService) -> FakeService:
    """Return another client of the same service, which works."""
    client = FakeService(is_local=service.is_local)
    client.origin, client.project_id = service.origin, service.project_id
    client.models, client.assets, client.jobs = service.models, service.assets, service.jobs
    return client


def tell(client: FakeService) -> None:
    """Do what `connect` does with a client once it has it."""
    for hear in list(connecting.told):
        hear(client)


def test_an_open_training_goes_on_with_a_new_connection_at_once(trains, service, runner):
    service.before["get_model"] = expired
    runner.advance(HOUR)
    assert trains.state.problem
    client = renewed(service)
    tell(client)
    runner.advance(0)
    assert client.count("get_model") == 1
    assert trains.state.problem == ""
    client.finish(trains.model_id)
    runner.advance(1)
    assert trains.status == "trained"
    asked = service.count("get_model")
    trains.refresh()
    trains.estimate()
    assert service.count("get_model") == asked


def test_a_wait_with_an_expired_token_goes_on_with_another_kernels_login(
    trains, service, by_the_clock, monkeypatch
):
    client, logins = renewed(service), [None, None]
    client.finish(trains.model_id)

    def look() -> None:
        if logins:
            logins.pop()
        else:
            tell(client)

    monkeypatch.setattr(connecting, "look_for_login", look)
    service.before["get_model"] = expired
    assert trains.wait().status == "trained"
    assert client.count("get_model") > 0


def test_what_could_not_be_sent_goes_with_a_new_connection(opened, service, runner, icons):
    training = opened()
    service.before["get_model"] = expired
    training.add_images(icons)
    runner.advance(HOUR)
    assert training.state.sync.phase == "failed"
    tell(renewed(service))
    runner.advance(2)
    assert training.images["state"].tolist() == ["saved"] * 4


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize(
    ("origin", "project"), [("https://other.test/v1", "proj_1"), (None, "proj_2")]
)
def test_a_connection_to_another_service_or_project_moves_nothing(
    opened, service, is_local, origin, project
):
    service.is_local, service.project_id = is_local, "proj_1"
    training = opened()
    client = renewed(service)
    client.origin, client.project_id = origin or service.origin, project
    tell(client)
    training.refresh()
    assert client.calls == []


def test_a_key_that_does_not_reach_the_model_is_another_projects(opened, service):
    service.is_local = False  # a key says nothing of its project
    training = opened()
    client = renewed(service)
    client.models = {}
    tell(client)
    training.refresh()
    assert client.calls == ["get_model"]
    client.models = service.models
    tell(client)
    reads = service.count("get_model")
    training.refresh()
    assert service.count("get_model") == reads


def test_connecting_tells_open_trainings(opened, tmp_path):
    first = connecting.connect("local", data_dir=tmp_path / "local")
    training = Training.open("icons", type="flux.2-dev-lora")
    first.close()
    with pytest.raises(ServiceUnreachable):
        training.refresh()
    connecting.connect("local", data_dir=tmp_path / "local")
    training.refresh()
    connecting.connect("local", data_dir=tmp_path / "other")
    training.refresh()


# -- a newer version on the same home -----------------------------------------------------------


def newer(name: str, table: str) -> None:
    """Do to a file what a newer version would that was installed meanwhile."""
    path = home() / name
    with sqlite3.connect(path) as connection:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN tomorrow TEXT NOT NULL DEFAULT ''")
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def test_beside_a_newer_journal_runs_are_followed_and_stopped(trains, service, by_the_clock):
    newer("journal.sqlite3", "intents")
    run_id = trains.run.run_id if trains.run else ""
    trains.refresh()
    assert (trains.run.run_id, trains.status) == (run_id, "training")
    trains.stop()
    assert service.count("cancel_training") == 1
    assert trains.status == "training-canceled"
    assert "Restart this kernel" in trains.state.problem
    assert trains.wait().status == "training-canceled"


def test_without_the_journal_a_run_is_followed_and_stopped(trains, service):
    (home() / "journal.sqlite3").unlink()
    assert trains._session.watch.read().status == "training"
    trains.stop()
    assert service.count("cancel_training") == 1
    assert trains.status == "training-canceled"
    assert "journal.sqlite3 is gone" in trains.state.problem


def test_beside_a_newer_journal_nothing_is_bought(training, service):
    newer("journal.sqlite3", "intents")
    with pytest.raises(StoreError, match=r"newer phoenix-nbtrain.*Restart this kernel"):
        training.start()
    assert service.launches == []


def test_beside_newer_drafts_nothing_is_written(opened, service, icons):
    training = opened(images=icons)
    newer("drafts.sqlite3", "drafts")
    before = (home() / "drafts.sqlite3").read_bytes()
    with pytest.raises(StoreError, match=r"newer phoenix-nbtrain.*Restart this kernel"):
        training.add_images(icons)
    assert len(training.images) == 4
    assert (home() / "drafts.sqlite3").read_bytes() == before
