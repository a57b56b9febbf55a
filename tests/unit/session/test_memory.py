"""This computer's memory is gone, or never was: what the service shows is what counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clocks import launches_by
from fake_service import FakeService, down, lost

from phoenix_nbtrain.errors import LaunchUncertain, ModelNameTaken, ServiceUnreachable
from phoenix_nbtrain.home import home
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.overview import runs
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training


@pytest.fixture
def service() -> FakeService:
    return FakeService()


def cells(service: FakeService, runner: InlineRunner, icons: Path, model_id: str) -> Training:
    """Run what a notebook holds, in a kernel that was just started."""
    _here.clear()
    training = Training.open(model_id=model_id, client=service, runner=runner)
    training.add_images(icons)
    training.set_captions(lambda row: f"a drawing of {row.name}")
    training.start(max_cost=2000)
    return training


@pytest.mark.parametrize("ended", [False, True], ids=["running", "trained"])
def test_all_cells_run_again_after_the_data_folder_was_deleted_buy_nothing(
    opened, service, runner, icons, ended
):
    model_id = opened().model_id
    first = cells(service, runner, icons, model_id)
    if ended:
        service.finish(model_id)
    shutil.rmtree(home())
    second = cells(service, runner, icons, model_id)
    assert second is not first
    assert len(service.launches) == 1
    assert second.launched_before
    assert "ot bought again" in second.state.launch.message
    assert max(service.sent.values()) == 1
    assert len(second.images) == len(first.images)


def test_opening_by_name_stops_at_the_model_that_is_there(opened, service):
    model_id = opened().model_id
    shutil.rmtree(home())
    with pytest.raises(ModelNameTaken, match=model_id):
        opened(again=True)
    assert service.count("create_model") == 1


def test_runs_tells_of_both_what_was_launched_here_and_what_only_models_show(
    opened, service, runner, icons
):
    here = cells(service, runner, icons, opened().model_id)
    theirs = service.create_model(name="theirs", type="flux.2-dev-lora")
    service.trigger_training(theirs.id, {})
    frame = runs(service)
    assert list(frame["model_id"]) == [here.model_id, theirs.id]
    assert list(frame["status"]) == ["running", "training"]
    assert list(frame["checked"]) == ["just now", "just now"]
    assert frame.iloc[0]["cost"] == 1080
    service.finish(here.model_id)
    assert list(runs(service)["status"]) == ["trained", "training"]
    assert list(runs(service)["checked"]) == ["just now", "just now"]


def test_runs_says_what_it_last_saw_where_the_service_does_not_answer(
    opened, service, runner, icons
):
    cells(service, runner, icons, opened().model_id)
    service.before.update(get_model=down, list_models=down)
    (checked,) = runs(service)["checked"]
    assert checked.startswith("last seen ")


def test_runs_raises_where_neither_the_service_nor_this_computer_tells(service):
    service.before.update(list_models=down)
    with pytest.raises(ServiceUnreachable):
        runs(service)


def test_a_launch_that_left_no_trace_is_told_with_its_evidence(opened, service, runner, icons):
    training = opened()
    clock = launches_by(training)
    training.add_images(icons)
    service.before["trigger_training"] = lost
    with pytest.raises(LaunchUncertain):
        training.start(max_cost=2000)
    service.before.clear()
    assert training.state.launch.phase == "uncertain"
    for _ in range(60):  # nobody does anything: the watch reads by itself
        clock.pass_(5)
        runner.advance(5)
    assert training.state.launch.phase == "refused"
    assert "appears not to have run" in training.state.launch.message
    assert "show it as before: new, no job" in training.state.launch.message
    with pytest.raises(LaunchUncertain):
        training.start(max_cost=2000)
    training.start(max_cost=2000, again=True)
    assert len(service.launches) == 1
