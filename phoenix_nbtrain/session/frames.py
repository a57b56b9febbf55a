"""Images and pairs as frames: read as copies, and made the truth when they are assigned."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from phoenix_nbtrain.dataset.baselines import Baselines
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.session.editing import Editing
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.telling import warn

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset import frames

Table: TypeAlias = Literal["images", "pairs"]


class Frames:
    """The two frames of one training, and what each of them showed when it was read."""

    def __init__(self, live: StateStore, editing: Editing) -> None:
        self._live = live
        self._editing = editing
        self._baselines = Baselines()

    def read(self, table: Table) -> pd.DataFrame:
        """Return a table, one row each, as it stands on disk."""
        from phoenix_nbtrain.dataset import frames

        draft = self._live.read()
        frame = frames.images_frame(draft) if table == "images" else frames.pairs_frame(draft)
        self._baselines.show(frame, table, draft)
        return frame

    def assign(self, table: Table, frame: pd.DataFrame) -> None:
        """Make ``frame`` the table, all or nothing, and say what of it was not taken."""
        from phoenix_nbtrain.dataset import frames

        standing, baseline = self._live.state.draft, self._baselines.of(frame)
        known: Collection[str] = standing.image if table == "images" else standing.pair
        make = frames.images_from_frame if table == "images" else frames.pairs_from_frame
        made: list[frames.Assignment] = []

        def ops(draft: Draft) -> Sequence[Op]:
            made[:] = [make(draft, frame, known=known, baseline=baseline)]
            return made[0].ops

        self._editing.do(ops).result()
        if baseline is not None:
            baseline.said.update(made[0].said)
        self._baselines.assigned(frame, made[0].cells, made[0].computed)
        if made[0].words:
            warn(made[0].words)
