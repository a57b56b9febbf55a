"""What the patch trainer looks at, in bounded memory however large the training set.

One look at an example is one of its two grids of blocks: what is seen of each block before any
word is said, and how the target's block differs from the source's. Working a look out takes
several times as long as learning from it, so looks are kept while there is room.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from phoenix_nbtrain.engines.demo.features import Extractor, blocks
from phoenix_nbtrain.engines.demo.image_store import Floats, ImageStore, greyed

__all__ = ["GRIDS", "KEPT_BYTES", "Examples", "FeatureCache", "Look", "TrainingSet"]

GRIDS = ((0, 0), (4, 4))
"""How far the grids that training looks at are shifted, down and right."""
KEPT_BYTES = 64 << 20
"""Room for looks: 56 examples. The service's largest training set, 50 images, fits whole."""


class Examples(Protocol):
    """A training set. Its pictures are read when they are looked at."""

    @property
    def words(self) -> Sequence[str]:
        """What is said of each example: its caption, or a pair's instruction."""

    def pictures(self, item: int) -> tuple[Floats, Floats]:
        """Return what an example starts from and what it should become, as ink."""


@dataclass(frozen=True)
class TrainingSet:
    """Examples whose pictures wait on disk."""

    images: ImageStore
    rows: Sequence[tuple[Hashable, Hashable, str]]
    """Source, target and words. A style set has no source: its pictures start from their own
    grey, blurred selves."""

    @property
    def words(self) -> Sequence[str]:
        return [words for _, _, words in self.rows]

    def pictures(self, item: int) -> tuple[Floats, Floats]:
        source, target, _ = self.rows[item]
        ink = self.images.ink(target)
        return (greyed(ink) if source is None else self.images.ink(source)), ink


class Look(NamedTuple):
    """One grid of an example."""

    seen: Floats
    """The hidden layer before words and bend: ``(blocks, hidden)``."""
    change: Floats
    """Target less source: ``(blocks, TARGETS)``."""


class FeatureCache:
    """The looks at a training set.

    The first ones that fit are kept, and the others are worked out each time. Training goes over
    all examples in turn, so keeping the latest instead would nearly always keep the wrong ones.
    A look is the same numbers either way.
    """

    def __init__(self, examples: Examples, extractor: Extractor, *, room: int = KEPT_BYTES) -> None:
        self._examples = examples
        self._extractor = extractor
        self._room = room
        self._kept: dict[tuple[int, int], Look] = {}

    @property
    def kept_bytes(self) -> int:
        """Memory in use for looks that are kept."""
        return sum(look.seen.nbytes + look.change.nbytes for look in self._kept.values())

    def at(self, item: int, grid: int) -> Look:
        """Return a look at an example."""
        kept = self._kept.get((item, grid))
        if kept is not None:
            return kept
        source, target = self._examples.pictures(item)
        shift = GRIDS[grid]
        seen = self._extractor.seen(self._extractor.view(source, shift))
        look = Look(seen, blocks(target - source, shift))
        size = look.seen.nbytes + look.change.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[item, grid] = look
        return look
