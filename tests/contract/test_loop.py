"""The whole loop, from a folder of images to trained weights, through the public names only."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wire

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import AuthenticationFailed, LaunchRefused, ServiceUnreachable
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.images.drawings import draw_pairs
from phoenix_nbtrain.local.settings import set_settings
from phoenix_nbtrain.session.state import Run
from phoenix_nbtrain.training import Training


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder with ``line`` and ``color``: real drawings where there are any, else our own."""
    given = os.environ.get("NBTRAIN_TEST_IMAGES")
    if given:
        return Path(given)
    folder = draw_pairs(tmp_path_factory.mktemp("pairs"), count=12, size=256)
    (folder / "colour").rename(folder / "color")
    return folder


def assert_learned(training: Training, run: Run, epochs: int) -> None:
    losses = [loss for _, loss in run.losses]
    tenth = max(1, len(losses) // 10)
    assert np.mean(losses[-tenth:]) < 0.9 * np.mean(losses[:tenth])
    assert [s.epoch for s in run.samples] == list(range(1, epochs + 1))
    shown = [
        decoder.pixels(training.image_bytes(s.asset_ids[0]), 64).astype(float) for s in run.samples
    ]
    for before, after in itertools.pairwise(shown):
        assert np.abs(before - after).mean() > 0.1, "an epoch changed nothing"
    assert np.abs(shown[0] - shown[-1]).mean() > 1


def assert_weights(run: Run) -> None:
    from safetensors.numpy import load_file

    folder = Path(os.environ["PHOENIX_NBTRAIN_HOME"]) / "local" / "runs" / str(run.job_id)
    weights = load_file(folder / "adapter.safetensors")
    assert weights
    assert all(np.isfinite(array).all() and np.abs(array).max() > 0 for array in weights.values())


def test_a_style_is_learned_from_a_folder(pictures):
    nbt.connect("local")
    training = nbt.Training.open("style", type="flux.2-dev-lora")
    report = training.add_images(pictures / "color")
    assert report.added == len(list((pictures / "color").glob("*.png")))
    training.set_captions(lambda row: f"a drawing of a {row.name.removesuffix('.png')}")
    training.ensure_trigger("stickerfox")
    training.update_config(
        {"epochs": 4, "repeats": 4, "seed": 7, "sample_prompts": ["stickerfox, a drawing of a fox"]}
    )
    price = training.estimate()
    assert price.unit == "simulated CU"
    training.start()
    run = training.wait(120)
    assert run.status == "trained"
    assert run.cost == price.amount
    assert_learned(training, run, 4)
    assert_weights(run)


def test_a_change_is_learned_from_pairs(pictures):
    nbt.connect("local")
    training = nbt.Training.open("colouring", type="flux.2-dev-edit-lora")
    training.add_images(pictures, recursive=True)
    found = training.pair_up("line", "color", instruction="colour the line drawing")
    assert found.left_over == ()
    training.update_config(
        {"epochs": 4, "repeats": 4, "seed": 7, "sample_prompts": ["colour the line drawing"]}
    )
    training.start()
    run = training.wait(120)
    assert run.status == "trained"
    assert_learned(training, run, 4)
    assert_weights(run)


def test_a_refusal_of_the_local_phoenix_holds_nothing_back(icons, tmp_path):
    nbt.connect("local", data_dir=tmp_path / "data")
    training = nbt.Training.open("refused", type="flux.2-dev-lora")
    training.add_images(icons)
    training.update_config({"epochs": 1, "repeats": 1})
    training.start()
    training.wait(60)
    set_settings(tmp_path / "data", cooldown_seconds=3600)
    with pytest.raises(LaunchRefused, match="too close together") as caught:
        training.start(again=True)
    assert caught.value.retry_after is None
    set_settings(tmp_path / "data")
    training.start(again=True)
    assert not training.launched_before
    assert training.wait(60).status == "trained"


class TestServed:
    @pytest.fixture
    def served(self, tmp_path) -> Iterator[dict[str, str]]:
        with wire.served(tmp_path / "served") as given:
            yield given

    def test_the_same_notebook_runs_against_a_served_phoenix(self, served, icons, tmp_path):
        client = nbt.connect(**served)
        assert client.is_local, "a Phoenix on this computer charges nothing, and says so"
        assert not client.in_process
        training = nbt.Training.open("served", type="flux.2-dev-lora")
        training.add_images(icons)
        training.update_config({"epochs": 1, "repeats": 1})
        training.start()
        assert training.wait(60).status == "trained"
        # The same data folder, opened within this process, is the same Phoenix.
        client.close()
        inside = nbt.connect("local", data_dir=tmp_path / "served")
        assert inside.origin == client.origin
        assert inside.in_process
        assert nbt.Training.open("served", type="flux.2-dev-lora").status == "trained"

    def test_wrong_credentials_fail_at_connect(self, served):
        with pytest.raises(AuthenticationFailed):
            nbt.connect(**{**served, "api_secret": "wrong"})

    def test_a_service_that_is_down_says_so(self, served):
        with pytest.raises(ServiceUnreachable, match="cannot be reached"):
            nbt.connect(**{**served, "base_url": "http://127.0.0.1:9/v1"})
