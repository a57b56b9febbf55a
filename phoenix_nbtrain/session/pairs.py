"""Pairs of a training: put together by names, by sentences for many, and by files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from os import PathLike
from pathlib import Path

from phoenix_nbtrain.dataset import edits, instructions, pair_files, pairing
from phoenix_nbtrain.dataset.edits import Applied, Op
from phoenix_nbtrain.dataset.report import PairReport
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.text import shown


class Pairs:
    """Makes and changes the pairs of one training."""

    def __init__(self, live: StateStore, editing: Editing) -> None:
        self._live = live
        self._editing = editing

    def pair_up(
        self,
        sources: pairing.Group | None = None,
        targets: pairing.Group | None = None,
        *,
        instruction: str = "",
        again: bool = False,
    ) -> pairing.PairUp:
        """Pair images by their names; see `Training.pair_up`."""
        found: list[pairing.PairUp] = []

        def ops(draft: Draft) -> Sequence[Op]:
            found[:] = [
                pairing.pair_up(draft, sources, targets, instruction=instruction, again=again)
            ]
            return found[0].ops

        self._editing.do(ops).result()
        return found[0]

    def pair_chosen(self, images: Sequence[str]) -> Future[tuple[pairing.PairUp, int]]:
        """Pair images, by id: two in their order, more by their names. Never blocks.

        The future holds what was paired and the draft's revision after it.
        """
        found: list[pairing.PairUp] = []
        told: Future[tuple[pairing.PairUp, int]] = not_for_children(Future())
        type_name = self._live.state.model.type

        def change(draft: Draft) -> Applied:
            found[:] = [pairing.pair_chosen(draft, images)]
            return edits.apply(draft, found[0].ops, type_name=type_name)

        def done(applied: Future[EditReply]) -> None:
            error = applied.exception()
            if error is not None:
                told.set_exception(error)
            else:
                told.set_result((found[0], applied.result().revision))

        self._editing.apply(change).add_done_callback(done)
        return told

    def set_instructions(self, template: str, ids: Sequence[str] | None) -> Future[EditReply]:
        """Write one sentence over pairs, all or none. Never blocks."""
        draft = self._live.state.draft
        return self._editing.do(instructions.set_instructions(draft, template, ids))

    def instructions_from(self, template: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return what `set_instructions` would write, by pair id. Changes nothing, never blocks."""
        return instructions.filled(self._live.state.draft, template, ids)

    def add(self, source: object, *, again: bool = False) -> PairReport:
        """Add pairs from a file or a table, each line by itself; see `Training.add_pairs`."""
        lines = pair_files.lines_of(source)
        type_name = self._live.state.model.type
        taken: list[pair_files.Taken] = []

        def change(draft: Draft) -> Applied:
            taken[:] = [pair_files.take(draft, lines, again=again)]
            return edits.apply(draft, taken[0].ops, type_name=type_name)

        reply = self._editing.apply(change).result()
        return taken[0].report({refusal.op: refusal.reason for refusal in reply.refused})

    def save(self, to: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the pairs to a file; see `Training.save_pairs`."""
        return pair_files.save(self._live.state.draft, to, overwrite=overwrite)

    def text(self, kind: str = "csv") -> str:
        """Return what `save` would write: ``csv`` or ``jsonl``. Never blocks.

        Raises:
            InputError: ``kind`` is something else.
        """
        if not isinstance(kind, str) or kind not in ("csv", "jsonl"):
            raise InputError(f"There is no kind {shown(kind, 40)}.", remedy="Use csv or jsonl.")
        return pair_files.written(self._live.state.draft, kind)
