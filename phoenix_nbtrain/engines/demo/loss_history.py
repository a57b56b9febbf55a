"""The loss curve of a training: as many points as a chart can show, however long it runs."""

from __future__ import annotations

from typing import Any

POINTS_MAX = 400
"""Points a curve keeps; beyond, neighbours are averaged."""


class LossHistory:
    """Losses step by step, averaged in strides that double as the curve grows."""

    def __init__(self) -> None:
        self.points: list[list[float]] = []
        """``[step, loss]``: the mean loss of the steps since the point before."""
        self._stride = 1
        self._sum, self._count = 0.0, 0

    def note(self, step: int, loss: float, *, last: bool) -> None:
        """Take in the loss of a step. The last one always ends with a point."""
        self._sum += loss
        self._count += 1
        if self._count < self._stride and not last:
            return
        self.points.append([step, self._sum / self._count])
        self._sum, self._count = 0.0, 0
        if len(self.points) >= POINTS_MAX and not last:
            neighbours = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [[late[0], (early[1] + late[1]) / 2] for early, late in neighbours]
            self._stride *= 2

    def state(self) -> dict[str, Any]:
        """Return all that the next point depends on."""
        return {
            "points": self.points,
            "stride": self._stride,
            "sum": self._sum,
            "count": self._count,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            KeyError: it is no state of a curve.
        """
        points, stride, total, count = (state[k] for k in ("points", "stride", "sum", "count"))
        self.points, self._stride, self._sum, self._count = points, stride, total, count
