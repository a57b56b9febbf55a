"""Dry run, launch, cancel and refusals, over the wire. No process trains here."""

from __future__ import annotations

import time
from decimal import Decimal
from types import SimpleNamespace

import pytest
from unit.local.local_phoenix import drawing

from phoenix_nbtrain.catalog import MODEL_TYPES, defaults
from phoenix_nbtrain.local import routes_training, rows
from phoenix_nbtrain.local.pricing import number, price


def test_a_dry_run_is_a_269_with_three_keys_and_launches_nothing(phoenix):
    model_id = phoenix.style_set(3)
    for dry in ("true", "api"):
        body = {"parameters": {"nbEpochs": 5, "nbRepeats": 7}}
        reply = phoenix.ok("PUT", f"/models/{model_id}/train?dryRun={dry}", body, status=269)
        assert reply == {
            "creativeUnitsCost": 42,
            "creativeUnitsDiscount": 0,
            "costDetails": {"train-model": 42},
        }
    model = phoenix.read(model_id)
    assert (model["status"], model["parameters"]) == ("new", {})
    assert "jobId" not in model


def test_the_one_known_price_is_met():
    config = {**defaults("flux.1-lora"), "rank": 64}
    assert price("flux.1-lora", config, 18) == Decimal(1080)
    assert price("flux.1-lora", {**config, "max_train_steps": 100}, 18) == Decimal(30)
    assert number(Decimal("10.75")) == 10.75
    assert type(number(Decimal("42.0"))) is int


@pytest.mark.parametrize("type_name", sorted(MODEL_TYPES))
def test_the_price_grows_evenly_with_images_epochs_and_repeats(type_name):
    config = {**defaults(type_name), "epochs": 3, "repeats": 5}
    once = price(type_name, config, 4)
    assert once > 0
    assert price(type_name, config, 8) == 2 * once
    assert price(type_name, {**config, "epochs": 6}, 4) == 2 * once
    assert price(type_name, {**config, "repeats": 10}, 4) == 2 * once


def test_a_dry_run_can_simulate_images_while_there_are_none(phoenix):
    model_id = phoenix.model()
    path = f"/models/{model_id}/train?dryRun=true"
    assert phoenix.send("PUT", path)[0] == 400
    simulated = phoenix.ok("PUT", f"{path}&trainingImagesCount=10", status=269)
    assert simulated["creativeUnitsCost"] == 800
    phoenix.attach(model_id, phoenix.upload(drawing()))
    real = phoenix.ok("PUT", f"{path}&trainingImagesCount=10", status=269)
    assert real["creativeUnitsCost"] == 80
    assert phoenix.send("PUT", f"/models/{phoenix.model()}/train?trainingImagesCount=3")[0] == 400


def test_a_launch_answers_with_job_model_and_the_quoted_price(phoenix):
    model_id = phoenix.style_set(3)
    body = {"parameters": {"nbEpochs": 5}}
    quote = phoenix.ok("PUT", f"/models/{model_id}/train?dryRun=true", body, status=269)
    reply = phoenix.ok("PUT", f"/models/{model_id}/train", body)
    assert reply.keys() == {"job", "model", *quote}
    assert {key: reply[key] for key in quote} == quote
    job, model = reply["job"], reply["model"]
    assert job["billing"] == {"cuCost": quote["creativeUnitsCost"], "cuDiscount": 0}
    assert job["jobType"] == "musubi-model-training"
    assert (model["status"], model["jobId"]) == ("training", job["jobId"])
    assert model["parameters"] == {"nbEpochs": 5}
    assert model["trainingProgress"]["stage"] == "pending"
    assert phoenix.job(job["jobId"]) == job


def test_a_dry_run_asked_for_in_the_body_launches_as_on_the_service(phoenix):
    model_id = phoenix.style_set()
    assert "job" in phoenix.ok("PUT", f"/models/{model_id}/train", {"dryRun": True})


@pytest.mark.parametrize("value", ["false", "True", "1", ""])
def test_an_unclear_dry_run_neither_prices_nor_launches(phoenix, value):
    model_id = phoenix.style_set()
    assert phoenix.send("PUT", f"/models/{model_id}/train?dryRun={value}")[0] == 400
    assert phoenix.read(model_id)["status"] == "new"


def test_kept_parameters_count_where_a_launch_gives_none(phoenix):
    model_id = phoenix.style_set(2, nbEpochs=1, nbRepeats=1)
    reply = phoenix.ok("PUT", f"/models/{model_id}/train", {})
    assert reply["creativeUnitsCost"] == 0.8
    assert reply["model"]["parameters"] == {"nbEpochs": 1, "nbRepeats": 1}


