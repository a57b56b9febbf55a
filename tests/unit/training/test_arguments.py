"""What is given wrongly is refused in words that help, and changes nothing."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_service import FakeService
from training_types import Opened

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import ConfigError, InputError, PairError, StillRunning
from phoenix_nbtrain.training.training import Training

EDIT = "flux.2-dev-edit-lora"


@pytest.mark.parametrize("given", [None, [1], "x"])
def test_a_configuration_that_is_no_mapping_is_refused(opened: Opened, given: Any) -> None:
    with pytest.raises(ConfigError, match="A configuration is a mapping"):
        opened().update_config(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("x", "Pairs are a list"),
        (None, "Pairs are a list"),
        ([5], "Pair 1 is 5"),
        ([{"source": "a.png"}], "Pair 1 has no target"),
        ([{"source": "a.png", "target": "b.png", "words": ""}], "no place for words"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(opened: Opened, given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        opened(EDIT).set_pairs(given)


def test_sample_sources_are_found_by_name(
    opened: Opened, icons: Path, service: FakeService
) -> None:
    training = opened(EDIT)
    training.add_images(icons)
    training.sync()
    row = training.state.draft.images[0]
    training.update_config({"sample_sources": [row.name]})
    assert training.config["sample_sources"] == (row.image_id,)
    training.config = {"sample_sources": [row.asset_id]}
    assert training.config["sample_sources"] == (row.image_id,)
    training.sync()
    stored = service.models[training.model_id].parameters
    assert stored["sampleSourceImages"] == [row.asset_id]


def test_a_sample_source_that_is_not_in_the_set_is_refused_and_one_removed_stays(
    opened: Opened, icons: Path
) -> None:
    training = opened(EDIT)
    training.add_images(icons)
    with pytest.raises(ConfigError, match=r"no picture nowhere\.png"):
        training.update_config({"sample_sources": ["nowhere.png"]})
    row = training.state.draft.images[0]
    training.update_config({"sample_sources": [row.name]})
    training.remove(row.name)
    training.config = {**training.config, "epochs": 3}
    assert training.config["sample_sources"] == (row.image_id,)


def test_a_price_with_other_parameters_keeps_nothing_of_them(
    opened: Opened, icons: Path, service: FakeService
) -> None:
    training = opened()
    training.add_images(icons)
    training.sync()
    before, written = training.config, service.count("update_model")
    other = training.estimate(config={"steps": 1200})
    assert other.fingerprint != training.estimate().fingerprint
    assert (training.config, service.count("update_model")) == (before, written)
    assert training.config_with({"steps": 1200})["repeats"] == 30


@pytest.mark.parametrize("client", [5, "local", object(), [], pd.DataFrame({"a": [1]})])
def test_what_is_no_phoenix_is_refused(client: Any) -> None:
    for call in (
        lambda: Training.open("icons", type=EDIT, client=client),
        lambda: Training.create("icons", type=EDIT, client=client),
        lambda: Training.attach(client=client),
        lambda: nbt.models(client),
        lambda: nbt.runs(client),
    ):
        with pytest.raises(InputError, match=r"is no Phoenix\. Give what nbt\.connect"):
            call()


@pytest.mark.parametrize("given", [5, 9, "  ", b"model_1", pd.NA, pd.Series([1, 2])])
def test_what_cannot_be_a_models_id_is_told(service: FakeService, given: Any) -> None:
    for call in (
        lambda: Training.open(model_id=given, client=service),
        lambda: Training.attach(given, client=service),
    ):
        with pytest.raises(InputError, match=r"is no model's id\. nbt\.models"):
            call()


@pytest.mark.parametrize(
    ("image", "words"), [("zzz", "no picture zzz"), (["a.png"], "a.png.* names no picture")]
)
def test_a_picture_that_is_not_there_is_an_input_error(
    opened: Opened, image: Any, words: str
) -> None:
    training = opened()
    for call in (lambda: training.remove(image), lambda: training.replace(image, "x.png")):
        with pytest.raises(InputError, match=words) as caught:
            call()
        assert not isinstance(caught.value, PairError)


def test_a_run_that_goes_on_after_the_timeout_is_a_timeout_of_ours(
    opened: Opened, icons: Path
) -> None:
    training = opened()
    training.add_images(icons)
    training.start()
    with pytest.raises(StillRunning, match=r"still training after 0 s\. Call wait\(\) again"):
        training.wait(0)
    with pytest.raises(TimeoutError):
        training.wait(-1)


@pytest.mark.parametrize("timeout", ["5", b"5", float("nan"), True, [5], 10**400])
def test_what_is_no_number_of_seconds_is_refused_before_anything_is_bought(
    opened: Opened, service: FakeService, icons: Path, timeout: Any
) -> None:
    training = opened()
    training.add_images(icons)
    training.start()
    with pytest.raises(InputError, match="Give a number of seconds"):
        training.wait(timeout)
    service.finish(training.model_id)
    training.refresh()
    with pytest.raises(InputError, match="Give a number of seconds"):
        training.download(timeout=timeout)
    assert service.downloads == []


def test_a_list_of_images_that_never_ends_is_refused(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phoenix_nbtrain.dataset.sources.FILES_MAX", 50)
    with pytest.raises(InputError, match="More than 50 images are given"):
        opened().add_images(itertools.count())
    assert opened().add_images(iter(["x"] * 50)).refused == 50


@pytest.mark.parametrize("given", [[[[]]], pd.NA, b"flux", Path("flux")])
def test_a_type_or_a_parameter_that_is_no_text_is_refused(opened: Opened, given: Any) -> None:
    with pytest.raises(InputError, match="is not a trainable model type"):
        Training.open("icons", type=given)
    if not isinstance(given, list):
        with pytest.raises(ConfigError, match="is not a training parameter"):
            opened().update_config({given: 1})
