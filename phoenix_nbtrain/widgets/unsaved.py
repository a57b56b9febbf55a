"""Text that was typed and is not in the draft: every view that comes later offers it again."""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import error_line
from phoenix_nbtrain.widgets.row_sources import sendable

KEPT = 1000
"""Cells remembered per training; the oldest are let go."""
TYPED = "Not saved: the page was closed first."
LEFT = "Not saved: the kernel did not answer."
KERNEL = secrets.token_hex(8)
"""What a page tells this kernel by from another that it talked to before."""
DIALOGS = "dialogs"
"""What stands for a table where words were typed into a dialog."""
LINE = ("source", "target", "instruction")
"""The cells of a line that was to become a pair."""


class Unsaved:
    """What was refused of the cells of one training, and what is being typed in them.

    A view shows its own refusals and fields; these are for the page that is loaded again, and for
    the view that is made when a cell is run again. They live as long as the kernel and are no part
    of the draft, which holds what was taken.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str, str], dict[str, Any]] = {}

    def typed(self, table: str, row: str, column: str, value: str) -> None:
        """Remember what a field holds now, until it is sent or let go."""
        before = self._cells.get((table, row, column), {})
        self._keep(table, row, column, value, reason=TYPED, typed=True, line=before.get("line"))

    def left(self, table: str, row: str, column: str, value: str) -> None:
        """Remember what no kernel is known to have heard, but where there is newer."""
        if (table, row, column) not in self._cells:
            self._keep(table, row, column, value, reason=LEFT, typed=True, line=None)

    def sent(self, ops: Sequence[Mapping[str, Any]]) -> None:
        """Let go of what these operations try to set: `hear` tells what became of it."""
        for op in ops:
            if op.get("op") == "set":
                self.forget(*_cell(op))

    def hear(self, ops: Sequence[Mapping[str, Any]], done: Future[Any]) -> None:
        """Remember what was not taken of an edit, but where something newer is being typed."""
        for i, reason in _reasons(ops, done).items():
            op = ops[i]
            if op.get("op") == "insert" and "line" in op:
                values = op.get("values")
                given = values if isinstance(values, Mapping) else {}
                cell = (str(op.get("table")), str(op.get("row")), "")
                # One text, as it came: a row of a table, to be copied.
                value = "\t".join(str(given.get(name, "")) for name in LINE)
            elif op.get("op") == "set":
                cell, value = _cell(op), str(op.get("value"))
            else:
                continue
            if cell not in self._cells:
                self._keep(*cell, value, reason=shown(reason, MESSAGE_MAX), line=op.get("line"))

    def forget(self, table: str, row: str, column: str) -> None:
        """Let go of what somebody has seen to."""
        self._cells.pop((table, row, column), None)

    def tell(self, table: str, there: Container[str]) -> list[dict[str, Any]]:
        """Return what is remembered of a table's cells, each with whether its row is ``there``.

        Words of a row that is not there are told this once.
        """
        told = [
            {**c, "there": c["row"] in there} for c in self._cells.values() if c["table"] == table
        ]
        for cell in told:
            if not cell["there"] and table != DIALOGS:
                self.forget(*_cell(cell))
        return told

    def _keep(self, table: str, row: str, column: str, value: str, **more: Any) -> None:
        self.forget(table, row, column)
        cell = {"table": table, "row": row, "column": column, "value": sendable(value), **more}
        self._cells[table, row, column] = cell
        for old in list(self._cells)[:-KEPT]:
            self._cells.pop(old, None)


def _cell(op: Mapping[str, Any]) -> tuple[str, str, str]:
    return (str(op.get("table")), str(op.get("row")), str(op.get("column")))


def _reasons(ops: Sequence[Mapping[str, Any]], done: Future[Any]) -> dict[int, str]:
    """Return why operations were not taken, by their places."""
    try:
        return {refusal.op: refusal.reason for refusal in done.result().refused}
    except BaseException as error:  # none of them was
        return dict.fromkeys(range(len(ops)), error_line(error))


_KNOWN: WeakKeyDictionary[object, Unsaved] = WeakKeyDictionary()


def unsaved_of(session: object) -> Unsaved:
    """Return what was refused of a training's cells, in whichever view."""
    return _KNOWN.setdefault(session, Unsaved())
