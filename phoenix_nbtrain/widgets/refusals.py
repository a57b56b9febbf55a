"""Words that were typed and not taken: offered again by every view that comes after."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.widgets.sources import sendable
from phoenix_nbtrain.widgets.words import MESSAGE_MAX

__all__ = ["Refusals", "refusals_of"]

KEPT = 1000
"""Cells remembered per training; the oldest are let go."""


class Refusals:
    """What was refused of the cells of one training, for as long as the kernel lives.

    A view shows its own refusals; these are for the page that is loaded again, and for the view that
    is made when a cell is run again. They are no part of the draft, which holds what was taken.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], dict[str, Any]] = {}

    def hear(self, ops: Sequence[Mapping[str, Any]], reply: Any) -> None:
        """Take note of what became of each cell that was set."""
        reasons = {refusal.op: refusal.reason for refusal in reply.refused}
        for i, op in enumerate(ops):
            cell = (str(op.get("row")), str(op.get("column")))
            if op.get("op") != "set":
                continue
            self._cells.pop(cell, None)
            if i in reasons:
                value, reason = sendable(str(op.get("value"))), shown(reasons[i], MESSAGE_MAX)
                row, column = cell
                self._cells[cell] = {"row": row, "column": column, "value": value, "reason": reason}
        for old in list(self._cells)[:-KEPT]:
            self._cells.pop(old, None)

    def forget(self, row: str, column: str) -> None:
        """Let go of what somebody has seen to."""
        self._cells.pop((row, column), None)

    def tell(self, there: Container[str]) -> list[dict[str, Any]]:
        """Return what is remembered. Words whose row is not ``there`` are told this once."""
        told = list(self._cells.values())
        for cell in told:
            if cell["row"] not in there:
                self.forget(cell["row"], cell["column"])
        return told


_KNOWN: WeakKeyDictionary[object, Refusals] = WeakKeyDictionary()


def refusals_of(training: object) -> Refusals:
    """Return what was refused of a training's cells, in whichever view."""
    return _KNOWN.setdefault(training, Refusals())
