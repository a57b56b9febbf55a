"""Names for the shapes of fixtures."""

from __future__ import annotations

from collections.abc import Callable

from phoenix_nbtrain.training import Training

Opened = Callable[..., Training]
