"""The patch trainer: small, and real. For trying the workflow; it is no image model.

It learns a picture-to-picture mapping on blocks. A block's prediction is the block itself plus a
low-rank update ``φ(x)·A·B`` of the configured rank; ``A`` and ``B`` are trained by Adam on the
squared error against the target's block. A style set gives its own pictures as targets and their
grey, blurred selves as sources.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.local.features import (
    BLOCK,
    PX,
    TARGETS,
    Extractor,
    blocks,
    words_in,
    words_of,
)

__all__ = ["Example", "Trainer", "greyed"]

LEARNING_SCALE = 20.0
"""Internal learning rate per unit of the configured one. The service's rates are made for models
of billions of weights; 5e-5 becomes 1e-3, a usual step for a network of this size."""
FEATURES = 384
"""Width of the random layer."""
BLOCKS_PER_PICTURE = 256
"""Blocks that one look at a picture learns from, drawn at random."""
LOSS_POINTS_MAX = 400
"""Points a loss curve keeps; beyond, neighbours are averaged."""
LAST_RATE = 0.2
"""The learning rate falls evenly to this part of itself, so that the end settles."""
WORDLESS = 0.1
"""Part of the looks that are taken without the caption, so that a prompt may be empty."""
_BETAS = (0.9, 0.99)
_EPSILON = 1e-8
_SHIFTS = ((0, 0), (4, 4))
"""Grids that training looks at."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One thing to learn: what should become what, and in which words. Both as ink."""

    source: Floats
    target: Floats
    words: str


def greyed(ink: Floats) -> Floats:
    """Return a picture without its colours and its detail: what a style set starts from."""
    grey = ink.mean(axis=2)
    for axis in (0, 1):
        for _ in range(3):  # three boxes make nearly a Gaussian
            padded = np.pad(grey, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], "edge")
            total = np.cumsum(
                np.pad(padded, [(1, 0) if a == axis else (0, 0) for a in (0, 1)]), axis
            )
            high = [slice(5, None) if a == axis else slice(None) for a in (0, 1)]
            low = [slice(None, -5) if a == axis else slice(None) for a in (0, 1)]
            grey = (total[tuple(high)] - total[tuple(low)]) / 5
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.float32)


