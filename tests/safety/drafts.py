"""A kernel's draft, changed by the code that ships, and what a person means it to hold."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from PIL import Image

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.launch import Order
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import Runner, Timer
from phoenix_nbtrain.session.adding import Adding
from phoenix_nbtrain.session.editing import Editing
from phoenix_nbtrain.session.order import order_of
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal

__all__ = ["IMAGES", "Content", "Notebook", "Wanted", "draw"]

P = ParamSpec("P")
R = TypeVar("R")
Content = tuple[frozenset[str], int | None]
"""The hashes of the images, and the epochs."""


def _drawn(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


_FILES = {f"{shade}.png": _drawn(shade) for shade in (10, 120, 240)}
IMAGES = tuple(hashlib.sha256(metadata.strip(content)).hexdigest() for content in _FILES.values())
"""What the cell adds, by content."""


def draw(folder: Path) -> list[Path]:
    """Write the images that the cell adds."""
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in _FILES]


class _AtOnce(Runner):
    """Runs everything where it is asked for."""

    def submit(
        self, lane: Any, work: Callable[P, R], /, *args: P.args, **kw: P.kwargs
    ) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(work(*args, **kw))
        except Exception as error:
            future.set_exception(error)
        return future

    def alone(self, name: str, work: Callable[[], R]) -> Future[R]:
        raise NotImplementedError

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        raise NotImplementedError


class _Kept:
    """Contents that nobody reads back."""

    def put(self, content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()


@dataclass(eq=False)
class Wanted:
    """What the draft of one address shall hold, whatever the client makes of it."""

    images: frozenset[str] = frozenset()
    epochs: int | None = None
    out: frozenset[str] = frozenset()
    """Images that a person removed and that have not come back."""
    back: dict[int, frozenset[str]] = field(default_factory=dict)
    """Those that an edit brought back, by its revision: undo removes them again."""
    last: str = ""
    """What was done last, where it has to do with a removal."""

    @property
    def content(self) -> Content:
        return self.images, self.epochs


class Notebook:
    """The draft as one kernel holds it."""

    def __init__(
        self,
        path: Path,
        *,
        model: Model,
        wanted: Wanted,
        service: Service,
        journal: Journal,
        adding: type[Adding],
    ) -> None:
        self._live = StateStore(
            model=model, origin=service.origin, drafts=Drafts(path), runner=_AtOnce()
        )
        self._editing = Editing(self._live, changed=lambda: None)
        self._adding = adding(
            self._live, self._editing, cast(Contents, _Kept()), service=service, journal=journal
        )
        self._wanted = wanted

    def order(self) -> Order:
        return order_of(self._live.read(), self._live.state.model)

    def images(self) -> list[str]:
        """Return the images of the draft, by content."""
        return [row.content_hash or "" for row in self._live.read().images]

    def set_epochs(self, epochs: int) -> None:
        self._edit({"op": "set", "table": "config", "row": "epochs", "value": epochs})
        self._wanted.epochs = epochs
        self._wanted.last = ""

    def remove(self, number: int) -> bool:
        """Remove an image as a person does; return whether it was there."""
        ids = {row.content_hash: row.image_id for row in self._live.read().images}
        image = IMAGES[number]
        if image not in ids:
            return False
        self._edit({"op": "delete", "table": "images", "row": ids[image]})
        self._wanted.images -= {image}
        self._wanted.out |= {image}
        self._wanted.last = "a removal"
        return True

    def add(self, source: Sequence[Path], *, again: bool) -> str:
        """Run the cell that adds; return what became of it."""
        wanted = self._wanted
        self._adding.add(source, recursive=False, again=again)
        out = wanted.out
        if not again:
            # This is what the law is about, so the client is not asked.
            wanted.images |= frozenset(IMAGES) - out
            if out:
                wanted.last = "a removal and Run All"
                return "left out"
            return "added"
        wanted.images, wanted.out = frozenset(IMAGES), frozenset()
        if out:
            wanted.back[self._live.state.undoes] = out
            wanted.last = "again=True"
            return "brought back"
        return "added"

    def undo(self) -> str:
        """Take this kernel's last edit back; return what became of it."""
        wanted, of = self._wanted, self._live.state.undoes
        self._editing.undo().result()
        draft = self._live.read()
        images = frozenset(row.content_hash or "" for row in draft.images)
        returned = images & wanted.out
        wanted.images, wanted.epochs = images, draft.config.get("epochs")
        wanted.out = (wanted.out | wanted.back.get(of, frozenset())) - images
        wanted.last = "undo of a removal" if returned else ""
        return "a removal is undone" if returned else "something else is undone"

    def _edit(self, op: dict[str, Any]) -> None:
        assert not self._editing.edit([op]).result().refused