def test_a_model_that_trains_cannot_be_launched_again(phoenix):
    model_id = phoenix.style_set()
    job_id = phoenix.launch(model_id)
    again = phoenix.send("PUT", f"/models/{model_id}/train")
    assert again == (400, {"reason": "Model is already training"})
    assert phoenix.read(model_id)["jobId"] == job_id
    # A price can be asked for at any time.
    assert phoenix.send("PUT", f"/models/{model_id}/train?dryRun=true")[0] == 269


def test_an_edit_type_needs_two_pairs(phoenix):
    model_id = phoenix.model("flux.1-kontext-lora")
    ids = [phoenix.upload(drawing()) for _ in range(3)]
    phoenix.attach(model_id, *ids)
    path = f"/models/{model_id}/train?dryRun=true"
    status, reply = phoenix.send("PUT", path)
    assert status == 400
    assert "not paired" in reply["reason"]
    pairs = [{"sourceId": ids[0], "targetId": i} for i in ids[1:]]
    phoenix.ok("PUT", f"/models/{model_id}/training-images/pairs", pairs[:1])
    status, reply = phoenix.send("PUT", path)
    assert status == 400
    assert "at least 2 pairs" in reply["reason"]
    phoenix.ok("PUT", f"/models/{model_id}/training-images/pairs", pairs)
    assert phoenix.ok("PUT", path, status=269)["creativeUnitsCost"] == 140


def test_an_untyped_model_is_made_but_not_trained(phoenix):
    model_id = phoenix.ok("POST", "/models", {})["model"]["id"]
    phoenix.attach(model_id, phoenix.upload(drawing()))
    assert phoenix.send("PUT", f"/models/{model_id}/train?dryRun=true")[0] == 400
    assert phoenix.send("PUT", f"/models/{model_id}", {"parameters": {}})[0] == 400


@pytest.mark.parametrize(
    "parameters",
    [
        {"nbEpochs": 0},
        {"nbEpochs": 101},
        {"nbRepeats": 2.5},
        {"learningRate": 1e-2},
        {"learningRate": "5e-5"},
        {"rank": 129},
        {"rank": True},
        {"batchSize": 9},
        {"samplePrompts": ["a"] * 5},
        {"samplePrompts": "a"},
        {"samplePrompts": [3]},
        {"conceptPrompt": "x" * 21},
        {"seed": -1},
        {"steps": 1200},
        {"epochs": 3},
        {"sampleSourceImages": ["asset_x"]},
        {"maxTrainSteps": 5},
        [],
        "nbEpochs",
    ],
)
def test_parameters_out_of_range_or_unknown_are_refused(phoenix, parameters):
    model_id = phoenix.style_set()
    body = {"parameters": parameters}
    for path in ("/train?dryRun=true", "/train", ""):
        status, reply = phoenix.send("PUT", f"/models/{model_id}{path}", body)
        assert status == 400, path
        assert 0 < len(reply["reason"]) <= 200
    model = phoenix.read(model_id)
    assert (model["status"], model["parameters"]) == ("new", {})


def test_deprecated_parameters_of_the_service_are_taken_and_ignored(phoenix):
    model_id = phoenix.style_set()
    body = {"parameters": {"lrScheduler": "cosine", "wandbKey": "k", "nbEpochs": 2}}
    reply = phoenix.ok("PUT", f"/models/{model_id}/train", body)
    assert reply["model"]["parameters"] == {"nbEpochs": 2}


def test_sample_sources_must_be_there_one_per_prompt(phoenix):
    model_id = phoenix.model("flux.2-dev-edit-lora")
    ids = [phoenix.upload(drawing()) for _ in range(3)]
    phoenix.attach(model_id, *ids)
    pairs = [{"sourceId": ids[0], "targetId": i} for i in ids[1:]]
    phoenix.ok("PUT", f"/models/{model_id}/training-images/pairs", pairs)
    path = f"/models/{model_id}/train?dryRun=true"
    for prompts, sources, expected in (
        (["a"], [ids[0]], 269),
        (["a", "b"], [ids[0]], 400),
        (["a"], ["asset_gone"], 400),
    ):
        body = {"parameters": {"samplePrompts": prompts, "sampleSourceImages": sources}}
        assert phoenix.send("PUT", path, body)[0] == expected


