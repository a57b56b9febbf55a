"""Trained weights, taken away: priced, bought once, and loaded by what others use."""

from __future__ import annotations

import json
import shutil

import httpx
import pytest
from safetensors import safe_open
from wire import Wire, answering, in_turn

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import InputError, ServiceUnreachable
from phoenix_nbtrain.home import home


def test_weights_of_the_run_and_of_an_epoch(icons, tmp_path):
    client = nbt.connect("local")
    training = nbt.Training.open("taken away", type="flux.2-dev-lora")
    training.add_images(icons)
    training.update_config(
        {"epochs": 2, "repeats": 1, "seed": 3, "sample_prompts": ["a key"], "rank": 4}
    )
    training.start()
    training.wait(60)
    price = training.estimate_download()
    assert price.unit == "simulated CU"
    path = training.download(tmp_path)
    run = str(training.model.job_id)[-6:]
    assert path.name == f"taken-away-{run}.safetensors"
    with safe_open(path, "numpy") as file:
        assert file.get_tensor("A").shape[1] == 4
        about = json.loads(file.metadata()["phoenix-nbtrain"])
        assert about["config"]["seed"] == 3
    first = training.download(tmp_path, epoch=1)
    assert first.name == f"taken-away-{run}-epoch-1.safetensors"
    assert first.read_bytes() != path.read_bytes()
    with pytest.raises(InputError, match="Epoch 7 has no weights"):
        training.download(tmp_path, epoch=7)
    path.unlink()
    training.download(tmp_path)  # the cell again
    paid = [job for job in client.list_jobs() if job.type == "model-download"]
    assert len(paid) == 2
    assert {job.cost for job in paid} == {price.amount}
    frame = nbt.runs()
    assert list(frame["what"]) == ["download", "download", "training"]
    assert list(frame["status"]) == ["delivered", "delivered", "trained"]


def test_weights_of_the_run_before_one_that_was_stopped(icons, tmp_path):
    client = nbt.connect("local")
    training = nbt.Training.open("stopped since", type="flux.2-dev-lora")
    training.add_images(icons)
    training.update_config({"epochs": 1, "repeats": 1, "seed": 3})
    training.start()
    training.wait(60)
    first = str(training.model.job_id)
    training.update_config({"epochs": 100, "repeats": 100, "seed": 4})
    training.start()
    training.stop()
    training.wait(60)
    assert training.status == "training-canceled"
    path = training.download(f"{tmp_path}/loras/")
    assert path.parent == tmp_path / "loras"
    assert first[-6:] not in path.name, "nothing states which run they are of"
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["phoenix-nbtrain"])["config"]["seed"] == 3
    assert training.download(f"{tmp_path}/loras/") == path
    with pytest.raises(
        InputError, match=r"no weights of epoch 7: .*not an epoch of this model\. dow"
    ):
        training.download(tmp_path, epoch=7)
    shutil.rmtree(home() / "local" / "runs")
    with pytest.raises(InputError, match=r"gone from the data folder\. training\.start\(\) trains"):
        training.download(tmp_path, again=True)
    assert sum(job.type == "model-download" for job in client.list_jobs()) == 1


def test_an_address_that_stands_in_the_job_is_found_there():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/assets/download/"):
            return httpx.Response(404, json={"reason": "not found"})
        output = {"downloadUrl": "https://cdn.test/weights"}
        job = {"jobId": "job_1", "status": "success", "metadata": {"output": output}}
        return httpx.Response(200, json={"job": job})

    found = Wire(answer).phoenix.get_download("job_1")
    assert (found.status, found.url) == ("success", "https://cdn.test/weights")
    assert "cdn.test" not in repr(found)


def test_a_file_that_breaks_off_is_fetched_whole_the_next_time(tmp_path):
    class Broken(httpx.SyncByteStream):
        def __iter__(self):
            yield b"half"
            raise httpx.ReadError("reset")

    wire = in_turn(httpx.Response(200, stream=Broken()), httpx.Response(200, content=b"the whole"))
    path = tmp_path / "weights"
    assert wire.phoenix.fetch_to("https://cdn.test/w?signature=s3cret", path) == 9
    assert path.read_bytes() == b"the whole"


def test_a_refusal_is_no_file(tmp_path):
    client = answering(403, text="<h1>expired</h1>").phoenix
    with pytest.raises(Exception, match="403"):
        client.fetch_to("https://cdn.test/w", tmp_path / "weights")
    assert (tmp_path / "weights").read_bytes() == b""
    with pytest.raises(ServiceUnreachable, match="not https"):
        client.fetch_to("http://cdn.test/w", tmp_path / "weights")
