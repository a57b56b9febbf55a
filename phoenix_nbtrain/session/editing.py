"""Edits of the draft: one way in for views, commands, frames and undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, TypeAlias

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset import edits
from phoenix_nbtrain.dataset.edits import Applied, Op, Refusal
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state_store import StateStore

Inverse: TypeAlias = tuple[int, tuple[Op, ...]]
"""The revision that an edit made, and what takes it back."""

UNDO_MAX = 200
"""Edits that can be taken back."""
OVERTAKEN = "Something else has changed since then. Undo that first."


@dataclass(frozen=True, slots=True, kw_only=True)
class EditReply:
    """What came of an edit."""

    revision: int
    """The draft's revision after it."""
    accepted: tuple[int, ...] = ()
    """Positions of the operations that stand."""
    refused: tuple[Refusal, ...] = ()


class Editing:
    """Applies edits on the state lane and remembers how to take them back."""

    def __init__(self, live: StateStore, *, changed: Callable[[], None]) -> None:
        self._live = live
        self._changed = changed
        self._undo: list[Inverse] = []
        self._redo: list[Inverse] = []

    def edit(self, ops: Sequence[Op], base: int | None = None) -> Future[EditReply]:
        """Apply operations, each by itself. Never blocks."""
        return self.apply(
            lambda draft: edits.apply(draft, ops, base=base, type_name=self._live.state.model.type)
        )

    def apply(self, change: Callable[[Draft], Applied]) -> Future[EditReply]:
        """Apply any pure change that knows its inverse. Never blocks.

        What ``change`` raises reaches the future, and nothing changed.
        """
        return self._live.runner.submit("state", self._apply, change, self._undo, True)

    def do(self, ops: Sequence[Op] | Callable[[Draft], Sequence[Op]]) -> Future[EditReply]:
        """Apply operations, all or none. Never blocks.

        Args:
            ops: the operations, or a function that finds them for the draft as it stands.

        Raises:
            InputError: one of them is refused; in the future.
        """
        type_name = self._live.state.model.type

        def change(draft: Draft) -> Applied:
            found = ops(draft) if callable(ops) else ops
            applied = edits.apply(draft, found, type_name=type_name)
            if applied.refused:
                raise InputError(applied.refused[0].reason, remedy="Nothing was changed.")
            return applied

        return self.apply(change)

    def keep(self, side: Literal["mine", "theirs"], rows: Sequence[str]) -> Future[EditReply]:
        """Settle rows that both sides changed; all that wait where none is named. Never blocks."""
        parameters = catalog.parameters(self._live.state.model.type)

        def ops(draft: Draft) -> list[Op]:
            waiting = rows or [
                *(r.image_id for r in draft.images if r.gone or _two_texts(r)),
                *(r.pair_id for r in draft.pairs if _two_texts(r)),
                *draft.config_theirs,
            ]
            tables = dict.fromkeys(draft.pair, "pairs") | dict.fromkeys(parameters, "config")
            return [
                {"op": "keep", "table": tables.get(row, "images"), "row": row, "side": side}
                for row in waiting
            ]

        return self.do(ops)

    def undo(self, of: int | None = None) -> Future[EditReply]:
        """Take the last edit back. Never blocks; does nothing where there is none.

        Args:
            of: the revision that it made; where another edit is the last, nothing is undone and
                the reply says so. ``None`` for whichever is the last.
        """
        return self._live.runner.submit("state", self._back, self._undo, self._redo, of)

    def redo(self) -> Future[EditReply]:
        """Do again what was taken back. Never blocks; does nothing where there is none."""
        return self._live.runner.submit("state", self._back, self._redo, self._undo)

    # -- on the state lane ----------------------------------------------------------------------

    def _back(
        self, source: list[Inverse], target: list[Inverse], of: int | None = None
    ) -> EditReply:
        revision = self._live.state.draft.revision
        last = source[-1][0] if source else None
        if of is not None and not (isinstance(of, int) and of == last):
            late = Refusal(op=0, value=None, reason=OVERTAKEN)
            return EditReply(revision=revision, refused=(late,))
        if not source:
            return EditReply(revision=revision)
        (_, ops), type_name = source.pop(), self._live.state.model.type
        return self._apply(
            lambda draft: edits.apply(draft, ops, type_name=type_name, trusted=True),
            target,
            False,
        )

    def _apply(
        self,
        change: Callable[[Draft], Applied],
        inverses: list[Inverse],
        forget_redo: bool,
    ) -> EditReply:
        outcome: list[Applied] = []

        def edit(draft: Draft) -> Draft:
            outcome[:] = [change(draft)]
            return outcome[0].draft

        before = self._live.state.draft
        draft = self._live.change(edit).result()
        applied = outcome[0]
        if applied.inverse:
            inverses.append((draft.revision, applied.inverse))
            del inverses[:-UNDO_MAX]
            if forget_redo:
                self._redo.clear()
        self._live.show(
            can_undo=bool(self._undo),
            can_redo=bool(self._redo),
            undoes=self._undo[-1][0] if self._undo else 0,
        )
        if draft is not before:
            self._changed()
        return EditReply(
            revision=draft.revision, accepted=applied.accepted, refused=applied.refused
        )


def _two_texts(row: ImageRow | PairRow) -> bool:
    return row.theirs is not None or row.offered is not None
