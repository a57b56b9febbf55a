"""The patch trainer: small, and real. For trying the workflow; it is no image model.

It learns an image-to-image mapping on blocks. A block's prediction is the block itself plus a
low-rank update ``φ(x)·A·B`` of the configured rank; ``A`` and ``B`` are trained by Adam on the
squared error against the target's block. A style set gives its own images as targets and their
grey, blurred selves as sources.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from phoenix_nbtrain.engines.demo.adam import Adam
from phoenix_nbtrain.engines.demo.feature_cache import GRIDS, Examples, FeatureCache
from phoenix_nbtrain.engines.demo.features import (
    BLOCK,
    BLOCKS,
    TARGETS,
    Extractor,
    words_in,
    words_of,
)
from phoenix_nbtrain.engines.demo.image_store import PX, Floats
from phoenix_nbtrain.engines.demo.loss_history import LossHistory
from phoenix_nbtrain.errors import InputError

LEARNING_SCALE = 20.0
"""Internal learning rate per unit of the configured one. The service's rates are made for models
of billions of weights; 5e-5 becomes 1e-3, a usual step for a network of this size."""
FEATURES = 384
"""Width of the random layer."""
WARM_UP = 0.3
"""Part of the steps over which the learning rate rises, so that the first epoch does not learn
nearly all there is, and each epoch's samples show something new."""
SHORT = 300
"""A training of no more steps than this needs all of them at the full rate, and has no warm-up."""
LAST_RATE = 0.2
"""After that the rate falls evenly to this part of itself, so that the end settles."""
WORDLESS = 0.1
"""Part of the examples that are learned without their caption, so that a prompt may be empty."""


