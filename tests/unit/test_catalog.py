"""The one table of types and parameters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain import catalog
from phoenix_nbtrain.errors import ConfigError, InputError

DEV, EDIT, FLUX = "flux.2-dev-lora", "flux.2-dev-edit-lora", "flux.1-lora"


def test_defaults_are_the_services(subtests):
    for type_name, rank, rate in ((DEV, 64, 5e-5), (FLUX, 16, 1e-4)):
        with subtests.test(type_name):
            full = catalog.full_config(type_name, {})
            assert (full["epochs"], full["repeats"], full["batch_size"]) == (10, 20, 1)
            assert (full["rank"], full["learning_rate"]) == (rank, rate)


@pytest.mark.parametrize("name", ["nbEpochs", "nb_epochs", "epochs"])
def test_the_wires_and_the_tools_names_are_ours_too(name):
    assert catalog.validate(DEV, {name: 12}) == {"epochs": 12}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"epoch": 3}, "Did you mean epochs"),
        ({"lr": 1e-4}, "Did you mean learning_rate"),
        ({"network_dim": 8}, "Did you mean rank"),
        ({"trigger_word": "x"}, "part of the captions"),
        ({"epochs": 0}, "1 to 100"),
        ({"epochs": 101}, "1 to 100"),
        ({"epochs": 2.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"epochs": "12"}, "whole number"),
        ({"learning_rate": float("nan")}, "must be a number"),
        ({"learning_rate": 1}, "1e-05 to 0.001"),
        ({"concept_prompt": "x" * 21}, "at most 20"),
        ({"sample_prompts": ["a"] * 5}, "at most 4"),
        ({"sample_prompts": [1]}, "list of strings"),
        ({"sample_sources": ["img_1"]}, "edit types only"),
        ({"epochs": 3, "nbEpochs": 3}, "given twice"),
        ({"wandb_key": "secret"}, "secret"),
        ({"epochs": 10**400}, "epochs is .*out of range. It must be 1 to 100"),
        ({"learning_rate": 10**400}, "must be a number"),
        ({"seed": 2**200}, "seed is .*out of range. It must be 0 to 9007199254740991"),
        ({"steps": 1200}, r"update_config\(\{\"steps\""),
        ({"concept_prompt": "\ud800"}, "concept_prompt contains half a character"),
        ({"sample_prompts": ["a", "\ud800"]}, "sample_prompts contains half a character"),
        ({3: 4}, "not a training parameter"),
        ([("epochs", 3)], "mapping"),
    ],
)
def test_what_cannot_be_says_what_could(config, words):
    with pytest.raises(ConfigError, match=words) as caught:
        catalog.validate(DEV, config)
    assert len(str(caught.value)) <= 200


def test_a_default_is_no_setting():
    assert catalog.validate(DEV, {"epochs": 10, "rank": 32, "seed": None}) == {"rank": 32}


def test_numpys_numbers_are_numbers():
    import numpy as np

    assert catalog.validate(DEV, {"epochs": np.int64(3), "learning_rate": np.float64(1e-4)}) == {
        "epochs": 3,
        "learning_rate": 1e-4,
    }


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 100),
            "repeats": st.integers(1, 100),
            "rank": st.integers(2, 128),
            "learning_rate": st.floats(1e-5, 1e-3),
            "seed": st.integers(0, 2**31),
            "sample_prompts": st.lists(
                st.text("abc ,é", min_size=1).filter(str.strip).map(str.strip), max_size=4
            ),
        },
    )
)
def test_a_configuration_survives_the_wire(config):
    ours = catalog.validate(DEV, config)
    assert catalog.from_wire(DEV, catalog.to_wire(DEV, ours)) == ours


def test_unknown_wire_keys_are_tolerated():
    assert catalog.from_wire(DEV, {"nbEpochs": 3, "lrScheduler": "cosine", "rank": None}) == {
        "epochs": 3
    }


class TestSteps:
    def test_the_nearest_product_is_found_and_said(self):
        steps = catalog.steps_to_config(DEV, 1200, items=15)
        assert steps.config == {"epochs": 10, "repeats": 8}
        assert steps.said == "1,200 steps: 10 epochs × 8 repeats × 15 images"

    @given(st.data(), st.integers(1, 50))
    def test_no_other_choice_comes_nearer(self, data, items):
        steps = data.draw(st.integers(items, min(50_000, items * 10_000)))
        found = catalog.steps_to_config(DEV, steps, items=items)
        miss = abs(found.total - steps)
        nearest = min(
            abs(items * e * r - steps)
            for e in range(1, 101)
            for r in {max(1, min(100, steps // (items * e) + k)) for k in (0, 1)}
        )
        assert miss == nearest

    def test_flux_lora_types_have_a_parameter_for_it(self):
        assert catalog.steps_to_config(FLUX, 1200, items=0).config == {"max_train_steps": 1200}

    @pytest.mark.parametrize(
        ("steps", "nearest"), [(10**9, "30,000"), (10**400, "30,000"), (2, "3")]
    )
    def test_what_no_choice_reaches_is_refused_with_the_nearest(self, steps, nearest):
        with pytest.raises(ConfigError, match=f"The nearest is {nearest}\\."):
            catalog.steps_to_config(DEV, steps, items=3)

    def test_one_of_a_kind_is_said_in_the_singular(self):
        _, words = catalog.explain_steps(EDIT, {"epochs": 1, "repeats": 1}, 1)
        assert words == "1 epoch × 1 repeat × 1 pair"

    @pytest.mark.parametrize("steps", [0, -1, 2.5, "many", None, True])
    def test_nonsense_is_refused(self, steps):
        with pytest.raises(ConfigError):
            catalog.steps_to_config(DEV, steps, items=10)


def test_edit_types_need_pairs_and_the_others_do_not():
    for name, kind in catalog.MODEL_TYPES.items():
        assert kind.pairs == ("-edit" in name or name == "flux.1-kontext-lora")


def test_an_unknown_type_names_the_nearest():
    with pytest.raises(InputError, match=r"flux\.2-dev-lora"):
        catalog.model_type("flux.2-dev")


def test_flux_lora_types_end_at_a_hundred_steps_an_image_unless_told():
    assert catalog.explain_steps(FLUX, {}, 10) == (
        1000,
        "10 epochs × 20 repeats × 10 images, ended at 1,000",
    )
    assert catalog.explain_steps(FLUX, {"max_train_steps": 5000}, 10)[0] == 2000
    assert catalog.explain_steps(DEV, {}, 10)[0] == 2000
