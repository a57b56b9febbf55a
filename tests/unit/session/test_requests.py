"""How often the service is asked: no more than what is bought, shown and kept needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_service import FakeService
from training_types import Opened

from phoenix_nbtrain.errors import PriceNotAccepted
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.training import Training


def test_open_reads_a_model_once(
    opened: Opened, service: FakeService, runner: InlineRunner, icons: Path
) -> None:
    opened().add_images(icons)
    runner.advance(5)
    for again in (False, True):
        read = service.count("get_model")
        assert len(opened(again=again).images) == 4
        runner.advance(60)
        assert service.count("get_model") == read + 1


def test_open_makes_a_model_without_reading_it(
    opened: Opened, service: FakeService, runner: InlineRunner
) -> None:
    opened()
    runner.advance(60)
    assert service.count("get_model") == 0


def test_a_run_is_watched_from_the_reading_that_open_made(
    opened: Opened, service: FakeService, runner: InlineRunner, icons: Path
) -> None:
    training = opened()
    training.add_images(icons)
    training.start()
    read = service.count("get_model")
    again = opened(again=True)
    runner.advance(0)
    assert (again.run is not None and again.run.status) == "training"
    assert service.count("get_model") == read + 1
    service.finish(again.model_id)
    runner.advance(60)
    assert again.run is not None and again.run.status == "trained"


def test_a_start_reads_the_model_three_times(
    opened: Opened, service: FakeService, runner: InlineRunner, icons: Path
) -> None:
    training = opened()
    training.add_images(icons)
    training.sync()
    read = service.count("get_model")
    training.start()
    assert service.count("get_model") == read + 3
    runner.advance(0)
    assert service.count("get_model") == read + 3, "it was read just now"
    assert len(service.launches) == 1


def test_what_the_sync_has_changed_is_read_before_it_is_bought(
    opened: Opened, service: FakeService, icons: Path
) -> None:
    training = opened()
    training.add_images(icons)
    training.sync()
    training.set_captions(lambda row: f"a {row.name}")
    read = service.count("get_model")
    training.start()
    assert service.count("get_model") == read + 4
    assert len(service.launches) == 1


def test_what_somebody_changes_after_the_sync_has_read_is_not_bought(
    opened: Opened, service: FakeService, icons: Path
) -> None:
    training = opened()
    training.add_images(icons)
    training.sync()

    def somebody() -> None:
        service.before.clear()
        model = service.get_model(training.model_id)
        service.update_asset(model.training_images[0].id, description="theirs")

    service.before["quote_training"] = somebody
    with pytest.raises(PriceNotAccepted, match="Someone changed the training set"):
        training.start()
    assert service.launches == []


def test_a_run_that_somebody_began_before_the_sync_read_is_not_bought_again(
    opened: Opened, service: FakeService, icons: Path
) -> None:
    training: Training = opened()
    training.add_images(icons)
    training.sync()
    training.start()
    again = opened(again=True)
    run = again.start()
    assert again.launched_before and run.message.startswith("Already running")
    assert len(service.launches) == 1
