"""What frames held when they were read, so that it is known what was changed in them since.

A frame carries a token (`DataFrame.attrs`); what it stands for is kept here, in the kernel that
made the frame. pandas hands a token on to most of what is made of a frame, so many frames may
share one.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any, TypeAlias

from phoenix_nbtrain.draft import COLUMNS, Draft

KEPT = 64
"""States that are kept. For a frame of an older one, all that differs counts as changed in it."""
COMPUTED = ("width", "height", "bytes", "asset_id")
"""The columns of images that are read from the image and cannot be set."""
_READ = "phoenix_nbtrain.read"

Cells: TypeAlias = Mapping[str, tuple[str, ...]]
"""The values in `COLUMNS` by row id, in order."""
Computed: TypeAlias = Mapping[str, Mapping[str, Any]]
"""The values in `COMPUTED` by row id, then by column; empty for pairs."""


@dataclass
class Baseline:
    """What one frame held when it was read."""

    cells: Cells
    computed: Computed
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    """Cells that were set since by assigning a frame that was made of it, by row id and column.

    Their texts are that frame's own, so another frame made of the same one may change them.
    """


class Baselines:
    """The baselines of a kernel's frames of one training. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[Cells, Computed, dict[str, Baseline]]] = {}
        """By state: what it holds, and by reading what frames of it did since."""
        self._newest: dict[str, tuple[Draft, str]] = {}
        self._readings = count()

    def show(self, frame: Any, table: str, draft: Draft) -> None:
        """Give a frame of ``draft`` its token."""
        with self._lock:
            newest, state = self._newest.get(table, (None, ""))
            if newest is not draft or state not in self._kept:
                state = self._keep(*_held(table, draft))
                self._newest[table] = draft, state
            frame.attrs[_READ] = f"{state}.{next(self._readings)}"

    def of(self, frame: Any) -> Baseline | None:
        """Return a frame's baseline; ``None`` where there is none, or no more."""
        state, _, reading = str(getattr(frame, "attrs", {}).get(_READ, "")).partition(".")
        with self._lock:
            if state not in self._kept:
                return None
            kept = self._kept[state] = self._kept.pop(state)  # the last to go
            cells, computed, readings = kept
            return readings.setdefault(reading, Baseline(cells, computed))

    def assigned(self, frame: Any, cells: Cells, computed: Computed) -> None:
        """Note that a frame was assigned: what it holds now is what is changed in it next."""
        attrs = getattr(frame, "attrs", None)
        if attrs is None:
            return
        with self._lock:
            attrs[_READ] = f"{self._keep(cells, computed)}.{next(self._readings)}"

    def _keep(self, cells: Cells, computed: Computed) -> str:
        state = secrets.token_hex(8)
        self._kept[state] = cells, computed, {}
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return state


def _held(table: str, draft: Draft) -> tuple[Cells, Computed]:
    """Return what a frame of the draft holds."""
    rows: Mapping[str, Any] = draft.image if table == "images" else draft.pair
    columns = COLUMNS[table]
    cells = {i: tuple(getattr(row, c) for c in columns) for i, row in rows.items()}
    if table == "pairs":
        return cells, {}
    return cells, {i: {c: getattr(row, c) for c in COMPUTED} for i, row in rows.items()}
