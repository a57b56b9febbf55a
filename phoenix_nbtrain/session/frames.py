"""Images and pairs as frames: read as copies, and made the truth when they are assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from phoenix_nbtrain.dataset.baselines import Baseline, Baselines
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.session.editing import Editing
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.telling import warn

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset import frames

__all__ = ["Frames"]


class Frames:
    """The two frames of one training, and what each of them showed when it was read."""

    def __init__(self, live: StateStore, editing: Editing) -> None:
        self._live = live
        self._editing = editing
        self._baselines = Baselines()

    def images(self) -> pd.DataFrame:
        """Return the images, one row each, as they stand on disk."""
        from phoenix_nbtrain.dataset import frames

        draft = self._live.read()
        frame = frames.images_frame(draft)
        self._baselines.show(frame, "images", draft)
        return frame

    def assign_images(self, frame: pd.DataFrame) -> None:
        """Make ``frame`` the images, all or nothing."""
        from phoenix_nbtrain.dataset import frames

        known, baseline = self._live.state.draft.image, self._baselines.of(frame)

        def made(draft: Draft) -> frames.Assignment:
            return frames.images_from_frame(draft, frame, known=known, baseline=baseline)

        self._assign(frame, baseline, made)

    def pairs(self) -> pd.DataFrame:
        """Return the pairs, one row each, as they stand on disk."""
        from phoenix_nbtrain.dataset import frames

        draft = self._live.read()
        frame = frames.pairs_frame(draft)
        self._baselines.show(frame, "pairs", draft)
        return frame

    def assign_pairs(self, frame: pd.DataFrame) -> None:
        """Make ``frame`` the pairs, all or nothing."""
        from phoenix_nbtrain.dataset import frames

        known, baseline = self._live.state.draft.pair, self._baselines.of(frame)

        def made(draft: Draft) -> frames.Assignment:
            return frames.pairs_from_frame(draft, frame, known=known, baseline=baseline)

        self._assign(frame, baseline, made)

    def _assign(
        self,
        frame: object,
        baseline: Baseline | None,
        make: Callable[[Draft], frames.Assignment],
    ) -> None:
        """Assign a frame, remember what it holds now, and say what of it was not taken."""
        made: list[frames.Assignment] = []

        def ops(draft: Draft) -> Sequence[Op]:
            made[:] = [make(draft)]
            return made[0].ops

        self._editing.do(ops).result()
        if baseline is not None:
            baseline.said.update(made[0].said)
        self._baselines.assigned(frame, made[0].cells, made[0].computed)
        if made[0].words:
            warn(made[0].words)
