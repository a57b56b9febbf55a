"""The patch trainer against the same arithmetic in bare numpy, on one core.

    python tests/bench/bench_trainer.py

The first peer does what a step does, written out as one would in a notebook. The second has the
features of every look, words and all, lying ready: it is the matrix products and Adam alone, and
holds several times the memory. The last figure is a whole run as a worker does it (images read,
epochs sampled, progress written) against its steps alone.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))
    from bench.figures import alone

    alone()

import numpy as np
from bench.figures import better_when_high, better_when_low, seconds, sized

from phoenix_nbtrain.catalog import full_config
from phoenix_nbtrain.engines.demo.feature_cache import GRIDS, TrainingSet
from phoenix_nbtrain.engines.demo.features import BLOCKS, TARGETS, words_of
from phoenix_nbtrain.engines.demo.image_store import PX, ImageStore
from phoenix_nbtrain.engines.demo.patch_trainer import LEARNING_SCALE, WORDLESS, Trainer
from phoenix_nbtrain.images.drawings import ICONS, icon

IMAGES = sized(20, 2)
STEPS = IMAGES * 20
"""One epoch of the defaults."""


def drawings(folder: Path) -> TrainingSet:
    images = ImageStore(folder)
    for name in ICONS[:IMAGES]:
        picture = icon(name, PX, style="colour").convert("RGB")
        images.add(name, np.asarray(picture, np.uint8))
    return TrainingSet(images, [(None, name, f"a {name}") for name in ICONS[:IMAGES]])


class Bare:
    """The training as a script would do it: no checkpoints, no curve, no bounds."""

    def __init__(self, examples: TrainingSet, *, ready: bool) -> None:
        ours = Trainer(examples, config(), seed=0)
        self.looks = [[ours.cache.at(i, g) for g in (0, 1)] for i in range(IMAGES)]
        self.words = [words_of(words) for words in examples.words]
        self.extractor = ours.extractor
        self.a, self.b = ours.a.copy(), ours.b.copy()
        self.moments = [np.zeros_like(m) for m in (self.a, self.a, self.b, self.b)]
        self.rate = np.float32(config()["learning_rate"] * LEARNING_SCALE)
        self.random = np.random.default_rng(0)
        self.step = 0
        self.ready = (
            {(i, g): self.phi(i, g, said=True) for i in range(IMAGES) for g in (0, 1)}
            if ready
            else None
        )

    def phi(self, item: int, grid: int, *, said: bool) -> Any:
        from phoenix_nbtrain.engines.demo.features import place

        words = self.words[item] if said else np.zeros_like(self.words[item])
        seen = self.looks[item][grid].seen
        return np.concatenate(
            [
                np.maximum(seen + words @ self.extractor._word_layer, 0),
                np.ones((BLOCKS, 1), np.float32),
                np.broadcast_to(words, (BLOCKS, len(words))),
                place(GRIDS[grid]),
            ],
            axis=1,
        )

    def epoch(self) -> None:
        for _ in range(STEPS // IMAGES):
            for item in self.random.permutation(IMAGES):
                self.train_step(item)

    def train_step(self, item: int) -> None:
        grid = int(self.random.integers(2))
        said = bool(self.random.random() >= WORDLESS)
        phi = self.phi(item, grid, said=said) if self.ready is None else self.ready[item, grid]
        hidden = phi @ self.a
        error = hidden @ self.b - self.looks[item][grid].change
        self.loss = float(np.mean(error * error))
        error = error * np.float32(2 / BLOCKS)
        grad_b = hidden.T @ error
        grad_a = phi.T @ (error @ self.b.T)
        self.step += 1
        correction = np.float32(np.sqrt(1 - 0.99**self.step) / (1 - 0.9**self.step))
        rate = self.rate * correction
        m_a, v_a, m_b, v_b = self.moments
        adam(self.a, grad_a, m_a, v_a, rate)
        adam(self.b, grad_b, m_b, v_b, rate)


def adam(weights: Any, gradient: Any, mean: Any, square: Any, rate: Any) -> None:
    mean += (gradient - mean) * np.float32(0.1)
    square += (gradient * gradient - square) * np.float32(0.01)
    weights -= rate * mean / (np.sqrt(square) + np.float32(1e-8))


def config(**changes: Any) -> dict[str, Any]:
    return full_config("flux.2-dev-lora", {"seed": 0, **changes})


def epoch_of(trainer: Trainer) -> Callable[[], None]:
    def epoch() -> None:
        for _ in range(STEPS):
            trainer.train_step()

    return epoch


def ten_epochs(trainer: Trainer) -> Callable[[], None]:
    def epochs() -> None:
        for _ in range(10):
            epoch_of(trainer)()

    return epochs


def whole_run(folder: Path) -> Callable[[], None]:
    """Return a launched training of 20 images at 256 px, as the worker runs it."""
    from unit.local.local_phoenix import Phoenix

    from phoenix_nbtrain.local import worker
    from phoenix_nbtrain.local.workers import Workers

    Workers.ensure = lambda self: None  # type: ignore[method-assign] # this process does it
    phoenix = Phoenix(folder)
    model_id = phoenix.model()
    for name in ICONS[:IMAGES]:
        content = io.BytesIO()
        icon(name, 256, style="colour").convert("RGB").save(content, "PNG")
        phoenix.attach(model_id, phoenix.upload(content.getvalue(), f"{name}.png"))
    prompts = ["a fox", "a house"]

    def run() -> None:
        job_id = phoenix.launch(model_id, nbEpochs=10, seed=0, samplePrompts=prompts)
        worker.work_off(phoenix.store)
        assert phoenix.job(job_id)["status"] == "success", json.dumps(phoenix.job(job_id))

    return run


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = drawings(folder)
        # Epochs without end: only the rate of steps is measured.
        trainer = Trainer(examples, config(epochs=10**6), seed=0)
        bare, ready = Bare(examples, ready=False), Bare(examples, ready=True)
        epoch_of(trainer)()
        assert trainer.b.shape[1] == TARGETS
        ours, same, least = seconds(epoch_of(trainer), bare.epoch, ready.epoch, rounds=sized(7, 1))
        unit = "epochs/s"
        better_when_high("epochs of 20 images, against bare numpy", 1 / ours, 1 / same, unit)
        better_when_high("the same, features ready beforehand", 1 / ours, 1 / least, unit)
        run, steps = seconds(whole_run(folder / "phoenix"), ten_epochs(trainer), rounds=sized(3, 1))
        better_when_low("10 epochs of 20 images of 256 px, whole run", run, steps, "s")
        examples.images.close()


if __name__ == "__main__":
    main()
