"""Replies become records: unknown things are tolerated, and no secret stays."""

from __future__ import annotations

from phoenix_nbtrain.records import Asset, Model, TrainingImage, TrainingProgress


def test_a_key_among_the_parameters_is_in_no_record() -> None:
    model = Model.from_wire({"id": "m", "parameters": {"rank": 4, "wandbKey": "hunter2"}})
    assert dict(model.parameters) == {"rank": 4}
    assert "hunter2" not in repr(model)


def test_a_signed_address_is_in_no_repr() -> None:
    image = {"id": "asset_1", "downloadUrl": "https://cdn.test/x?signature=hunter2"}
    assert "hunter2" not in repr(Model.from_wire({"id": "m", "trainingImages": [image]}))


def test_what_a_reply_left_out_is_told_from_what_is_empty() -> None:
    model = Model.from_wire({"id": "m", "trainingImages": [], "parameters": None})
    assert model.left_out == {"trainingImagePairs", "parameters"}


def test_unknown_keys_and_statuses_are_tolerated() -> None:
    model = Model.from_wire({"id": "m", "status": "paused", "complianceMetadata": {}, "epochs": 3})
    assert (model.status, model.epochs) == ("paused", ())


def test_progress_above_one_is_percent_and_clamped() -> None:
    assert TrainingProgress.from_wire({"progress": 62}).progress == 0.62
    assert TrainingProgress.from_wire({"progress": -1}).progress == 0
    assert TrainingProgress.from_wire({"progress": float("nan")}).progress is None


def test_two_readings_are_equal_though_each_was_signed_anew() -> None:
    images = [
        TrainingImage.from_wire({"id": "a", "downloadUrl": f"https://x/?s={n}"}) for n in "12"
    ]
    assert images[0] == images[1]
    assets = [Asset.from_wire({"id": "a", "url": f"https://x/?s={n}"}) for n in "12"]
    assert assets[0] == assets[1]
