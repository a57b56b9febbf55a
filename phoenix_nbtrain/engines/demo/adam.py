"""Adam, the optimiser of the patch trainer, written to allocate nothing while it steps."""

from __future__ import annotations

import math

import numpy as np

from phoenix_nbtrain.engines.demo.image_store import Floats

_BETAS = (0.9, 0.99)
_EPSILON = np.float32(1e-8)


class Adam:
    """Changes ``weights`` in place (Kingma and Ba, arXiv 1412.6980).

    Args:
        weights: all of them, as one row.
        factors: what the rate is multiplied by for each weight; all alike without it.
    """

    def __init__(self, weights: Floats, factors: Floats | None = None) -> None:
        self.weights = weights
        self.mean, self.square = np.zeros_like(weights), np.zeros_like(weights)
        self._factors = factors
        self._scratch = np.empty_like(weights)

    def step(self, gradient: Floats, rate: float, count: int) -> None:
        """Take step number ``count``, the first being 1."""
        one, two = _BETAS
        scratch = self._scratch
        np.subtract(gradient, self.mean, out=scratch)
        scratch *= np.float32(1 - one)
        self.mean += scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch -= self.square
        scratch *= np.float32(1 - two)
        self.square += scratch
        np.sqrt(self.square, out=scratch)
        scratch += _EPSILON
        np.divide(self.mean, scratch, out=scratch)
        # Both moments start at zero, and are that much too small at first.
        scratch *= np.float32(rate * math.sqrt(1 - two**count) / (1 - one**count))
        if self._factors is not None:
            scratch *= self._factors
        self.weights -= scratch
