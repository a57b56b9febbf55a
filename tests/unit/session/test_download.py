"""Weights are bought once, knowingly, and fetched as often as a cell is run."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_service import FakeService, lost

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import (
    InputError,
    NotReady,
    PriceNotAccepted,
    ServiceUnreachable,
    StoreError,
)
from phoenix_nbtrain.records import Download, Epoch
from phoenix_nbtrain.store.journal import IntentState, Journal
from phoenix_nbtrain.training import Training


@pytest.fixture
def service() -> FakeService:
    return FakeService()  # a hosted one: downloads cost money


@pytest.fixture
def trained(opened, service, icons) -> Training:
    training = opened(images=icons)
    training.start(max_cost=2000)
    service.finish(training.model_id)
    training.refresh()
    return training


def test_a_script_says_what_it_may_cost_and_pays_once(trained, service, tmp_path):
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


def test_what_is_bought_is_fetched_though_its_end_cannot_be_noted_down(
    trained, tmp_path, monkeypatch
):
    move = Journal.move

    def full(journal: Journal, intent_id: str, to: IntentState, **more: Any) -> bool:
        if to == "delivered":
            raise StoreError("The disk is full.", remedy="Free up space there.")
        return move(journal, intent_id, to, **more)

    monkeypatch.setattr(Journal, "move", full)
    assert trained.download(tmp_path, max_cost=5).read_bytes().startswith(b"weights of")


def test_another_cost_than_was_accepted_is_a_warning(trained, service, tmp_path):
    trigger = service.trigger_download
    service.trigger_download = lambda *a, **k: replace(trigger(*a, **k), cost=Decimal(6))
    with pytest.warns(UserWarning, match=r"for 6 .*CU, not for the 5 ") as told:
        trained.download(tmp_path, max_cost=5)
    assert told[0].filename == __file__
    trained.download(tmp_path, max_cost=5)  # there already: no news
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for name in ("one", "two"):  # one line, as in a cell that is run again
            trained.download(tmp_path / name, max_cost=5, again=True)
    assert [warning.filename for warning in told] == [__file__] * 2


def test_a_file_in_the_way_is_left_alone_and_nothing_is_bought(trained, service, tmp_path):
    other = tmp_path / "mine.safetensors"
    other.write_bytes(b"somebody's own")
    with pytest.raises(InputError, match="already exists"):
        trained.download(other, max_cost=5)
    trained.download(tmp_path / "new.safetensors", max_cost=5)
    with pytest.raises(InputError, match="different content"):
        trained.download(other, max_cost=5)
    assert other.read_bytes() == b"somebody's own"
    assert service.downloads == [None]


def test_only_a_trained_model_has_weights(opened, tmp_path):
    with pytest.raises(InputError, match=r"no weights yet\. Run training\.start\(\) first"):
        opened().download(tmp_path, max_cost=5)


def test_a_model_whose_only_run_was_stopped_has_none(opened, service, icons, tmp_path):
    training = opened(images=icons)
    training.start(max_cost=2000)
    words = r"returned no weights: This model is not trained\. training\.start\(\) trains"
    for end in ("while it runs", "stopped"):
        if end == "stopped":
            training.stop()
        with pytest.raises(InputError, match=words):
            training.download(tmp_path, max_cost=5)
        with pytest.raises(InputError, match=words):
            training.estimate_download()
    assert service.count("trigger_download") == 0


def test_a_fetch_that_breaks_is_done_again_without_paying(trained, service, tmp_path):
    service.before["fetch_to"] = lost
    with pytest.raises(ServiceUnreachable):
        trained.download(tmp_path, max_cost=5)
    assert not list(tmp_path.glob("*.safetensors"))
    service.before.clear()
    assert trained.download(tmp_path, max_cost=5).exists()
    assert service.downloads == [None]


def test_one_that_the_service_forgot_is_bought_again_only_when_asked(trained, service, tmp_path):
    trained.download(tmp_path, max_cost=5).unlink()
    service.weights.clear()
    with pytest.raises(InputError, match=r"no longer has.*again=True"):
        trained.download(tmp_path, max_cost=5)
    trained.download(tmp_path, max_cost=5, again=True)
    assert service.downloads == [None, None]


def test_weights_that_were_bought_are_fetched_although_another_run_was_stopped_since(
    trained, service, tmp_path
):
    path = trained.download(tmp_path, max_cost=5)
    content = path.read_bytes()
    path.unlink()
    trained.start(max_cost=2000, again=True)
    trained.stop()
    assert trained.status == "training-canceled"
    again = trained.download(tmp_path, max_cost=5)
    assert (again, again.read_bytes()) == (path, content)
    assert service.downloads == [None]


@pytest.mark.parametrize("end", ["training-canceled", "failed", "training"])
def test_weights_that_were_not_bought_before_the_next_run_are_bought_as_the_service_holds_them(
    trained, service, tmp_path, end
):
    first = trained.model.job_id
    trained.start(max_cost=2000, again=True)
    if end != "training":
        service.finish(trained.model_id, end)
    what = "the model's weights as the service holds them"
    estimate = trained.estimate_download()
    assert repr(estimate) == f"<Estimate: 5 CU for {what}>"
    words = (
        rf"The download of {what} costs 5 CU, which was not "
        r"accepted.*training\.download\(max_cost=5\)$"
    )
    with pytest.raises(PriceNotAccepted, match=words):
        trained.download(tmp_path)
    assert service.downloads == []
    path = trained.download(tmp_path, max_cost=5)
    # Neither the service nor the journal tells which run they are of.
    assert path.name == f"icons-{trained.model_id[-6:]}.safetensors"
    assert path.read_bytes() == f"weights of {first}, epoch None".encode()
    path.unlink()
    assert trained.download(tmp_path) == path
    if end != "training":
        trained.start(max_cost=2000, again=True)
        trained.stop()
    assert trained.download(tmp_path) == path
    assert service.downloads == [None]
    assert trained.download(tmp_path / "new.safetensors", max_cost=5, again=True).exists()
    assert service.downloads == [None, None]


def test_weights_bought_of_an_older_run_do_not_stand_for_those_of_a_later_one(
    trained, service, tmp_path
):
    older = trained.download(tmp_path, max_cost=5)
    trained.start(max_cost=2000, again=True)
    service.finish(trained.model_id)
    trained.refresh()
    later = str(trained.model.job_id)
    trained.start(max_cost=2000, again=True)
    trained.stop()
    with pytest.raises(PriceNotAccepted, match="as the service holds them"):
        trained.download(tmp_path)
    path = trained.download(tmp_path, max_cost=5)
    assert path != older
    assert later.encode() in path.read_bytes()
    assert service.downloads == [None, None]


def test_weights_bought_while_a_run_went_on_do_not_stand_for_those_it_made(
    trained, service, tmp_path
):
    trained.start(max_cost=2000, again=True)
    trained.download(tmp_path / "of-the-first.safetensors", max_cost=5)
    later = str(service.finish(trained.model_id).job_id)
    trained.refresh()
    trained.start(max_cost=2000, again=True)
    trained.stop()
    path = tmp_path / "now.safetensors"
    with pytest.raises(PriceNotAccepted, match="as the service holds them"):
        trained.download(path)
    trained.download(path, max_cost=5)
    assert later.encode() in path.read_bytes()
    assert service.downloads == [None, None]


@pytest.mark.parametrize("here", [True, False], ids=["launched here", "launched elsewhere"])
def test_weights_bought_of_an_older_run_do_not_stand_for_those_of_a_run_that_nobody_watched(
    trained, service, tmp_path, here
):
    trained.download(tmp_path / "older.safetensors", max_cost=5)
    if here:
        trained.start(max_cost=2000, again=True)
    else:
        service.trigger_training(trained.model_id, {})
    model = service.finish(trained.model_id)
    # Other weights of that run are bought, and no read in between.
    service.models[model.id] = replace(model, epochs=(Epoch(epoch="1"), Epoch(epoch="2")))
    trained.download(tmp_path / "first.safetensors", epoch=1, max_cost=5)
    service.trigger_training(trained.model_id, {})
    service.finish(trained.model_id, "failed")
    path = trained.download(tmp_path / "now.safetensors", max_cost=5)
    assert str(model.job_id).encode() in path.read_bytes()
    assert service.downloads == [None, "1", None]


def test_a_run_found_on_the_service_only_after_its_weights_were_bought_is_no_later_one(
    trained, service, tmp_path
):
    service.trigger_training(trained.model_id, {})  # from another computer
    run = str(service.finish(trained.model_id).job_id)
    path = trained.download(tmp_path, max_cost=5)
    assert path.name == f"icons-{run[-6:]}.safetensors"
    trained.refresh()  # and only now it is written down
    trained.start(max_cost=2000, again=True)
    trained.stop()
    assert trained.download(tmp_path) == path
    assert service.downloads == [None]


def test_an_epoch_of_weights_held_is_asked_for_by_its_number(trained, service, tmp_path):
    trained.start(max_cost=2000, again=True)
    trained.stop()
    model = service.models[trained.model_id]
    # Of the run that was stopped; the weights are another's.
    service.models[model.id] = replace(model, epochs=(Epoch(epoch="1"),))
    with pytest.raises(PriceNotAccepted, match=r"training\.download\(epoch=2, max_cost=5\)$"):
        trained.download(tmp_path, epoch=2)
    trained.download(tmp_path, epoch=2, max_cost=5)
    trained.download(tmp_path, max_cost=5)
    trained.download(tmp_path, epoch=1, max_cost=5)
    assert service.downloads == ["2", None, "1"]
    with pytest.raises(InputError, match=r"Epoch \.\./x has no weights"):
        trained.download(tmp_path, epoch="../x", max_cost=5)


def test_one_that_is_still_being_made_is_not_given_out_as_another(trained, service, tmp_path):
    model = service.models[trained.model_id]
    service.models[model.id] = replace(model, epochs=(Epoch(epoch="1"), Epoch(epoch="2")))
    service.before["get_download"] = NotReady("Not made.")
    service.job_status = "in-progress"
    with pytest.raises(NotReady):
        trained.download(tmp_path, epoch=1, max_cost=5)
    service.before.clear()
    with pytest.raises(InputError, match="Another download of this model is still being prepared"):
        trained.download(tmp_path, epoch=2, max_cost=5)
    assert service.downloads == ["1"]
    assert b"epoch 1" in trained.download(tmp_path, epoch=1).read_bytes()
    service.jobs = {key: replace(job, status="success") for key, job in service.jobs.items()}
    assert b"epoch 2" in trained.download(tmp_path, epoch=2, max_cost=5).read_bytes()


@pytest.mark.parametrize("end", {"/", os.sep})
def test_a_path_that_ends_in_a_slash_is_a_folder(trained, service, tmp_path, monkeypatch, end):
    monkeypatch.chdir(tmp_path)
    loras = tmp_path / "loras"
    with pytest.raises(PriceNotAccepted):
        trained.download(f"{loras}{end}")
    assert not loras.exists()
    path = trained.download(f"{loras}{end}", max_cost=5)
    assert path == loras / f"icons-{trained.model.job_id}.safetensors"
    assert trained.download(f"{loras}{end}") == path
    with pytest.raises(InputError, match=r"There is no folder deep\. Create it first"):
        trained.download(f"deep/deeper{end}", max_cost=5)
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"^file is a file, not a folder"):
        trained.download(f"file{end}", max_cost=5)
    assert service.downloads == [None]


def test_a_folder_is_meant_from_where_the_notebook_is(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = trained.download("loras/", max_cost=5)
    assert path.parent == tmp_path / "loras"
    assert trained.download("./", max_cost=5).parent == tmp_path


def test_the_last_epoch_and_the_models_own_weights_are_one_purchase(trained, service, tmp_path):
    model = service.models[trained.model_id]
    epochs = (Epoch(epoch="1"), Epoch(epoch="10"), Epoch(epoch="2"))
    service.models[model.id] = replace(model, epochs=epochs)
    trained.download(tmp_path, max_cost=5)
    trained.download(tmp_path, epoch=10, max_cost=5)
    assert service.downloads == [None]
    trained.download(tmp_path, epoch=2, max_cost=5)
    assert service.downloads == [None, "2"]


def test_a_file_that_cannot_be_written_says_so(trained, service):
    with pytest.raises(InputError, match="Name another file"):
        trained.download("/proc/weights.safetensors", max_cost=5)
    with pytest.raises(InputError, match="Give a file"):
        trained.download(5, max_cost=5)


def test_a_file_that_is_not_made_in_time_is_asked_for_again_and_bought_once(
    trained, service, tmp_path, monkeypatch
):
    making = Download(job_id="", status="in-progress", url="")
    with monkeypatch.context() as slow:
        slow.setattr(service, "get_download", lambda _: making)
        with pytest.raises(
            nbt.NotReady, match=r"not ready after 0 s.*you won't pay twice"
        ) as caught:
            trained.download(tmp_path, max_cost=5, timeout=0)
        assert isinstance(caught.value, TimeoutError)
    assert trained.download(tmp_path, max_cost=5).exists()
    assert service.downloads == [None]


def test_an_outage_while_the_file_is_made_is_waited_out(trained, service, tmp_path, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(trained._session.weights, "_sleep", waited.append)

    def away() -> None:
        if len(waited) < 3:
            raise ServiceUnreachable("Reset.", sent=True)

    service.before["get_download"] = away
    assert trained.download(tmp_path, max_cost=5).exists()
    assert (len(waited), service.downloads) == (3, [None])
    waited.clear()
    service.before["get_download"] = lambda: away() if not waited else None
    with pytest.raises(ServiceUnreachable):
        trained.download(tmp_path / "again.safetensors", timeout=0)
