"""A training for views: real drafts and edits, no disk, no service, no threads."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset import checks, edits, instructions, pair_files, pairing
from phoenix_nbtrain.dataset.checks import Finding
from phoenix_nbtrain.dataset.edits import Applied, Refusal
from phoenix_nbtrain.dataset.pairing import PairUp, pair_chosen
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.editing import OVERTAKEN, EditReply
from phoenix_nbtrain.session.state import SyncState, Thumbnail, TrainingState

STYLE = "flux.2-dev-lora"
EDIT = "flux.2-dev-edit-lora"


class FakeTraining:
    """What a view sees of a session. `hold` lets replies wait until `release`."""

    def __init__(
        self,
        images: Sequence[ImageRow] = (),
        pairs: Sequence[PairRow] = (),
        *,
        name: str = "animal stickers",
        type: str = STYLE,
        status: str = "new",
    ) -> None:
        self.name, self.type = name, type
        self.where, self.is_local = "Local Phoenix · nothing is charged", True
        self.needs_pairs = catalog.model_type(type).pairs
        served = tuple(p.triple for p in pairs)
        self.state = TrainingState(
            model=Model(id="model_1", name=name, type=type, status=status),
            draft=Draft(revision=1, images=tuple(images), pairs=tuple(pairs), served_pairs=served),
        )
        self.runner = InlineRunner()
        self.subscribers: list[Callable[[TrainingState], None]] = []
        self.asked: list[tuple[str, ...]] = []
        """The thumbnails asked for, by request."""
        self.made = 0
        """How many thumbnails were made."""
        self.known_colours: dict[str, str] = {}
        """Mean colours by image id, as far as they are known."""
        self.edits = 0
        """How often an edit was applied, undo and redo included."""
        self.retried = 0
        """How often what was refused was asked to be sent again."""
        self.hold = False
        self._held: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        # The parts of a session by their names, as views call them.
        self.editing = SimpleNamespace(edit=self.edit, undo=self.undo, redo=self.redo)
        self.thumbnails = SimpleNamespace(ask=self.ask, colours=self.colours)
        self.adding = SimpleNamespace(replace=self._replace)
        self.pairs = SimpleNamespace(
            pair_chosen=self.pair_chosen,
            pair_up=self._pair_up,
            add=self._add_pairs,
            save=self._save_pairs,
            instructions_from=self.instructions_from,
            text=self.pairs_text,
        )
        self.sync = SimpleNamespace(send_again=self._send_again)

    # -- what views call --------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[TrainingState], None], /) -> Callable[[], None]:
        self.subscribers.append(callback)
        return lambda: self.subscribers.remove(callback)

    def edit(self, ops: Sequence[Any], base: int | None = None) -> Future[EditReply]:
        self._redo.clear()
        change = partial(edits.apply, ops=ops, base=base, type_name=self.type)
        return self._submit(lambda: self._apply(change, self._undo))

    def behind(
        self, name: str, command: Callable[..., Any], *args: Any, **named: Any
    ) -> Any:  # no thread to name
        return self._submit(partial(command, *args, **named))

    def undo(self, of: int | None = None) -> Future[EditReply]:
        return self._submit(lambda: self._back(self._undo, self._redo, of))

    def redo(self) -> Future[EditReply]:
        return self._submit(lambda: self._back(self._redo, self._undo))

    def pair_chosen(self, images: Sequence[str]) -> Future[tuple[PairUp, int]]:
        def pair() -> tuple[PairUp, int]:
            found = pair_chosen(self.state.draft, images)
            change = partial(edits.apply, ops=found.ops, type_name=self.type)
            return found, self._apply(change, self._undo).revision

        return self._submit(pair)

    def ask(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        self.asked.append(tuple(ids))
        return [self._submit(partial(self._thumbnail, i, px)) for i in ids]

    def colours(self, ids: Sequence[str]) -> Mapping[str, str]:
        return {i: self.known_colours.get(i, "") for i in ids}

    def findings(self) -> tuple[Finding, ...]:
        return checks.check(self.state.draft, self.type)

    def _send_again(self) -> None:
        self.retried += 1

    def instructions_from(self, template: str, pairs: Sequence[str]) -> Mapping[str, str]:
        return instructions.filled(self.state.draft, template, pairs)

    def pairs_text(self, kind: str) -> str:
        return pair_files.written(self.state.draft, kind)

    def _pair_up(self, *, instruction: str = "") -> Any:
        found = pairing.pair_up(self.state.draft, instruction=instruction)
        self.edit(found.ops)
        return found

    def _add_pairs(self, source: object) -> Any:
        taken = pair_files.take(self.state.draft, pair_files.lines_of(source))
        reply = self.edit(taken.ops).result()
        return taken.report({r.op: r.reason for r in reply.refused})

    def _save_pairs(self, to: str, *, overwrite: bool = False) -> Any:
        return pair_files.save(self.state.draft, to, overwrite=overwrite)

    # -- what tests call --------------------------------------------------------------------------

    def change(self, **changes: Any) -> None:
        """Swap parts of the state and tell the views."""
        self.state = replace(self.state, **changes)
        for callback in list(self.subscribers):
            callback(self.state)

    def sending(self) -> None:
        """Begin to send what is not saved."""
        draft = self.state.draft
        rows = tuple(replace(r, sending=r.state == "kept") for r in draft.images)
        self.change(draft=replace(draft, images=rows), sync=SyncState(phase="sending"))

    def release(self) -> None:
        """Let the held replies go out."""
        held, self._held = self._held, []
        for future, work in held:
            _settle(future, work)

    # -- inside -----------------------------------------------------------------------------------

    def _submit(self, work: Callable[[], Any]) -> Future[Any]:
        if not self.hold:
            return self.runner.submit("state", work)
        future: Future[Any] = Future()
        self._held.append((future, work))
        return future

    def _apply(self, change: Callable[[Draft], Applied], inverses: list[Any]) -> EditReply:
        self.edits += 1
        applied = change(self.state.draft)
        if applied.inverse:
            inverses.append((applied.draft.revision, applied.inverse))
        self.change(
            draft=applied.draft,
            can_undo=bool(self._undo),
            can_redo=bool(self._redo),
            undoes=self._undo[-1][0] if self._undo else 0,
        )
        return EditReply(
            revision=applied.draft.revision, accepted=applied.accepted, refused=applied.refused
        )

    def _replace(self, image_id: str, given: object) -> None:
        source = str(given)
        if not source.endswith(".png"):
            raise ImageError(f"{source} is no picture.", remedy="Give a PNG, JPEG or WebP file.")

        def change(draft: Draft) -> Applied:
            row = draft.image[image_id]
            new = replace(
                row, content_hash=source.encode().hex()[:64], asset_id=None, attached=False
            )
            after = replace(draft.with_images({image_id: new}), revision=draft.revision + 1)
            delete = {"op": "delete", "table": "images", "row": image_id}
            back = {
                "op": "restore",
                "table": "images",
                "at": draft.images.index(row),
                "rows": [row],
            }
            return Applied(draft=after, accepted=(0,), inverse=(delete, back))

        self._apply(change, self._undo)

    def _back(self, source: list[Any], target: list[Any], of: int | None = None) -> EditReply:
        revision = self.state.draft.revision
        if of is not None and (not source or source[-1][0] != of):
            late = Refusal(op=0, value=None, reason=OVERTAKEN)
            return EditReply(revision=revision, refused=(late,))
        if not source:
            return EditReply(revision=revision)
        _, ops = source.pop()
        return self._apply(
            lambda draft: edits.apply(draft, ops, type_name=self.type, trusted=True), target
        )

    def _thumbnail(self, image_id: str, px: int) -> Thumbnail:
        row = self.state.draft.image.get(image_id)
        if row is None:
            raise ImageError("There is no such picture.")
        self.made += 1
        return Thumbnail(mime="image/png", content=picture(row.name, px))


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


# -- pictures and rows -------------------------------------------------------------------------------


def picture(name: str, px: int) -> bytes:
    """Return a PNG: the real picture of that name where there is one, else a plain colour."""
    from PIL import Image

    path = _pictures().get(name)
    if path is not None:
        image = Image.open(path).convert("RGB")
        image.thumbnail((px, px))
    else:
        shade = sum(name.encode("utf-8", "replace")) % 200
        image = Image.new("RGB", (8, 8), (40 + shade, 120, 220 - shade))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _pictures() -> dict[str, Path]:
    folder = os.environ.get("NBTRAIN_TEST_IMAGES")
    if not folder:
        return {}
    paths = {p.name: p for p in sorted((Path(folder) / "color").glob("*.png"))}
    lines = sorted((Path(folder) / "line").glob("*.png"))
    return paths | {p.stem + " · line.png": p for p in lines}


def image(
    n: int | str, caption: str = "", *, saved: bool = True, name: str | None = None, **more: Any
) -> ImageRow:
    """Return an image row, by default one that the service has."""
    return ImageRow(
        image_id=f"img_{n}",
        name=name if name is not None else f"picture-{n}.png",
        caption=caption,
        width=1024,
        height=768,
        bytes=123_456,
        content_hash=f"{n}".ljust(64, "0"),
        asset_id=f"asset_{n}" if saved else None,
        attached=saved,
        served_caption=caption if saved else None,
        **more,
    )


def images(count: int) -> tuple[ImageRow, ...]:
    """Return ``count`` saved images with captions."""
    return tuple(image(n, f"a thing, number {n}") for n in range(count))


def pair(n: int, source: int | str, target: int | str, instruction: str = "colour it") -> PairRow:
    """Return a pair of two images by their numbers."""
    return PairRow(
        pair_id=f"pair_{n}",
        source=f"img_{source}",
        target=f"img_{target}",
        instruction=instruction,
    )
