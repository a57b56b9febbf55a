"""Pairs of a training: put together by names, by sentences for many, and by files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from phoenix_nbtrain.arguments import flag, texts
from phoenix_nbtrain.dataset import edits, instructions, pair_files, pairing
from phoenix_nbtrain.dataset.edits import Applied, Op
from phoenix_nbtrain.dataset.pair_files import PairReport
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import InputError, shown
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.state_store import StateStore

__all__ = ["Pairing"]


class Pairing:
    """Every command that makes or changes pairs."""

    _live: StateStore
    _editing: Editing
    pairs: Any

    def _do(self, ops: Sequence[Op]) -> None:
        raise NotImplementedError  # the draft's, which is mixed in

    def _assign(self, ops_of: Callable[[Draft], Sequence[Op]]) -> None:
        raise NotImplementedError  # likewise

    def set_pairs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace all pairs by ``{source, target, instruction}`` records.

        Raises:
            InputError: they are no such records; nothing was changed.
            PairError: a picture is unknown or ambiguous; nothing was changed.
        """
        import pandas as pd

        pairing.check_records(rows)
        self.pairs = pd.DataFrame(list(rows), columns=list(pairing.COLUMNS))

    def pair_up(
        self,
        sources: pairing.Group | None = None,
        targets: pairing.Group | None = None,
        *,
        instruction: str = "",
        again: bool = False,
    ) -> pairing.PairUp:
        """Pair pictures whose names say that they belong together.

        Pairs that were removed before are left out, so that a cell run again does not bring them
        back.

        Args:
            sources: a folder's name or a word in the names, or a list of names; without it the
                usual words are tried (before and after, line and colour, …).
            targets: the same for the other side.
            instruction: what turns each source into its target.
            again: whether to make pairs that were removed before, too.
        """
        again = flag("again", again)
        found: list[pairing.PairUp] = []

        def ops(draft: Draft) -> Sequence[Op]:
            found[:] = [
                pairing.pair_up(draft, sources, targets, instruction=instruction, again=again)
            ]
            return found[0].ops

        self._assign(ops)
        return found[0]

    def pair_up_later(self, *, instruction: str = "") -> Future[pairing.PairUp]:
        """Pair pictures by their names, on a thread of its own. Never blocks."""
        return self._live.runner.alone("pairs", partial(self.pair_up, instruction=instruction))

    def pair_later(self, images: Sequence[str]) -> Future[tuple[pairing.PairUp, int]]:
        """Pair images, by id: two in their order, more by their names. Never blocks.

        The future holds what was paired and the draft's revision after it.
        """
        images = texts("images", images)
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

    def set_instructions(self, template: str, pairs: Sequence[str] | None = None) -> None:
        """Write one sentence over pairs, all or none.

        Args:
            template: the sentence. It may hold ``{source}`` and ``{target}``, the pictures' names
                without their endings; ``{n}``, the pair's number; ``{source_caption}`` and
                ``{target_caption}``.
            pairs: the pairs' ids; by default all.

        Raises:
            InputError: a placeholder that there is not, which names those that there are; or a
                pair that is not there. Nothing was changed.
        """
        ids = None if pairs is None else texts("pairs", pairs)
        self._do(instructions.set_instructions(self._live.state.draft, template, ids))

    def instructions_from(self, template: str, pairs: Sequence[str]) -> Mapping[str, str]:
        """Return what `set_instructions` would write, by pair id. Changes nothing, never blocks."""
        return instructions.filled(self._live.state.draft, template, texts("pairs", pairs))

    def add_pairs(self, source: object, *, again: bool = False) -> PairReport:
        """Add pairs from a file or a table, each line by itself.

        A pair of the same two pictures that is there already gets the line's instruction. Pairs
        that were removed before, or whose image was, are left out, so that a cell run again does
        not bring them back.

        Args:
            source: a ``.csv`` or ``.jsonl`` file, a DataFrame, or a list of records, with
                ``source``, ``target`` and ``instruction``. Pictures are called by their names,
                paths or ids.
            again: whether to add pairs that were removed before, too.

        Returns:
            Each line's fate: added, changed, already there, left out, or refused and why.

        Raises:
            InputError: it cannot be read at all; nothing was changed.
        """
        again = flag("again", again)
        lines = pair_files.lines_of(source)
        type_name = self._live.state.model.type
        taken: list[pair_files.Taken] = []

        def change(draft: Draft) -> Applied:
            taken[:] = [pair_files.take(draft, lines, again=again)]
            return edits.apply(draft, taken[0].ops, type_name=type_name)

        reply = self._editing.apply(change).result()
        return taken[0].report({refusal.op: refusal.reason for refusal in reply.refused})

    def add_pairs_later(self, source: object) -> Future[PairReport]:
        """Add pairs from a file or a table, on a thread of its own. Never blocks."""
        return self._live.runner.alone("pairs", partial(self.add_pairs, source))

    def save_pairs(self, to: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the pairs to a ``.csv`` or ``.jsonl`` file, as `add_pairs` reads them.

        Texts that a spreadsheet would take for a formula begin with ``'`` in a CSV; reading it
        here takes that away again.

        Raises:
            InputError: another file is in the way, unless ``overwrite``; or it cannot be written.
        """
        overwrite = flag("overwrite", overwrite)
        return pair_files.save(self._live.state.draft, to, overwrite=overwrite)

    def pairs_text(self, kind: str = "csv") -> str:
        """Return what `save_pairs` would write: ``csv`` or ``jsonl``. Never blocks."""
        if not isinstance(kind, str) or kind not in ("csv", "jsonl"):
            raise InputError(f"There is no kind {shown(kind, 40)}.", remedy="Use csv or jsonl.")
        return pair_files.written(self._live.state.draft, kind)

    def save_pairs_later(self, to: str, *, overwrite: bool = False) -> Future[Path]:
        """Write the pairs to a file, on a thread of its own. Never blocks."""
        return self._live.runner.alone("pairs", partial(self.save_pairs, to, overwrite=overwrite))
