"""The patch trainer: that it learns, and that every parameter has its effect."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from unit.local.local_phoenix import drawing

from phoenix_nbtrain.catalog import full_config
from phoenix_nbtrain.engines.demo.features import blocks, words_in, words_of
from phoenix_nbtrain.engines.demo.image_store import PX, Floats, greyed, on_canvas
from phoenix_nbtrain.engines.demo.loss_history import POINTS_MAX
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer


class Example(NamedTuple):
    source: Floats
    target: Floats
    words: str


class Set:
    """A training set in memory."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples
        self.words = [example.words for example in examples]

    def source_and_target(self, item: int) -> tuple[Floats, Floats]:
        return self.examples[item][:2]


def ink(content: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((PX, PX))
    return on_canvas(np.asarray(image))


def pair(words: str, colour: str, kind: str = "circle", size: int = 96) -> Example:
    shape = (size, size)
    return Example(
        source=ink(drawing(kind, size=shape)),
        target=ink(drawing(kind, colour, size=shape)),
        words=words,
    )


def config(**changes: Any) -> dict[str, Any]:
    small = {"epochs": 4, "repeats": 5, "rank": 16}
    return full_config("flux.2-dev-edit-lora", {**small, **changes})


def trained(examples: list[Example], *, else_seed: int = 0, **changes: Any) -> Trainer:
    trainer = Trainer(Set(examples), config(**changes), seed=else_seed)
    while not trainer.done:
        trainer.train_step()
    return trainer


def colour_inside(trainer: Trainer, prompt: str) -> np.ndarray[Any, Any]:
    """Return the mean RGB (1 is bright) that a line drawing's inside gets under a prompt."""
    made = 1 - trainer.sample(ink(drawing("circle", size=(80, 80))), prompt)
    middle = slice(PX * 3 // 8, PX * 5 // 8)
    return made[middle, middle].reshape(-1, 3).mean(axis=0)


PAIRS = [
    pair("make it red", "red"),
    pair("make it red", "red", "box"),
    pair("make it red", "red", size=120),
    pair("make it blue", "blue"),
    pair("make it blue", "blue", "box"),
    pair("make it blue", "blue", size=120),
]


def test_the_loss_falls_and_an_unseen_drawing_is_coloured():
    trainer = trained(PAIRS[:3], epochs=6)
    first, last = trainer.losses[0][1], trainer.losses[-1][1]
    assert last < first / 3
    red, green, blue = colour_inside(trainer, "make it red")
    assert red > 0.7
    assert green < 0.4
    assert blue < 0.4


def test_a_long_trainings_first_epoch_leaves_much_to_the_others():
    trainer = Trainer(Set(PAIRS), config(epochs=8, repeats=40), seed=0)
    seen = []
    while not trainer.done:
        trainer.train_step()
        if trainer.epoch_ends():
            red, _, blue = colour_inside(trainer, "make it red")
            seen.append(float(red - blue))
    assert seen[-1] > 0.8
    assert seen[0] < 0.25 * seen[-1]
    assert seen[0] < seen[1] < seen[2]


def weights(**changes: Any) -> np.ndarray[Any, Any]:
    trainer = trained(PAIRS[:3], **changes)
    return trainer.a @ trainer.b


def test_the_same_seed_and_set_give_the_same_weights():
    first, second = (trained(PAIRS[:3], seed=7, else_seed=n) for n in (1, 2))
    assert first.adapter() == second.adapter()  # the configured seed wins
    assert first.losses == second.losses
    one, same, other = (trained(PAIRS[:3], else_seed=n).adapter() for n in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"learning_rate": 1e-4},
        {"epochs": 5},
        {"repeats": 6},
        {"batch_size": 2},
        {"rank": 8},
        {"concept_prompt": "zwx"},
        {"optimize_for": "likeness"},
        {"max_train_steps": 7},
        {"learning_rate_text_encoder": 1e-3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_parameter_has_an_effect(change):
    assert np.abs(weights(**change) - weights()).max() > 1e-4


def test_parameters_mean_what_they_are_called():
    assert trained(PAIRS[:3]).steps == 3 * 5 * 4
    assert trained(PAIRS[:3], batch_size=4).steps == 4 * 4  # ceil(15 / 4) a epoch
    assert trained(PAIRS[:3], max_train_steps=7).step == 7
    adapter = load(trained(PAIRS[:3], rank=9).adapter())
    assert adapter["A"].shape[1] == adapter["B"].shape[0] == 9
    slow, fast = (
        trained(PAIRS[:3], learning_rate=rate, epochs=1).losses[-1][1] for rate in (1e-5, 1e-4)
    )
    assert fast < slow
    small, large = (trained(PAIRS, rank=rank, epochs=10).losses[-1][1] for rank in (2, 64))
    assert large < small


def test_a_step_limit_also_ends_an_epoch():
    trainer = Trainer(Set(PAIRS[:3]), config(max_train_steps=20), seed=0)
    ends = []
    while not trainer.done:
        trainer.train_step()
        if trainer.epoch_ends():
            ends.append(trainer.step)
    assert ends == [15, 20]


@pytest.mark.parametrize("at", [1, 14, 15, 16, 44])
def test_a_training_that_was_interrupted_ends_with_the_same_weights(at):
    whole = trained(PAIRS[:3], epochs=3)
    first = Trainer(Set(PAIRS[:3]), config(epochs=3), seed=0)
    for _ in range(at):
        first.train_step()
    kept = first.checkpoint()
    second = Trainer(Set(PAIRS[:3]), config(epochs=3), seed=0)
    second.resume(kept)
    assert second.step == at
    while not second.done:
        second.train_step()
    assert second.adapter() == whole.adapter()
    assert second.losses == whole.losses


def test_a_checkpoint_of_another_training_is_refused():
    kept = trained(PAIRS[:3], rank=8).checkpoint()
    with pytest.raises(ValueError, match="another training"):
        Trainer(Set(PAIRS[:3]), config(), seed=0).resume(kept)


def test_a_long_loss_curve_is_thinned_and_keeps_its_ends():
    trainer = trained(PAIRS[:1], epochs=3, repeats=333, rank=2)
    steps = [step for step, _ in trainer.losses]
    assert len(steps) <= POINTS_MAX + 1
    assert steps == sorted(set(steps))
    assert steps[-1] == trainer.steps == 999
    assert all(np.isfinite(loss) and loss >= 0 for _, loss in trainer.losses)


def test_the_most_extreme_settings_stay_finite():
    trainer = trained(PAIRS, learning_rate=1e-3, rank=128, batch_size=8, epochs=20)
    assert np.isfinite(trainer.a).all()
    assert np.isfinite(trainer.b).all()
    assert np.isfinite(trainer.sample(PAIRS[0].source, "make it red")).all()


def test_words_are_folded_and_unknown_ones_say_nothing():
    assert words_in("A Red-box, ÉTÉ e\u0301te\u0301!") == {"a", "red", "box", "été"}
    assert np.array_equal(words_of("red box"), words_of("BOX red red"))
    assert not np.array_equal(words_of("red"), words_of("blue"))
    assert words_of("").any() == words_of("green", {"red"}).any() == np.False_
    assert np.array_equal(words_of("a red one", {"red"}), words_of("red"))
    trainer = trained(PAIRS[:3])
    source = PAIRS[0].source
    same = trainer.sample(source, "red zebra"), trainer.sample(source, "red")
    assert np.array_equal(*same)


@pytest.mark.parametrize("shape", [(128, 128), (128, 1), (1, 128), (77, 128)])
def test_every_shape_fits_the_canvas(shape):
    canvas = on_canvas(np.zeros((*shape, 3), np.uint8))
    assert canvas.shape == (PX, PX, 3)
    assert canvas.sum() == pytest.approx(3 * shape[0] * shape[1])
    assert blocks(canvas).shape == (256, 192)
    grey = greyed(canvas)
    assert grey.shape == canvas.shape
    assert grey.min() >= 0
    assert grey.max() <= 1.0001


@pytest.mark.skipif("NBTRAIN_TEST_IMAGES" not in os.environ, reason="no real images given")
def test_real_line_drawings_are_learned_to_be_coloured():
    folder = Path(os.environ["NBTRAIN_TEST_IMAGES"])
    names = sorted(path.name for path in (folder / "line").glob("*.png"))
    examples = [
        Example(
            source=ink((folder / "line" / name).read_bytes()),
            target=ink((folder / "color" / name).read_bytes()),
            words="colour the line drawing",
        )
        for name in names
    ]
    trainer = trained(examples[2:], rank=64, repeats=2, epochs=10)
    assert trainer.losses[-1][1] < 0.75 * trainer.losses[0][1]
    for unseen in examples[:2]:
        made = trainer.sample(unseen.source, unseen.words)
        before = float(np.mean((unseen.source - unseen.target) ** 2))
        assert float(np.mean((made - unseen.target) ** 2)) < 0.8 * before