def test_parallel_trainings_have_a_ceiling_that_may_be_none_at_all(phoenix):
    first, second = phoenix.style_set(), phoenix.style_set()
    phoenix.set(parallel_trainings=1)
    phoenix.launch(first)
    status, reply = phoenix.send("PUT", f"/models/{second}/train")
    assert status == 429
    assert reply == {
        "reason": "Plan limit reached",
        "name": "PlanLimitReachedError",
        "details": {
            "actionLimit": 1,
            "actionName": "parallel-training",
            "actionValue": 1,
            "limitScope": "team",
        },
    }
    phoenix.ok("POST", f"/models/{first}/train/action", {"action": "cancel"})
    phoenix.set(parallel_trainings=0)
    assert phoenix.send("PUT", f"/models/{second}/train")[1]["details"]["actionLimit"] == 0


def test_launches_can_be_made_to_cool_down(phoenix):
    first, second = phoenix.style_set(), phoenix.style_set()
    phoenix.set(cooldown_seconds=60)
    phoenix.launch(first)
    status, reply = phoenix.send("PUT", f"/models/{second}/train")
    assert status == 429
    assert 50 < reply["remainingSeconds"] <= 60
    assert "details" not in reply
    assert phoenix.read(second)["status"] == "new"


def test_a_clock_that_was_set_back_makes_no_cooldown_longer(phoenix, monkeypatch):
    first, second = phoenix.style_set(), phoenix.style_set()
    phoenix.set(cooldown_seconds=60, parallel_trainings=2)
    phoenix.launch(first)
    real, back = time.time, 86_400.0
    clock = SimpleNamespace(time=lambda: real() - back)
    for module in (routes_training, rows):
        monkeypatch.setattr(module, "time", clock)
    status, reply = phoenix.send("PUT", f"/models/{second}/train")
    assert (status, reply["remainingSeconds"]) == (429, pytest.approx(60, abs=10))
    back -= 61  # and it passes
    phoenix.launch(second)


def test_a_balance_is_spent_by_launches_and_only_if_it_is_set(phoenix):
    first, second = phoenix.style_set(), phoenix.style_set()
    phoenix.set(balance=Decimal(200))
    phoenix.launch(first)  # 160
    assert phoenix.send("PUT", f"/models/{second}/train")[0] == 402
    assert phoenix.settings.balance == 40


def test_a_discount_is_shown_and_what_is_quoted_is_what_is_billed(phoenix):
    model_id = phoenix.style_set()  # 160 without it
    phoenix.set(balance=Decimal("140.3"), discount=Decimal("0.125"))
    quote = phoenix.ok("PUT", f"/models/{model_id}/train?dryRun=true", status=269)
    assert quote == {
        "creativeUnitsCost": 140,
        "creativeUnitsDiscount": 20,
        "costDetails": {"train-model": 140},
    }
    reply = phoenix.ok("PUT", f"/models/{model_id}/train")
    assert {key: reply[key] for key in quote} == quote
    assert reply["job"]["billing"] == {"cuCost": 140, "cuDiscount": 20}
    assert phoenix.settings.balance == Decimal("0.3")


def test_what_costs_nothing_has_no_details(phoenix):
    phoenix.set(discount=Decimal(1))
    path = f"/models/{phoenix.style_set()}/train?dryRun=true"
    assert phoenix.ok("PUT", path, status=269) == {
        "creativeUnitsCost": 0,
        "creativeUnitsDiscount": 160,
        "costDetails": {},
    }


def test_only_an_edit_type_takes_source_images_for_its_samples(phoenix):
    model_id, asset_id = phoenix.style_set(), phoenix.upload(drawing())
    body = {"parameters": {"samplePrompts": ["a"], "sampleSourceImages": [asset_id]}}
    status, reply = phoenix.send("PUT", f"/models/{model_id}/train", body)
    assert (status, list(reply)) == (400, ["reason"])
    assert "parameters.sampleSourceImages" in reply["reason"]


def test_a_waiting_training_is_canceled_at_once(phoenix):
    model_id = phoenix.style_set()
    job_id = phoenix.launch(model_id)
    path = f"/models/{model_id}/train/action"
    assert phoenix.send("POST", path, {"action": "stop"})[0] == 400
    model = phoenix.ok("POST", path, {"action": "cancel"})["model"]
    assert model["status"] == "training-canceled"
    job = phoenix.job(job_id)
    assert job["status"] == "canceled"
    assert [entry["status"] for entry in job["statusHistory"]] == ["pending", "canceled"]
    assert phoenix.send("POST", path, {"action": "cancel"})[0] == 400
    assert phoenix.launch(model_id) != job_id


def test_a_model_without_a_name_gets_one_when_it_trains(phoenix):
    model_id = phoenix.ok("POST", "/models", {"type": "zimage-lora"})["model"]["id"]
    phoenix.attach(model_id, phoenix.upload(drawing()))
    phoenix.launch(model_id)
    assert phoenix.read(model_id)["name"] == "zimage-lora of 1 images"
