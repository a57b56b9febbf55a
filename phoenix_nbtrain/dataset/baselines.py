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

from phoenix_nbtrain.draft import Draft

__all__ = ["COLUMNS", "KEPT", "Baseline", "Baselines", "Cells", "cells_of"]

KEPT = 64
"""States that are kept. For a frame of an older one, all that differs counts as changed in it."""
COLUMNS = {"images": ("name", "caption"), "pairs": ("source", "target", "instruction")}
"""The columns that people set."""
_READ = "phoenix_nbtrain.read"

Cells: TypeAlias = Mapping[str, tuple[str, ...]]
"""The values in `COLUMNS` by row id, in order."""


def cells_of(table: str, draft: Draft) -> Cells:
    """Return what a frame of the draft shows."""
    rows: Mapping[str, Any] = draft.image if table == "images" else draft.pair
    return {i: tuple(getattr(row, c) for c in COLUMNS[table]) for i, row in rows.items()}


@dataclass
class Baseline:
    """What one frame held when it was read."""

    cells: Cells
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    """Cells that were set since by assigning a frame that was made of it, by row id and column.

    Their texts are that frame's own, so another frame made of the same one may change them.
    """


class Baselines:
    """The baselines of a kernel's frames of one training. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[str, tuple[Cells, dict[str, Baseline]]] = {}
        """By state: its cells, and by reading what frames of it did since."""
        self._newest: dict[str, tuple[Draft, str]] = {}
        self._readings = count()

    def show(self, frame: Any, table: str, draft: Draft) -> None:
        """Give a frame of ``draft`` its token."""
        with self._lock:
            newest, state = self._newest.get(table, (None, ""))
            if newest is not draft or state not in self._kept:
                state = self._keep(cells_of(table, draft))
                self._newest[table] = draft, state
            frame.attrs[_READ] = f"{state}.{next(self._readings)}"

    def of(self, frame: Any) -> Baseline | None:
        """Return a frame's baseline; ``None`` where there is none, or no more."""
        state, _, reading = str(getattr(frame, "attrs", {}).get(_READ, "")).partition(".")
        with self._lock:
            if state not in self._kept:
                return None
            kept = self._kept[state] = self._kept.pop(state)  # the last to go
            return kept[1].setdefault(reading, Baseline(kept[0]))

    def assigned(self, frame: Any, cells: Cells) -> None:
        """Note that a frame was assigned: what it holds now is what is changed in it next."""
        attrs = getattr(frame, "attrs", None)
        if attrs is None:
            return
        with self._lock:
            attrs[_READ] = f"{self._keep(cells)}.{next(self._readings)}"

    def _keep(self, cells: Cells) -> str:
        state = secrets.token_hex(8)
        self._kept[state] = cells, {}
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return state
