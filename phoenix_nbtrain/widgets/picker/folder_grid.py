"""The grid of a folder: the image grid's own code over files that nobody has added yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import Any, ClassVar

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset.listing import Entry
from phoenix_nbtrain.draft import ImageRow
from phoenix_nbtrain.session.browsing import Folder, Look
from phoenix_nbtrain.session.session import Session, session_of
from phoenix_nbtrain.session.state import Thumbnail, TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import Answer, bundle
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.row_sources import Listing, Source, sendable


class FolderFiles:
    """The files of a folder as rows of a grid. What a look told of them is in their rows."""

    needy: frozenset[str] = frozenset()

    def __init__(self, folder: Folder, session: Session) -> None:
        self._folder, self._session = folder, session
        self._looks: dict[str, Look] = {}

    @property
    def revision(self) -> int:
        return self._session.state.draft.revision

    @cached_property
    def ids(self) -> Sequence[str]:
        return tuple(self._folder.files)

    def entries(self) -> Sequence[Entry]:
        files = self._folder.files.values()
        return [Entry(id=f.file_id, name=f.inside, size=f.bytes) for f in files]

    def rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        colours = self._folder.colours(ids)
        return [self._told(i, colours.get(i, "")) for i in ids if i in self._folder.files]

    def learn(self, looks: Iterable[Look]) -> None:
        """Take what a look at some files told."""
        self._looks.update((look.file.file_id, look) for look in looks)

    def new(self, ids: Iterable[str]) -> list[str]:
        """Return those that are not known to be in the training, or to be none that it takes."""
        looks = ((i, self._looks.get(i)) for i in ids if i in self._folder.files)
        return [i for i, look in looks if look is None or not (look.image_id or look.reason)]

    def _told(self, file_id: str, colour: str) -> dict[str, Any]:
        file, look = self._folder.files[file_id], self._looks.get(file_id)
        width, height = (look.width, look.height) if look else (None, None)
        pixels = f"{width:,} × {height:,} · " if width and height else ""
        row = self._session.state.draft.image.get(look.image_id or "") if look else None
        reason = look.reason if look else file.problem
        return {
            "image_id": file_id,
            "name": sendable(file.inside),
            # Where the grid of a training has the caption.
            "caption": "" if reason else f"{pixels}{_weight(file.bytes)}",
            "automatic_caption": "",
            "width": width,
            "height": height,
            "bytes": file.bytes,
            "state": "refused" if reason else "saved" if row else "kept",
            "reason": shown(reason, MESSAGE_MAX),
            "badges": [_there(row)] if row else [],
            # Changes with the file, so that a browser knows an old thumbnail for one.
            "version": f"{file.bytes}-{file.changed}",
            "colour": colour,
        }


class FolderGrid(ImageGrid):
    """The images of ``folder``, to choose some for ``training``. It changes neither."""

    _css = bundle("folder.css")

    kinds: ClassVar[Mapping[str, str]] = {
        kind: ImageGrid.kinds[kind]
        for kind in (
            *("summary", "rows", "order", "part", "thumbnails", "cancel"),
            *("select", "density"),
        )
    }

    def __init__(self, training: object, folder: Folder) -> None:
        self.folder = folder
        self.files = FolderFiles(folder, session_of(training))
        super().__init__(training)

    @property
    def chosen(self) -> list[str]:
        """The selected files that are new to the training, as far as is known."""
        return self.files.new(self.selected)

    @property
    def room(self) -> int:
        """How many more images the training takes."""
        return max(0, catalog.IMAGES_MAX - len(self.session.state.draft.images))

    def source(self, table: object) -> Source:  # noqa: ARG002  # all it has
        return self.files

    def standing(self, table: object) -> object:  # noqa: ARG002
        return self.folder

    def thumbnails(self, ids: Sequence[str], px: int) -> Sequence[Future[Thumbnail]]:
        return self.folder.thumbnails(ids, px)

    def tell(self, listing: Listing, ids: Sequence[str], total: int, answer: Answer) -> None:
        """Answer once the headers of these files were read."""

        def told(looks: list[Look]) -> Mapping[str, Any]:
            self.files.learn(looks)
            return self.page(listing, ids, total)

        answer.when(self.folder.look(ids), told)

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        files, room = len(self.folder.files), self.room
        most = catalog.IMAGES_MAX
        full = f"The training is full: it has {most} of {most} images."
        words = f"{room} of {most} slots left." if room else full
        return {
            **super()._summary(state),
            "picking": True,
            "title": shown(self.folder.path.name or str(self.folder.path), 80),
            "total": files,
            "counts": {"images": files},
            "sync": {"phase": "idle" if room else "failed", "message": words},
            "can_undo": False,
            "can_redo": False,
        }


def _there(row: ImageRow) -> dict[str, str]:
    why = f"This image is already in the training, as {shown(row.name, 80)}."
    return {"text": "in the training", "tone": "hint", "why": why}


def _weight(size: int) -> str:
    return f"{-(-size // 1000):,} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"