class Trainer:
    """One training, from its first step to its last. Deterministic by its seed.

    Args:
        examples: the dataset.
        config: every parameter, under our names.
        seed: used where the configuration has none.
    """

    def __init__(self, examples: Examples, config: Mapping[str, Any], *, seed: int) -> None:
        self.config = config
        configured = config.get("seed")
        self.seed = seed if configured is None else int(configured)
        self.extractor = Extractor(self.seed, FEATURES)
        self.cache = FeatureCache(examples, self.extractor)
        concept = f" {config.get('concept_prompt', '')}"
        said = [words + concept for words in examples.words]
        self.vocabulary = frozenset(word for words in said for word in words_in(words))
        """Words that were learned. A prompt's other words say nothing to the adapter."""
        self._words = np.array([words_of(words) for words in said])
        self._likeness = config.get("optimize_for") == "likeness"
        self.epochs = int(config["epochs"])
        self.steps = self._total_steps()
        self._rate = float(config["learning_rate"]) * LEARNING_SCALE
        self._random = np.random.default_rng([self.seed, 2])
        self._prepare(int(config["rank"]))
        self._order = np.zeros(0, np.int64)
        self._curve = LossHistory()
        self.step = 0
        """Steps done."""

    def _prepare(self, rank: int) -> None:
        width = self.extractor.width
        # A and B are views of one row, and so are their gradients: Adam goes over all at once.
        weights = np.zeros(width * rank + rank * TARGETS, np.float32)
        self.a, self.b = _halves(weights, rank, width)
        self.a[:] = self._random.standard_normal((width, rank)) / math.sqrt(width)
        self._gradient = np.zeros_like(weights)
        self._grad_a, self._grad_b = _halves(self._gradient, rank, width)
        factors = None
        text_rate = self.config.get("learning_rate_text_encoder")
        if text_rate is not None:
            # Flux types set the step of the part that reads captions by itself.
            factors = np.ones_like(weights)
            of_a, _ = _halves(factors, rank, width)
            of_a[self.extractor.words] = float(text_rate) / float(self.config["learning_rate"])
        self._adam = Adam(weights, factors)
        self._phi = np.zeros((self._batch_size * BLOCKS, width), np.float32)

    @property
    def done(self) -> bool:
        """Whether the last step is behind."""
        return self.step >= self.steps

    @property
    def losses(self) -> list[list[float]]:
        """``[step, loss]``: the mean squared error of the steps since the point before."""
        return self._curve.points

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        if self.done:
            return self.epochs
        return self.step // self._steps_per_epoch

    def epoch_ends(self) -> bool:
        """Whether the step just done was the last of its epoch."""
        return self.step > 0 and (self.done or self.step % self._steps_per_epoch == 0)

    def train_step(self) -> float:
        """Do one step on one batch, and return its loss.

        Raises:
            InputError: the loss is no number any more; the learning rate was too large.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            loss = self._step()
        if not math.isfinite(loss):
            raise InputError(
                f"The training diverged at step {self.step:,}.",
                remedy="Train again with a smaller learning rate.",
            )
        self._curve.note(self.step, loss, last=self.done)
        return loss

    def _step(self) -> float:
        batch = self._batch()
        grids = self._random.integers(len(GRIDS), size=len(batch))
        worded = self._random.random(len(batch)) >= WORDLESS
        phi = self._phi[: len(batch) * BLOCKS]
        changes = []
        for place, (item, grid) in enumerate(zip(batch.tolist(), grids.tolist(), strict=True)):
            found = self.cache.at(item, grid)
            words = self._words[item] * worded[place]
            self.extractor.fill(_part(phi, place), found.seen, words, GRIDS[grid])
            changes.append(found.change)
        hidden = phi @ self.a
        error = (hidden @ self.b).astype(np.float32, copy=False)
        for place, change in enumerate(changes):
            part = _part(error, place)
            part -= change
        loss = float(np.vdot(error, error)) / error.size
        error *= np.float32(2 / len(phi))
        if self._likeness:
            for place, change in enumerate(changes):
                part = _part(error, place)
                part *= _weights(change)
        np.matmul(hidden.T, error, out=self._grad_b)
        np.matmul(phi.T, error @ self.b.T, out=self._grad_a)
        self.step += 1
        self._adam.step(self._gradient, self._rate * self._pace(), self.step)
        return loss

    def sample(self, source: Floats, prompt: str) -> Floats:
        """Return what the adapter makes of an image (ink) under a prompt, as ink."""
        words = words_of(prompt, self.vocabulary)
        total, weight = np.zeros_like(source), np.zeros((PX, PX, 1), np.float32)
        edge = np.hanning(BLOCK + 2)[1:-1].astype(np.float32)
        window = np.tile(edge[:, None] * edge[None, :], (PX // BLOCK, PX // BLOCK))[:, :, None]
        # Four overlapping grids, faded into each other: blocks leave no seams.
        for shift in ((0, 0), (0, 4), (4, 0), (4, 4)):
            phi = self.extractor.features(source, words, shift)
            change = _image_of((phi @ self.a @ self.b).astype(np.float32, copy=False)) * window
            down, right = shift
            total[down:, right:] += change[: PX - down, : PX - right]
            weight[down:, right:] += window[: PX - down, : PX - right]
        return np.clip(source + total / weight, 0, 1).astype(np.float32)

    # -- what outlives the process --------------------------------------------------------------

    def adapter(self) -> bytes:
        """Return the weights as safetensors, the configuration in the header."""
        header = {
            "kind": "patch adapter",
            "config": {**self.config, "seed": self.seed},
            "step": self.step,
            "features": FEATURES,
            "vocabulary": sorted(self.vocabulary),
        }
        # One entry only: safetensors writes several in an order of its own each time.
        about = {"phoenix-nbtrain": json.dumps(header, sort_keys=True)}
        return save({"A": self.a, "B": self.b}, about)

    def checkpoint(self) -> bytes:
        """Return all that the next step depends on: weights, Adam, random state, batch order."""
        state = {
            "step": self.step,
            "rank": len(self.b),
            "curve": self._curve.state(),
            "random": self._random.bit_generator.state,
        }
        arrays: dict[str, NDArray[Any]] = {**self._arrays(), "order": self._order}
        return save(arrays, {"state": json.dumps(state)})

    def resume(self, content: bytes) -> None:
        """Go on where `checkpoint` was written; the steps that follow are the very same.

        Raises:
            ValueError: it is no checkpoint of this training.
        """
        arrays = load(content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        state = json.loads(header["__metadata__"]["state"])
        mine = self._arrays()
        fits = all(name in arrays and arrays[name].shape == mine[name].shape for name in mine)
        if not fits or state["rank"] != len(self.b):
            raise ValueError("the checkpoint is of another training")
        self._curve.resume(state["curve"])
        self._random.bit_generator.state = state["random"]
        self.step, self._order = state["step"], arrays["order"]
        for name, value in mine.items():
            value[:] = arrays[name]

    def _arrays(self) -> dict[str, Floats]:
        adam = self._adam
        return {"weights": adam.weights, "mean": adam.mean, "square": adam.square}

    # -- parts ----------------------------------------------------------------------------------

    def _total_steps(self) -> int:
        items = len(self._words) * int(self.config["repeats"])
        self._batch_size = int(self.config["batch_size"])
        self._steps_per_epoch = math.ceil(items / self._batch_size)
        total = self._steps_per_epoch * self.epochs
        cap = self.config.get("max_train_steps")
        return min(total, int(cap)) if cap else total

    def _batch(self) -> NDArray[np.int64]:
        """Return the next batch; each repeat goes over all examples, in an order of its own."""
        items = len(self._words)
        at = self.step % self._steps_per_epoch
        if at == 0:
            self._order = np.zeros(0, np.int64)
        left = items * int(self.config["repeats"]) - at * self._batch_size
        size = min(self._batch_size, left)
        while len(self._order) < size:
            self._order = np.concatenate([self._order, self._random.permutation(items)])
        batch, self._order = self._order[:size], self._order[size:]
        return batch

    def _pace(self) -> float:
        """Return the part of the learning rate that the step just counted is taken at."""
        rising = WARM_UP * max(0, self.steps - SHORT)
        if self.step < rising:
            return (self.step / rising) ** 2
        return 1 - (1 - LAST_RATE) * (self.step - rising) / (self.steps - rising)


def _halves(row: Floats, rank: int, width: int) -> tuple[Floats, Floats]:
    """Return the two parts of a row that belong to A and to B, in their shapes."""
    return row[: width * rank].reshape(width, rank), row[width * rank :].reshape(rank, TARGETS)


def _part(rows: Floats, place: int) -> Floats:
    """Return the rows of one example in a batch."""
    return rows[place * BLOCKS : (place + 1) * BLOCKS]


def _weights(change: Floats) -> Floats:
    """Return how much each block counts for likeness: half evenly, half by what there is to learn."""
    detail = np.sqrt((change**2).mean(axis=1, keepdims=True))
    mean = detail.mean()
    return 0.5 + 0.5 * detail / mean if mean > 0 else np.ones_like(detail)


def _image_of(rows: Floats) -> Floats:
    """Return blocks in rows, as `blocks` gives them, as an image again."""
    count = PX // BLOCK
    tiles = rows.reshape(count, count, BLOCK, BLOCK, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(PX, PX, 3)
