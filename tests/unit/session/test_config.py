"""The configuration is a mapping that takes what is written to it, or says why not."""

from __future__ import annotations

import json

import pytest

from phoenix_nbtrain.errors import ConfigError


def test_setting_an_item_sets_it(opened):
    training = opened()
    training.config["epochs"] = 3
    assert training.config["epochs"] == 3
    assert opened(again=True).config["epochs"] == 3
    training.config.update(epochs=4, repeats=5)
    training.config |= {"rank": 8}
    training.update_config(batch_size=2)
    assert training.config["batch_size"] == 2
    assert [training.config[k] for k in ("epochs", "repeats", "rank")] == [4, 5, 8]


def test_what_cannot_be_is_refused_and_nothing_changed(opened):
    training = opened()
    config = training.config
    with pytest.raises(ConfigError):
        config.update(epochs=3, rank=10_000)
    with pytest.raises(ConfigError):
        config["epoch"] = 3
    assert config == training.config == opened().config


def test_deleting_an_item_sets_it_back(opened):
    training = opened()
    standard = training.config["epochs"]
    training.config["epochs"] = 3
    config = training.config
    assert config.pop("epochs") == 3
    assert config["epochs"] == training.config["epochs"] == standard
    config.update(epochs=3, rank=8)
    config.clear()
    assert config == training.config


def test_a_changed_mapping_may_be_assigned_and_is_plain_data(opened):
    training = opened()
    config = training.config.copy()
    config["epochs"] = 7
    assert training.config["epochs"] != 7
    training.config = config
    assert json.loads(json.dumps(training.config))["epochs"] == 7
