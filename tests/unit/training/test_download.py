"""Weights are bought once, knowingly, and fetched as often as a cell is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_service import FakeService
from training_types import Opened

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import InputError, PriceNotAccepted, ServiceUnreachable
from phoenix_nbtrain.records import Download, Epoch
from phoenix_nbtrain.training.training import Training


@pytest.fixture
def service() -> FakeService:
    return FakeService()  # a hosted one: downloads cost money


@pytest.fixture
def trained(opened: Opened, service: FakeService, icons: Path) -> Training:
    training = opened()
    training.add_images(icons)
    training.start(max_cost=2000)
    service.finish(training.model_id)
    training.refresh()
    return training


def test_a_script_says_what_it_may_cost_and_pays_once(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(PriceNotAccepted, match=r"costs 5 CU.*training\.download\(max_cost=5\)"):
        trained.download(tmp_path)
    path = trained.download(tmp_path, max_cost=5)
    assert path.name == f"icons-{trained.model.job_id}.safetensors"
    assert path.read_bytes().startswith(b"weights of")
    path.unlink()
    for _ in range(2):  # the cell is run again, with the file gone and with it there
        assert trained.download(tmp_path, max_cost=5) == path
    assert service.downloads == [None]
    assert not list(tmp_path.glob(".downloading-*"))


def test_a_file_in_the_way_is_left_alone_and_nothing_is_bought(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    other = tmp_path / "mine.safetensors"
    other.write_bytes(b"somebody's own")
    with pytest.raises(InputError, match="exists already"):
        trained.download(other, max_cost=5)
    trained.download(tmp_path / "new.safetensors", max_cost=5)
    with pytest.raises(InputError, match="other content"):
        trained.download(other, max_cost=5)
    assert other.read_bytes() == b"somebody's own"
    assert service.downloads == [None]


def test_only_a_trained_model_has_weights(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the model is new"):
        opened().download(tmp_path, max_cost=5)


def test_a_fetch_that_breaks_is_done_again_without_paying(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    def broken() -> None:
        raise ServiceUnreachable("Reset.", sent=True)

    service.before["fetch_to"] = broken
    with pytest.raises(ServiceUnreachable):
        trained.download(tmp_path, max_cost=5)
    assert not list(tmp_path.glob("*.safetensors"))
    service.before.clear()
    assert trained.download(tmp_path, max_cost=5).exists()
    assert service.downloads == [None]


def test_one_that_the_service_forgot_is_bought_again_only_when_asked(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    trained.download(tmp_path, max_cost=5).unlink()
    service.weights.clear()
    with pytest.raises(InputError, match=r"forgotten.*again=True"):
        trained.download(tmp_path, max_cost=5)
    trained.download(tmp_path, max_cost=5, again=True)
    assert service.downloads == [None, None]


def test_weights_that_were_bought_are_fetched_although_another_run_was_stopped_since(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    path = trained.download(tmp_path, max_cost=5)
    content = path.read_bytes()
    path.unlink()
    trained.start(max_cost=2000, again=True)
    trained.stop()
    assert trained.status == "training-canceled"
    again = trained.download(tmp_path, max_cost=5)
    assert (again, again.read_bytes()) == (path, content)
    assert service.downloads == [None]


def test_the_last_epoch_and_the_models_own_weights_are_one_purchase(
    trained: Training, service: FakeService, tmp_path: Path
) -> None:
    model = service.models[trained.model_id]
    epochs = (Epoch(epoch="1"), Epoch(epoch="10"), Epoch(epoch="2"))
    service.models[model.id] = replace(model, epochs=epochs)
    trained.download(tmp_path, max_cost=5)
    trained.download(tmp_path, epoch=10, max_cost=5)
    assert service.downloads == [None]
    trained.download(tmp_path, epoch=2, max_cost=5)
    assert service.downloads == [None, "2"]


def test_a_file_that_cannot_be_written_says_so(trained: Training, service: FakeService) -> None:
    with pytest.raises(InputError, match="Name another file"):
        trained.download("/proc/weights.safetensors", max_cost=5)
    with pytest.raises(InputError, match="Give a file"):
        trained.download(5, max_cost=5)  # type: ignore[arg-type]  # the point


def test_a_file_that_is_not_made_in_time_is_asked_for_again_and_bought_once(
    trained: Training, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = Download(job_id="", status="in-progress", url="")
    with monkeypatch.context() as slow:
        slow.setattr(service, "get_download", lambda _: making)
        with pytest.raises(nbt.NotReady, match=r"not ready after 0 s.*bought once") as caught:
            trained.download(tmp_path, max_cost=5, timeout=0)
        assert isinstance(caught.value, TimeoutError)
    assert trained.download(tmp_path, max_cost=5).exists()
    assert service.downloads == [None]
