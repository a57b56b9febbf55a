"""What is given wrongly is refused in words that help, and changes nothing."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import ConfigError, InputError, PairError, StillRunning
from phoenix_nbtrain.runner import ThreadRunner
from phoenix_nbtrain.training import Training

EDIT = "flux.2-dev-edit-lora"


@pytest.mark.parametrize("given", [None, [1], "x"])
def test_a_configuration_that_is_no_mapping_is_refused(opened, given):
    with pytest.raises(ConfigError, match="Settings must be a mapping"):
        opened().update_config(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("x", "Pairs must be a list"),
        (None, "Pairs must be a list"),
        ([5], "Pair 1 is 5"),
        ([{"source": "a.png"}], "Pair 1 has no target"),
        ([{"source": "a.png", "target": "b.png", "words": ""}], "an unknown field words"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(opened, given, words):
    with pytest.raises(InputError, match=words):
        opened(EDIT).set_pairs(given)


def test_sample_sources_are_found_by_name(opened, icons, service):
    training = opened(EDIT, images=icons)
    training.sync()
    row = training.state.draft.images[0]
    training.update_config({"sample_sources": [row.name]})
    assert training.config["sample_sources"] == (row.image_id,)
    training.config = {"sample_sources": [row.asset_id]}
    assert training.config["sample_sources"] == (row.image_id,)
    training.sync()
    stored = service.models[training.model_id].parameters
    assert stored["sampleSourceImages"] == [row.asset_id]


def test_a_sample_source_that_is_not_in_the_set_is_refused_and_one_removed_stays(opened, icons):
    training = opened(EDIT, images=icons)
    with pytest.raises(ConfigError, match=r"no image nowhere\.png"):
        training.update_config({"sample_sources": ["nowhere.png"]})
    row = training.state.draft.images[0]
    training.update_config({"sample_sources": [row.name]})
    training.remove(row.name)
    training.config = {**training.config, "epochs": 3}
    assert training.config["sample_sources"] == (row.image_id,)


def test_a_price_with_other_parameters_keeps_nothing_of_them(training, service):
    before, written = training.config, service.count("update_model")
    other = training.estimate(config={"steps": 1200})
    assert other.fingerprint != training.estimate().fingerprint
    assert (training.config, service.count("update_model")) == (before, written)
    assert training._session.settings.merged({"steps": 1200})["repeats"] == 30


@pytest.mark.parametrize("client", [5, "local", object(), [], pd.DataFrame({"a": [1]})])
def test_what_is_no_phoenix_is_refused(client):
    for call in (
        lambda: Training.open("icons", type=EDIT, client=client),
        lambda: Training.create("icons", type=EDIT, client=client),
        lambda: Training.attach(client=client),
        lambda: nbt.models(client),
        lambda: nbt.runs(client),
    ):
        with pytest.raises(InputError, match=r"is not a Phoenix client\. Pass what nbt\.connect"):
            call()


@pytest.mark.parametrize("given", [5, 9, "  ", b"model_1", pd.NA, pd.Series([1, 2])])
def test_what_cannot_be_a_models_id_is_told(service, given):
    for call in (
        lambda: Training.open(model_id=given, client=service),
        lambda: Training.attach(given, client=service),
    ):
        with pytest.raises(InputError, match=r"is not a model id\. nbt\.models"):
            call()


@pytest.mark.parametrize(
    ("image", "words"), [("zzz", "no image zzz"), (["a.png"], "a.png.* does not name an image")]
)
def test_an_image_that_is_not_there_is_an_input_error(opened, image, words):
    training = opened()
    for call in (lambda: training.remove(image), lambda: training.replace(image, "x.png")):
        with pytest.raises(InputError, match=words) as caught:
            call()
        assert not isinstance(caught.value, PairError)


def test_a_run_that_goes_on_after_the_timeout_is_a_timeout_of_ours(opened, icons):
    training = opened(images=icons)
    training.start()
    with pytest.raises(StillRunning, match=r"still training after 0 s\. Call wait\(\) again"):
        training.wait(0)
    with pytest.raises(TimeoutError):
        training.wait(-1)


@pytest.mark.parametrize("timeout", ["5", b"5", float("nan"), True, [5], 10**400])
def test_what_is_no_number_of_seconds_is_refused_before_anything_is_bought(
    opened, service, icons, timeout
):
    training = opened(images=icons)
    training.start()
    with pytest.raises(InputError, match="Give a number of seconds"):
        training.wait(timeout)
    service.finish(training.model_id)
    training.refresh()
    with pytest.raises(InputError, match="Give a number of seconds"):
        training.download(timeout=timeout)
    assert service.downloads == []


def test_a_list_of_images_that_never_ends_is_refused(opened, monkeypatch):
    monkeypatch.setattr("phoenix_nbtrain.dataset.image_sources.FILES_MAX", 50)
    with pytest.raises(InputError, match="More than 50 images are given"):
        opened().add_images(itertools.count())
    assert opened().add_images(iter(["x"] * 50)).refused == 50


@pytest.mark.parametrize("given", [[[[]]], pd.NA, b"flux", Path("flux")])
def test_a_type_or_a_parameter_that_is_no_text_is_refused(opened, given):
    with pytest.raises(InputError, match="is not a trainable model type"):
        Training.open("icons", type=given)
    if not isinstance(given, list):
        with pytest.raises(ConfigError, match="is not a training parameter"):
            opened().update_config({given: 1})


NO_FLAGS = ["no", "False", 2, None, float("nan"), pd.NA, pd.DataFrame({"a": [1]}), [True]]


@pytest.mark.parametrize("given", NO_FLAGS)
def test_what_is_neither_true_nor_false_changes_and_buys_nothing(
    opened, service, icons, tmp_path, given
):
    training = opened(EDIT)
    calls: list[Callable[[], object]] = [
        lambda: training.start(again=given),
        lambda: training.download(again=given),
        lambda: training.add_images(icons, recursive=given),
        lambda: training.add_images(icons, again=given),
        lambda: training.add_pairs([], again=given),
        lambda: training.pair_up(again=given),
        lambda: training.save_pairs(tmp_path / "pairs.csv", overwrite=given),
        lambda: training.browse(icons, recursive=given),
        lambda: nbt.train("start", training.model_id, client=service, again=given),
        lambda: nbt.train("start", training.model_id, client=service, dry_run=given),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"^\w+ is .*\. Give True or False\.$"):
            call()
    assert (service.launches, service.downloads, len(training.images)) == ([], [], 0)


def test_a_flag_may_be_numpys_or_a_one(opened, icons):
    assert opened().add_images(icons, recursive=np.bool_(True), again=1).added == 4


@pytest.mark.parametrize("given", [5, None, [5], b"x", pd.NA, np.array("x"), [["x"]], object()])
def test_what_are_no_ids_are_refused(opened, icons, given):
    training = opened(EDIT, images=icons)
    calls: list[Callable[[], object]] = [
        lambda: training.keep_mine(given),
        lambda: training.take_theirs(given),
        lambda: training._session.thumbnails.ask(given, 64),
        lambda: training._session.thumbnails.colours(given),
        lambda: training.image_bytes(given),
        lambda: training.remove(given),
        lambda: training.replace(given, icons / "apple.png"),
    ]
    for call in calls:
        with pytest.raises(InputError):
            call()
    assert len(training.images) == 4


def test_other_junk_is_refused_in_words_of_ours(opened, service, icons):
    training = opened(EDIT, images=icons)
    junk: list[Any] = [5, pd.NA, pd.DataFrame({"a": [1]}), np.array([1, 2]), float("nan"), [1]]
    for value in junk:
        calls: list[Callable[[], object]] = [
            lambda value=value: training.browse(value),
            lambda value=value: training._session.pairs.text(value),
            lambda value=value: training._session.thumbnails.ask([], str(value)),
            lambda value=value: nbt.train(value, training.model_id, client=service),
            lambda value=value: nbt.train("stop", "m", client=service, response_format=value),
            lambda value=value: nbt.train("stop", "m", client=value),
            lambda value=value: nbt.train(
                "delete_image", training.model_id, client=service, training_image_id=value
            ),
        ]
        for call in calls:
            with pytest.raises(InputError):
                call()
    for call in (
        lambda: training.save_pairs("~nobody-of-that-name/pairs.csv"),
        lambda: training.add_images(np.array("icons")),
    ):
        with pytest.raises(InputError):
            call()


@pytest.mark.parametrize("given", [5, float("nan"), pd.NA, object()])
def test_a_project_that_is_no_text_is_refused(given):
    client = nbt.connect("local")
    with pytest.raises(InputError, match="must be text"):
        client.scoped(project_id=given)
    with pytest.raises(InputError, match="must be text"):
        nbt.train("stop", "model_1", team_id=given)


def test_a_timer_that_is_never_due_holds_up_no_other():
    runner, fired = ThreadRunner(), threading.Event()
    runner.later(float("inf"), list)
    runner.later(1e300, list)
    runner.later(0.01, fired.set)
    assert fired.wait(10)


@pytest.mark.parametrize("epoch", [-1, 10**400, 1.5, float("nan"), "x", b"1", [1], pd.NA])
def test_what_is_no_epoch_is_refused_before_anything_is_bought(opened, service, epoch):
    training = opened()
    for call in (training.download, training.estimate_download):
        with pytest.raises(InputError, match=r"^Epoch .* has no weights\. Give its number"):
            call(epoch=epoch)
    assert service.count("get_model") == 0


@pytest.mark.parametrize("to", ["x" * 300, "~nobody-of-that-name/x", "a\0b", Path("a\0b")])
def test_a_file_that_cannot_be_is_refused_before_anything_is_bought(opened, service, icons, to):
    training = opened(images=icons)
    training.start()
    service.finish(training.model_id)
    training.refresh()
    with pytest.raises(InputError, match="Nothing was charged"):
        training.download(to)
    assert service.downloads == []


@pytest.mark.parametrize("name", [[1], {}, pd.DataFrame(), 5, None])
def test_a_parameter_is_called_by_a_text(opened, name):
    training = opened()
    with pytest.raises(ConfigError):
        training.config[name] = 3
    with pytest.raises(ConfigError, match="Settings must be a mapping"):
        training.config.update(5)
    if name is not None:
        (refusal,) = training._session.editing.undo(name).result().refused
        assert "changed" in refusal.reason
    training._session.purchase.start_shown(name)
    assert training.state.launch.phase == "refused"
