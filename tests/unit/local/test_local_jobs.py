"""The list of jobs, and the weights that a job hands out, over the wire."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest
from safetensors.numpy import load
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.local.rows import end_job, job_row
from phoenix_nbtrain.local.worker import work_off

QUICK = {"nbEpochs": 2, "nbRepeats": 1, "rank": 4}


def ids(phoenix: Phoenix, query: str = "") -> list[str]:
    return [job["jobId"] for job in phoenix.ok("GET", f"/jobs?{query}")["jobs"]]


@pytest.fixture
def trained(phoenix) -> str:
    """A trained model with two epochs."""
    model_id = phoenix.style_set(2)
    phoenix.launch(model_id, **QUICK, samplePrompts=["a box"])
    work_off(phoenix.store)
    assert phoenix.read(model_id)["status"] == "trained"
    return model_id


def test_the_list_is_narrowed_by_status_and_types(phoenix):
    flux = phoenix.ok("POST", "/models", {"type": "flux.1-lora"})["model"]["id"]
    phoenix.attach(flux, phoenix.upload(drawing()))
    first, second = phoenix.launch(flux), phoenix.launch(phoenix.style_set(1))
    time.sleep(0.002)  # times are in milliseconds
    phoenix.ok("POST", f"/models/{flux}/train/action", {"action": "cancel"})
    assert ids(phoenix, "status=canceled") == [first]
    assert ids(phoenix, "status=pending") == [second]
    assert ids(phoenix, "type=flux-model-training") == [first]
    # Sorted by their last change here, and "type" is not looked at beside "types".
    both = "types=musubi-model-training,flux-model-training"
    assert ids(phoenix, f"{both}&type=inference") == [first, second]
    assert ids(phoenix, f"{both}&status=pending") == [second]
    for none in ("type=inference", "workflowId=w", "authorId=somebody"):
        assert ids(phoenix, none) == []


def test_dates_narrow_the_list_each_where_the_service_takes_it(phoenix):
    job_id = phoenix.launch(phoenix.style_set(1))
    before, after = "2020-01-01", "2100-01-01T00:00:00%2B02:00"
    assert ids(phoenix, f"createdAfter={before}") == [job_id]
    assert ids(phoenix, f"createdAfter={after}") == []
    assert ids(phoenix, f"status=pending&updatedAfter={before}") == [job_id]
    assert ids(phoenix, f"status=pending&updatedAfter={after}") == []
    for query in (
        f"status=pending&createdAfter={before}",
        f"types=musubi-model-training&createdAfter={before}",
        f"updatedAfter={before}",
        "createdAfter=yesterday",
    ):
        status, reply = phoenix.send("GET", f"/jobs?{query}")
        assert status == 400, query
        assert 0 < len(reply["reason"]) <= 200


@pytest.mark.parametrize(
    "query",
    [
        *("pageSize=0", "pageSize=101", "pageSize=x", "pageSize=-1", "paginationToken=x"),
        *("status=done", "type=model-download", "types=flux-model-training,model-import"),
    ],
)
def test_what_a_list_of_jobs_cannot_be_narrowed_to_is_refused(phoenix, query):
    status, reply = phoenix.send("GET", f"/jobs?{query}")
    assert status == 400
    assert list(reply) == ["reason"]


def test_a_training_is_not_canceled_as_a_job(phoenix):
    job_id = phoenix.launch(phoenix.style_set(1))
    refused = phoenix.send("POST", f"/jobs/{job_id}/action", {"action": "cancel"})
    reason = "Cannot cancel this type of job. Action not permitted."
    assert refused == (400, {"reason": reason})
    assert phoenix.job(job_id)["status"] == "pending"
    assert phoenix.send("POST", "/jobs/job_x/action", {"action": "cancel"})[0] == 404


# -- weights -------------------------------------------------------------------------------------


def downloaded(phoenix: Phoenix, model_id: str, **body: str) -> bytes:
    job_id = phoenix.ok("POST", f"/models/{model_id}/download", body)["jobId"]
    found = phoenix.ok("GET", f"/assets/download/{job_id}")
    assert found.keys() == {"jobId", "jobStatus", "downloadUrl"}
    assert (found["jobId"], found["jobStatus"]) == (job_id, "success")
    reply = phoenix.fetch(found["downloadUrl"])
    assert reply.status_code == 200
    assert reply.headers["Content-Disposition"].startswith(f'attachment; filename="{model_id}')
    content: bytes = reply.data
    assert load(content)
    return content


def test_a_download_is_quoted_before_it_is_bought(phoenix, trained):
    phoenix.set(balance=Decimal(8), discount=Decimal("0.1"))
    path = f"/models/{trained}/download"
    quote = phoenix.ok("POST", f"{path}?dryRun=true", status=269)
    assert quote == {
        "creativeUnitsCost": 4.5,
        "creativeUnitsDiscount": 0.5,
        "costDetails": {"model-download": 4.5},
    }
    assert len(ids(phoenix)) == 1
    assert phoenix.settings.balance == 8
    reply = phoenix.ok("POST", path)
    assert reply.keys() == {"jobId"}
    job = phoenix.job(reply["jobId"])
    assert (job["jobType"], job["status"], job["progress"]) == ("model-download", "success", 1)
    assert job["billing"] == {"cuCost": 4.5, "cuDiscount": 0.5}
    assert phoenix.settings.balance == Decimal("3.5")
    assert phoenix.send("POST", path) == (402, {"reason": "Not enough creative units"})
    assert phoenix.send("POST", f"{path}?dryRun=false")[0] == 400
    assert len(ids(phoenix)) == 2


def test_the_weights_are_the_epochs_that_is_asked_for(phoenix, trained):
    run: Path = phoenix.store.run_dir(phoenix.read(trained)["jobId"])
    first, last = (
        (run / name).read_bytes()
        for name in ("adapter-epoch-0001.safetensors", "adapter.safetensors")
    )
    assert first != last
    assert downloaded(phoenix, trained) == last
    assert downloaded(phoenix, trained, modelEpoch="1") == first
    status, reply = phoenix.send("POST", f"/models/{trained}/download", {"modelEpoch": "3"})
    assert (status, "not an epoch" in reply["reason"]) == (400, True)


def test_without_being_asked_the_weights_are_the_chosen_epochs(phoenix):
    model_id = phoenix.style_set(2)
    phoenix.ok("PUT", f"/models/{model_id}", {"type": "flux.1-lora"})
    phoenix.launch(model_id, **QUICK, samplePrompts=["a box"])
    work_off(phoenix.store)
    last = downloaded(phoenix, model_id)
    chosen = phoenix.ok("PUT", f"/models/{model_id}", {"epoch": "1"})["model"]
    assert chosen["epoch"] == "1"
    assert downloaded(phoenix, model_id) != last
    unset = phoenix.ok("PUT", f"/models/{model_id}", {"epoch": None})["model"]
    assert "epoch" not in unset
    assert downloaded(phoenix, model_id) == last


def test_the_address_of_weights_opens_nothing_else(phoenix, trained):
    first, second = (phoenix.ok("POST", f"/models/{trained}/download")["jobId"] for _ in range(2))
    url = phoenix.ok("GET", f"/assets/download/{first}")["downloadUrl"]
    for changed in (
        url.replace(first, second),
        url.partition("?")[0],
        url.replace("/downloads/", "/assets/"),
        url.replace("/downloads/", "/uploads/"),
    ):
        assert phoenix.fetch(changed).status_code in (403, 404, 405), changed


def test_only_a_trained_model_has_weights(phoenix):
    model_id = phoenix.style_set(1)
    for query in ("", "?dryRun=true"):
        assert phoenix.send("POST", f"/models/{model_id}/download{query}")[0] == 400
    job_id = phoenix.launch(model_id)
    assert phoenix.send("POST", f"/models/{model_id}/download")[0] == 400
    assert phoenix.send("GET", f"/assets/download/{job_id}")[0] == 404
    assert phoenix.send("GET", "/assets/download/job_x")[0] == 404
    assert phoenix.send("POST", "/models/model_x/download")[0] == 404


@pytest.mark.parametrize("end", ["stopped", "failed", "running"])
def test_a_run_that_does_not_train_to_its_end_takes_no_weights_away(phoenix, trained, end):
    before = downloaded(phoenix, trained)
    first = downloaded(phoenix, trained, modelEpoch="1")
    phoenix.launch(trained, **QUICK, samplePrompts=["a box"], seed=5)
    if end == "stopped":
        phoenix.ok("POST", f"/models/{trained}/train/action", {"action": "cancel"})
    elif end == "failed":
        with phoenix.store.writing() as connection:
            job = job_row(connection, phoenix.read(trained)["jobId"])
            end_job(connection, job, "failure", error="It broke.")
    statuses = {"stopped": "training-canceled", "failed": "failed", "running": "training"}
    assert phoenix.read(trained)["status"] == statuses[end]
    quote = phoenix.ok("POST", f"/models/{trained}/download?dryRun=true", status=269)
    assert quote["costDetails"] == {"model-download": 5}
    assert downloaded(phoenix, trained) == before
    assert downloaded(phoenix, trained, modelEpoch="1") == first
    if end == "running":
        work_off(phoenix.store)
        assert downloaded(phoenix, trained) != before, "the new run's, as soon as it is trained"


def test_a_download_neither_trains_nor_cools_launches_down(phoenix, trained):
    phoenix.ok("POST", f"/models/{trained}/download")
    with phoenix.store.writing() as connection:
        # The training itself is long ago.
        connection.execute(
            "UPDATE jobs SET created_at = '2020-01-01T00:00:00.000Z' WHERE type != 'model-download'"
        )
    phoenix.set(cooldown_seconds=60.0, parallel_trainings=1)
    work_off(phoenix.store)
    assert phoenix.launch(phoenix.style_set(1))