class Trainer:
    """One training, from its first step to its last. Deterministic by its seed.

    Args:
        examples: the training set.
        config: every parameter, under our names.
        seed: used where the configuration has none.
    """

    def __init__(
        self, examples: Sequence[Example], config: Mapping[str, Any], *, seed: int
    ) -> None:
        self.config = config
        configured = config.get("seed")
        self.seed = seed if configured is None else int(configured)
        self.extractor = Extractor(self.seed, FEATURES)
        self._concept = f" {config.get('concept_prompt', '')}"
        self.vocabulary = frozenset(
            word for example in examples for word in words_in(example.words + self._concept)
        )
        """Words that were learned. A prompt's other words say nothing to the adapter."""
        self._phi, self._change, self._odds = self._prepared(examples)
        self.epochs = int(config["epochs"])
        self.steps = self._total_steps(len(examples))
        rate = float(config["learning_rate"]) * LEARNING_SCALE
        self._rates = np.full((self.extractor.width, 1), rate, np.float32)
        text_rate = config.get("learning_rate_text_encoder")
        if text_rate is not None:
            # Flux types set the step of the part that reads captions by itself.
            self._rates[self.extractor.words] = float(text_rate) * LEARNING_SCALE
        random = np.random.default_rng([self.seed, 2])
        rank, width = int(config["rank"]), self.extractor.width
        scale = 1 / math.sqrt(width)
        self.a = (random.standard_normal((width, rank)) * scale).astype(np.float32)
        self.b = np.zeros((rank, TARGETS), np.float32)
        self._moments = [np.zeros_like(m) for m in (self.a, self.a, self.b, self.b)]
        self._rate = rate
        self._random = random
        self._order = np.zeros(0, np.int64)
        self.step = 0
        """Steps done."""
        self.losses: list[list[float]] = []
        """``[step, loss]``: the mean squared error of the steps since the point before."""
        self._stride = 1
        self._sum, self._count = 0.0, 0

    @property
    def done(self) -> bool:
        """Whether the last step is behind."""
        return self.step >= self.steps

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
        self._note(loss)
        return loss

    def _step(self) -> float:
        batch = self._batch()
        picks = [
            (i, self._random.choice(len(self._odds[i]), BLOCKS_PER_PICTURE, p=self._odds[i]))
            for i in batch
        ]
        wordless = self._random.random(len(batch)) < WORDLESS
        phi = np.concatenate(
            [self._phi[i][int(w)][rows] for (i, rows), w in zip(picks, wordless, strict=True)]
        )
        change = np.concatenate([self._change[i][rows] for i, rows in picks])
        hidden = phi @ self.a
        error = hidden @ self.b - change
        loss = float(np.mean(error * error))
        gradient = error * np.float32(2 / len(phi))
        grad_b = hidden.T @ gradient
        grad_a = phi.T @ (gradient @ self.b.T)
        self.step += 1
        m_a, v_a, m_b, v_b = self._moments
        fall = np.float32(1 - (1 - LAST_RATE) * (self.step - 1) / self.steps)
        self._adam(self.a, grad_a, m_a, v_a, self._rates * fall)
        self._adam(self.b, grad_b, m_b, v_b, np.float32(self._rate) * fall)
        return loss

    def sample(self, source: Floats, prompt: str) -> Floats:
        """Return what the adapter makes of a picture (ink) under a prompt, as ink."""
        words = words_of(prompt, self.vocabulary)
        total, weight = np.zeros_like(source), np.zeros((PX, PX, 1), np.float32)
        edge = np.hanning(BLOCK + 2)[1:-1].astype(np.float32)
        window = np.tile(edge[:, None] * edge[None, :], (PX // BLOCK, PX // BLOCK))[:, :, None]
        # Four overlapping grids, faded into each other: blocks leave no seams.
        for shift in ((0, 0), (0, 4), (4, 0), (4, 4)):
            phi = self.extractor.features(self.extractor.view(source, shift), words)
            change = _picture((phi @ self.a @ self.b).astype(np.float32, copy=False)) * window
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
        names = ("mean_a", "square_a", "mean_b", "square_b")
        tensors = dict(zip(names, self._moments, strict=True))
        state = {
            "step": self.step,
            "losses": self.losses,
            "stride": self._stride,
            "sum": self._sum,
            "count": self._count,
            "random": self._random.bit_generator.state,
        }
        arrays: dict[str, NDArray[Any]] = {"A": self.a, "B": self.b, "order": self._order}
        return save({**arrays, **tensors}, {"state": json.dumps(state)})

    def resume(self, content: bytes) -> None:
        """Go on where `checkpoint` was written; the steps that follow are the very same.

        Raises:
            ValueError: it is no checkpoint of this training.
        """
        arrays = load(content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        state = json.loads(header["__metadata__"]["state"])
        if arrays["A"].shape != self.a.shape or arrays["B"].shape != self.b.shape:
            raise ValueError("the checkpoint is of another training")
        self.a, self.b, self._order = arrays["A"], arrays["B"], arrays["order"]
        self._moments = [arrays[n] for n in ("mean_a", "square_a", "mean_b", "square_b")]
        self._random.bit_generator.state = state["random"]
        self.step, self.losses = state["step"], state["losses"]
        self._stride, self._sum, self._count = state["stride"], state["sum"], state["count"]

    # -- parts ----------------------------------------------------------------------------------

    def _prepared(
        self, examples: Sequence[Example]
    ) -> tuple[list[tuple[Floats, Floats]], list[Floats], list[NDArray[np.float64]]]:
        phis, changes, odds = [], [], []
        for example in examples:
            words = words_of(example.words + self._concept)
            with_words, without, change = [], [], []
            for shift in _SHIFTS:
                view = self.extractor.view(example.source, shift)
                with_words.append(self.extractor.features(view, words))
                without.append(self.extractor.features(view, np.zeros_like(words)))
                change.append(blocks(example.target, shift) - blocks(example.source, shift))
            phis.append((np.concatenate(with_words), np.concatenate(without)))
            changes.append(np.concatenate(change))
            odds.append(self._chances(changes[-1]))
        return phis, changes, odds

    def _chances(self, change: Floats) -> NDArray[np.float64]:
        """Return how likely each block is drawn: evenly, or by how much there is to learn."""
        even = np.full(len(change), 1 / len(change))
        if self.config.get("optimize_for") != "likeness":
            return even
        detail = np.sqrt((change.astype(np.float64) ** 2).mean(axis=1))
        return even if not detail.any() else 0.5 * even + 0.5 * detail / detail.sum()

    def _total_steps(self, items: int) -> int:
        looks = items * int(self.config["repeats"])
        self._batch_size = int(self.config["batch_size"])
        self._steps_per_epoch = math.ceil(looks / self._batch_size)
        total = self._steps_per_epoch * self.epochs
        cap = self.config.get("max_train_steps")
        return min(total, int(cap)) if cap else total

    def _batch(self) -> NDArray[np.int64]:
        """Return the next batch; each repeat goes over all examples, in an order of its own."""
        items = len(self._phi)
        at = self.step % self._steps_per_epoch
        if at == 0:
            self._order = np.zeros(0, np.int64)
        left = items * int(self.config["repeats"]) - at * self._batch_size
        size = min(self._batch_size, left)
        while len(self._order) < size:
            self._order = np.concatenate([self._order, self._random.permutation(items)])
        batch, self._order = self._order[:size], self._order[size:]
        return batch

    def _adam(
        self, weights: Floats, gradient: Floats, mean: Floats, square: Floats, rate: Any
    ) -> None:
        one, two = _BETAS
        mean += (gradient - mean) * np.float32(1 - one)
        square += (gradient * gradient - square) * np.float32(1 - two)
        correction = math.sqrt(1 - two**self.step) / (1 - one**self.step)
        weights -= rate * np.float32(correction) * mean / (np.sqrt(square) + np.float32(_EPSILON))

    def _note(self, loss: float) -> None:
        self._sum += loss
        self._count += 1
        if self._count < self._stride and not self.done:
            return
        self.losses.append([self.step, self._sum / self._count])
        self._sum, self._count = 0.0, 0
        if len(self.losses) >= LOSS_POINTS_MAX and not self.done:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=True)
            self.losses = [[late[0], (early[1] + late[1]) / 2] for early, late in pairs]
            self._stride *= 2


def _picture(rows: Floats) -> Floats:
    """Return blocks in rows, as `blocks` gives them, as a picture again."""
    count = PX // BLOCK
    tiles = rows.reshape(count, count, BLOCK, BLOCK, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(PX, PX, 3)
