"""The features of the training images, in bounded memory however large the dataset.

An example has two grids of blocks. Computing a grid's features takes several times as long as
learning from them, so they are kept while there is room.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from phoenix_nbtrain.engines.demo.features import Extractor, blocks
from phoenix_nbtrain.engines.demo.image_store import Floats, ImageStore, greyed

GRIDS = ((0, 0), (4, 4))
"""How far each grid is shifted, down and right."""
KEPT_BYTES = 64 << 20
"""Room for 56 examples. The service's largest dataset, 50 images, fits whole."""


class Examples(Protocol):
    """A dataset. Its images are read when they are needed."""

    @property
    def words(self) -> Sequence[str]:
        """What is said of each example: its caption, or a pair's instruction."""

    def source_and_target(self, item: int) -> tuple[Floats, Floats]:
        """Return what an example starts from and what it should become, as ink."""


@dataclass(frozen=True)
class TrainingSet:
    """Examples whose images wait on disk."""

    images: ImageStore
    rows: Sequence[tuple[Hashable, Hashable, str]]
    """Source, target and words. A style set has no source: its images start from their own
    grey, blurred selves."""

    @property
    def words(self) -> Sequence[str]:
        return [words for _, _, words in self.rows]

    def source_and_target(self, item: int) -> tuple[Floats, Floats]:
        source, target, _ = self.rows[item]
        ink = self.images.ink(target)
        return (greyed(ink) if source is None else self.images.ink(source)), ink


class GridFeatures(NamedTuple):
    """One grid of an example."""

    seen: Floats
    """The hidden layer before words and bend: ``(blocks, hidden)``."""
    change: Floats
    """Target less source: ``(blocks, TARGETS)``."""


class FeatureCache:
    """Computes the features of examples and keeps those of the first ones, while they fit.

    Training goes over all examples in turn, so keeping the latest instead would nearly always
    keep the wrong ones. Kept or computed again, the numbers are the same.
    """

    def __init__(self, examples: Examples, extractor: Extractor, *, room: int = KEPT_BYTES) -> None:
        self._examples = examples
        self._extractor = extractor
        self._room = room
        self._kept: dict[tuple[int, int], GridFeatures] = {}

    def at(self, item: int, grid: int) -> GridFeatures:
        """Return the features of an example's grid."""
        kept = self._kept.get((item, grid))
        if kept is not None:
            return kept
        source, target = self._examples.source_and_target(item)
        shift = GRIDS[grid]
        seen = self._extractor.seen(self._extractor.view(source, shift))
        found = GridFeatures(seen, blocks(target - source, shift))
        size = found.seen.nbytes + found.change.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[item, grid] = found
        return found
