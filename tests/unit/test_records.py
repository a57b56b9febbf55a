"""Replies become records: unknown things are tolerated, and no secret stays."""

from __future__ import annotations

from phoenix_nbtrain.records import (
    Asset,
    Epoch,
    Job,
    Model,
    TeamLimits,
    TrainingImage,
    TrainingProgress,
    Upload,
    projects_of_teams,
)


def test_a_key_among_the_parameters_is_in_no_record():
    model = Model.from_wire({"id": "m", "parameters": {"rank": 4, "wandbKey": "hunter2"}})
    assert dict(model.parameters) == {"rank": 4}
    assert "hunter2" not in repr(model)


def test_a_signed_address_is_in_no_repr():
    image = {"id": "asset_1", "downloadUrl": "https://cdn.test/x?signature=hunter2"}
    assert "hunter2" not in repr(Model.from_wire({"id": "m", "trainingImages": [image]}))


def test_what_a_reply_left_out_is_told_from_what_is_empty():
    model = Model.from_wire({"id": "m", "trainingImages": [], "parameters": None})
    assert model.left_out == {"trainingImagePairs", "parameters"}


def test_unknown_keys_and_statuses_are_tolerated():
    model = Model.from_wire({"id": "m", "status": "paused", "complianceMetadata": {}, "epochs": 3})
    assert (model.status, model.epochs) == ("paused", ())


def test_progress_above_one_is_percent_and_clamped():
    assert TrainingProgress.from_wire({"progress": 62}).progress == 0.62
    assert TrainingProgress.from_wire({"progress": -1}).progress == 0
    assert TrainingProgress.from_wire({"progress": float("nan")}).progress is None


def test_two_readings_are_equal_though_each_was_signed_anew():
    images = [
        TrainingImage.from_wire({"id": "a", "downloadUrl": f"https://x/?s={n}"}) for n in "12"
    ]
    assert images[0] == images[1]
    assets = [Asset.from_wire({"id": "a", "url": f"https://x/?s={n}"}) for n in "12"]
    assert assets[0] == assets[1]


def test_the_first_place_that_says_something_counts():
    assert Job.from_wire({"jobId": "job_1", "id": "other"}).id == "job_1"
    assert Job.from_wire({"jobId": None, "id": "job_2", "type": "train"}).id == "job_2"
    properties, metadata = {"width": 8, "size": None}, {"width": 9, "size": 120, "name": "a.png"}
    asset = Asset.from_wire({"id": "a", "properties": properties, "metadata": metadata})
    assert (asset.width, asset.height, asset.size, asset.name) == (8, None, 120, "a.png")
    assert Asset.from_wire({"id": "a", "name": "b.png", "metadata": 5}).name == "b.png"


def test_milliseconds_become_seconds():
    progress = TrainingProgress.from_wire({"remainingTimeMs": 1500, "startedAt": 2000})
    assert (progress.remaining_seconds, progress.started_at) == (1.5, 2.0)
    assert progress.updated_at is None


def test_a_job_tells_its_cost_its_statuses_and_what_failed():
    job = Job.from_wire(
        {
            "jobId": "j",
            "billing": {"cuCost": 10.75},
            "metadata": {"error": "no", "hint": "again", "input": {"a": 1}, "output": None},
            "statusHistory": [{"status": "queued", "date": "2026"}, 5, {"status": None}],
        }
    )
    assert str(job.cost) == "10.75"
    assert (job.error, job.hint, dict(job.input), dict(job.output)) == ("no", "again", {"a": 1}, {})
    assert job.history == (("queued", "2026"), ("", ""))


def test_a_new_model_is_called_a_draft_on_one_page_of_the_guide():
    assert Model.from_wire({"id": "m", "status": "draft"}).status == "new"


def test_images_are_counted_where_the_reply_states_no_number():
    images = [{"id": "a"}, {"id": "b"}, None]
    assert Model.from_wire({"id": "m", "trainingImages": images}).training_images_number == 2
    stated = {"id": "m", "trainingImages": images, "trainingImagesNumber": 9}
    assert Model.from_wire(stated).training_images_number == 9


def test_null_says_nothing_whatever_the_field():
    model = Model.from_wire(dict.fromkeys(("id", "name", "epoch", "jobId", "trainingProgress")))
    assert (model.id, model.epoch, model.job_id, model.progress) == ("", None, None, None)
    assert Epoch.from_wire({"epoch": None}).epoch == ""
    assert Epoch.from_wire({"epoch": 3, "assets": [{"assetId": "a"}, {}]}).asset_ids == ("a", "")
    limits = TeamLimits.from_wire({"limits": {"parallelTraining": 2}, "values": None})
    assert (limits.parallel_training, limits.creative_units) == (2, None)


def test_parts_come_in_order():
    parts = [{"number": 2, "url": "https://b"}, {"number": 1, "url": "https://a"}]
    upload = Upload.from_wire({"id": "u", "parts": parts, "entityId": "asset_1"})
    assert [part.url for part in upload.parts] == ["https://a", "https://b"]
    assert upload.imported


def test_a_project_knows_its_team():
    teams = [{"id": "t", "projects": [{"id": "p", "name": "n"}]}, {"id": "u"}]
    (project,) = projects_of_teams(teams)
    assert (project.id, project.name, project.team_id) == ("p", "n", "t")
