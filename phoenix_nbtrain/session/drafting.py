"""The draft of a training as people edit it: in frames, by commands, and back again."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.arguments import flag, texts
from phoenix_nbtrain.dataset import caption_edits, checks, edits, left_out
from phoenix_nbtrain.dataset.baselines import Baseline, Baselines
from phoenix_nbtrain.dataset.checks import Finding
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import ConfigError, InputError, shown
from phoenix_nbtrain.session.adding import Adding
from phoenix_nbtrain.session.config import Config
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.pairing import Pairing
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.session.state_store import StateStore

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset import frames
    from phoenix_nbtrain.dataset.intake import AddReport

__all__ = ["Drafting", "warn"]

_PACKAGE = __name__.partition(".")[0] + "."


class Drafting(Pairing):
    """Images, pairs and configuration of one training, and every command that changes them."""

    _live: StateStore
    _editing: Editing
    _adding: Adding
    _baselines: Baselines

    @property
    def state(self) -> TrainingState:
        """Everything at one moment, frozen."""
        return self._live.state

    @property
    def type(self) -> str:
        """The model's type."""
        return self.state.model.type

    @property
    def needs_pairs(self) -> bool:
        """Whether this type learns from pairs."""
        return catalog.model_type(self.type).pairs

    # -- frames and settings --------------------------------------------------------------------

    @property
    def images(self) -> pd.DataFrame:
        """The pictures, one row each, by image id. A copy; assign it to make it the truth.

        Rows that it showed and that are missing when it is assigned are deleted. Pictures that
        came after it was read, from another kernel or the service, stay, and so does what was
        changed after it was read; where a caption was changed in the frame as well, what stands
        is kept, a warning says so and `take_theirs` takes the frame's. Where pandas dropped what
        a frame showed (``merge``, a new ``DataFrame``), what this kernel knows of counts.
        """
        from phoenix_nbtrain.dataset import frames

        draft = self._live.read()
        frame = frames.images_frame(draft)
        self._baselines.show(frame, "images", draft)
        return frame

    @images.setter
    def images(self, frame: pd.DataFrame) -> None:
        from phoenix_nbtrain.dataset import frames

        known, baseline = self.state.draft.image, self._baselines.of(frame)

        def made(draft: Draft) -> frames.Assignment:
            return frames.images_from_frame(draft, frame, known=known, baseline=baseline)

        self._assign_frame(frame, baseline, made)

    @property
    def pairs(self) -> pd.DataFrame:
        """The pairs, one row each, by pair id. A copy; assign it to make it the truth.

        Pairs that it showed and that are missing when it is assigned are deleted. Those that came
        after it was read, from another kernel or the service, stay, and so does what was changed
        after it was read, as for `images`. Where pandas dropped what a frame showed (``concat``,
        a new ``DataFrame``), what this kernel knows of counts.
        """
        from phoenix_nbtrain.dataset import frames

        draft = self._live.read()
        frame = frames.pairs_frame(draft)
        self._baselines.show(frame, "pairs", draft)
        return frame

    @pairs.setter
    def pairs(self, frame: pd.DataFrame) -> None:
        from phoenix_nbtrain.dataset import frames

        known, baseline = self.state.draft.pair, self._baselines.of(frame)

        def made(draft: Draft) -> frames.Assignment:
            return frames.pairs_from_frame(draft, frame, known=known, baseline=baseline)

        self._assign_frame(frame, baseline, made)

    def _assign_frame(
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

        self._assign(ops)
        if baseline is not None:
            baseline.said.update(made[0].said)
        self._baselines.assigned(frame, made[0].cells, made[0].computed)
        if made[0].words:
            warn(made[0].words)

    @property
    def config(self) -> Config:
        """Every parameter by name, defaults filled in; setting an item sets the training's own."""

        def write(given: Mapping[str, Any]) -> Mapping[str, Any]:
            self.update_config(given)
            return catalog.full_config(self.type, self.state.draft.config)

        return Config(catalog.full_config(self.type, self.state.draft.config), write)

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        wanted = self._with_pictures(catalog.validate(self.type, config))
        names = {*self.state.draft.config, *wanted}
        self._do([_set_config(name, wanted.get(name)) for name in names])

    def update_config(self, config: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Set some parameters, given as a mapping or by name, and leave the others.

        ``steps`` is taken too and translated, since the number of images is known here.

        Raises:
            ConfigError: an unknown name or a value out of range; nothing was changed.
        """
        given = {} if config is None and named else catalog.as_mapping(config)
        wished = self._wished({**given, **named})
        self._do([_set_config(name, value) for name, value in wished.items()])

    def config_with(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `update_config` would make of the configuration. Changes nothing."""
        wished = {**self.state.draft.config, **self._wished(config)}
        return catalog.full_config(self.type, {n: v for n, v in wished.items() if v is not None})

    def _wished(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``config`` sets, checked: each name it holds, ``None`` for the default."""
        config = catalog.as_mapping(config)
        if catalog.STEPS in config:
            steps = config.pop(catalog.STEPS)
            draft = self.state.draft
            found = catalog.steps_to_config(
                self.type,
                steps,
                items=len(draft.pairs if self.needs_pairs else draft.images),
                config={**draft.config, **catalog.validate(self.type, config)},
            )
            clash = set(found.config) & set(catalog.resolve_names(self.type, config))
            if clash:
                raise ConfigError(
                    f"steps is given beside {min(clash)}.", remedy="Give one or the other."
                )
            config |= found.config
        checked = self._with_pictures(catalog.validate(self.type, config))
        return {n: checked.get(n) for n in catalog.resolve_names(self.type, config)}

    def _with_pictures(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return ``config`` with its sample sources as image ids, whatever they are called by."""
        if "sample_sources" not in config:
            return config
        stands = self.state.draft.config.get("sample_sources", ())
        found = Lookup(self.state.draft.images, refused=ConfigError)
        removed = left_out.Names(self.state.draft)
        # What stands, or is named by a cell that runs again, may have lost its picture, which
        # check() tells; that stops no other edit.
        sources = (
            v if v in stands else (removed.find(v) or found.find(v)).image_id
            for v in config["sample_sources"]
        )
        return config | {"sample_sources": tuple(sources)}

    def add_images(
        self, source: object, *, recursive: bool = False, again: bool = False
    ) -> AddReport:
        """Add pictures to the draft; they are sent behind, and adding is free.

        Images that were removed before are left out, so that a cell run again does not bring them
        back.

        Args:
            source: a folder, a file, a list of files, a zip, a DataFrame with ``path`` and
                ``caption``, PIL images, asset ids, or URLs, which the service fetches itself. A
                ``NAME.txt`` beside a file is its caption.
            recursive: whether folders within a folder count.
            again: whether to add images that were removed before, here or on the service, too.

        Returns:
            Each file's fate.

        Raises:
            InputError: the source cannot be read, or holds more than a training takes; nothing
                was added.
        """
        recursive, again = flag("recursive", recursive), flag("again", again)
        return self._adding.add(source, recursive=recursive, again=again)

    def add_images_later(
        self, source: object, *, recursive: bool = False, again: bool = False
    ) -> Future[AddReport]:
        """Add pictures on a thread of its own. Never blocks."""
        return self._live.runner.alone(
            "add", partial(self.add_images, source, recursive=recursive, again=again)
        )

    def replace(self, image: str, source: object) -> None:
        """Put another picture in an image's place; its name, caption and pairs stay.

        Where the image was removed meanwhile, nothing is replaced and a warning says so, so that
        a cell can be run again.
        """
        if image in left_out.Names(self.state.draft):
            warn(f"{shown(image, 60)} was removed from the dataset, so it was not replaced.")
        else:
            self._adding.replace(self._image(image), source)

    def replace_later(self, image_id: str, source: object) -> Future[None]:
        """Put another picture in an image's place, on a thread of its own. Never blocks."""
        return self._live.runner.alone("replace", partial(self.replace, image_id, source))

    def remove(self, *images: str) -> None:
        """Take images out of the draft, by id or name. Pairs that use them say so.

        `add_images` leaves them out from then on. One that was removed before may be named again.
        """
        removed = left_out.Names(self.state.draft)
        rows = [self._image(image) for image in images if image not in removed]
        self._do([{"op": "delete", "table": "images", "row": r.image_id} for r in rows])

    def set_captions(self, given: Mapping[str, str] | Callable[[ImageRow], str | None]) -> None:
        """Set captions, all or none.

        Args:
            given: captions by picture (id, name or path), or a function that gets each row and
                returns its caption, ``None`` for "leave it".

        Raises:
            InputError: a picture is unknown or ambiguous, or a caption cannot be taken.
        """
        self._do(caption_edits.set_captions(self.state.draft, given))

    def ensure_trigger(self, word: str) -> None:
        """Let every caption open with the trigger word; those that have it stay as they are."""
        self._do(caption_edits.ensure_trigger(self.state.draft, word))

    def keep_mine(self, *rows: str) -> None:
        """Keep what is written here where somebody else changed the same; theirs is overwritten.

        Where a frame that was read earlier has another text, that one is dropped.

        Args:
            rows: ids of images and pairs, names of parameters; without any, all that wait for
                the choice.

        Raises:
            InputError: nobody else changed one of them; nothing was changed.
        """
        self._keep("mine", texts("rows", rows))

    def take_theirs(self, *rows: str) -> None:
        """Take what somebody else wrote instead; a picture that they removed goes here, too.

        Where a frame that was read earlier has another text, that one is taken.

        Args:
            rows: ids of images and pairs, names of parameters; without any, all that wait for
                the choice.

        Raises:
            InputError: nobody else changed one of them; nothing was changed.
        """
        self._keep("theirs", texts("rows", rows))

    def _keep(self, side: str, rows: Sequence[str]) -> None:
        parameters = catalog.parameters(self.type)

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

        self._assign(ops)

    def check(self) -> pd.DataFrame:
        """Return what to look at before paying, one row per finding."""
        from phoenix_nbtrain.dataset import frames

        return frames.findings_frame(self.findings())

    def findings(self) -> tuple[Finding, ...]:
        """Return what `check` tells, as records. Never blocks."""
        return checks.check(self.state.draft, self.type)

    def undo(self) -> None:
        """Take the last edit back. A cell that somebody has changed since stays, with a warning."""
        _tell_refused(self._editing.undo().result())

    def redo(self) -> None:
        """Do again what was taken back, likewise."""
        _tell_refused(self._editing.redo().result())

    # -- inside ---------------------------------------------------------------------------------

    def _do(self, ops: Sequence[Op]) -> None:
        """Apply operations all or none."""
        self._assign(lambda _: ops)

    def _assign(self, ops_of: Callable[[Draft], Sequence[Op]]) -> None:
        type_name = self.type

        def change(draft: Any) -> edits.Applied:
            applied = edits.apply(draft, ops_of(draft), type_name=type_name)
            if applied.refused:
                raise InputError(applied.refused[0].reason, remedy="Nothing was changed.")
            return applied

        self._editing.apply(change).result()

    def _image(self, value: str) -> ImageRow:
        return Lookup(self.state.draft.images, refused=InputError).find(value)


def _tell_refused(reply: EditReply) -> None:
    if reply.refused:
        warn(reply.refused[0].reason)


def warn(words: str) -> None:
    """Warn at the line of whoever called the package, each time it runs.

    `warnings.warn` remembers each place and would stay silent where a cell runs again.
    """
    caller = sys._getframe(1)
    while caller.f_back is not None and caller.f_globals.get("__name__", "").startswith(_PACKAGE):
        caller = caller.f_back
    warnings.warn_explicit(words, UserWarning, caller.f_code.co_filename, caller.f_lineno)


def _two_texts(row: ImageRow | PairRow) -> bool:
    return row.theirs is not None or row.offered is not None


def _set_config(name: str, value: Any) -> Op:
    return {"op": "set", "table": "config", "row": name, "value": value}
