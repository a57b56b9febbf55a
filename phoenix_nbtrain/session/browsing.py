"""The images of a folder, to choose from: nothing of a file is read before it is looked at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from phoenix_nbtrain.dataset.allowed_text import name_text
from phoenix_nbtrain.dataset.folders import Found, images_in, read_file, reading
from phoenix_nbtrain.dataset.image_sources import folder_of
from phoenix_nbtrain.dataset.lookup import path_parts
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.images.header import BYTES_MAX, ImageHeader, glance
from phoenix_nbtrain.session.state import Thumbnail
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.thumbnails import PX_MAX, Step, asked, thumbnailer
from phoenix_nbtrain.text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """A file of a folder, as its listing tells of it."""

    file_id: str
    """The same for the same path, in every kernel."""
    name: str
    inside: str
    """Where it is within the folder, with forward slashes."""
    where: str
    """The whole path."""
    bytes: int
    """Of the file as it is, with its metadata."""
    changed: int
    """When its content last changed: nanoseconds since 1970."""
    problem: str = ""
    """Why it cannot be taken, where the listing tells that already."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.where)

    @property
    def key(self) -> str:
        """What tells its content from others, without reading it."""
        return f"{self.file_id} {self.bytes} {self.changed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at a file tells besides its name."""

    file: ImageFile
    width: int | None = None
    """Pixels, after the orientation the file asks for."""
    height: int | None = None
    reason: str = ""
    """Why it cannot be taken; empty where nothing is against it so far."""
    image_id: str | None = None
    """The image of the training that it is already."""


class Folder:
    """The images of a folder. Made by `Training.browse`; safe to use from any thread.

    It is as the folder was when it was listed. A file that is gone or has changed since then says
    so when it is looked at, or shows what it is now.
    """

    def __init__(self, given: str | os.PathLike[str], *, recursive: bool, live: StateStore) -> None:
        listed = images_in(folder_of(given).absolute(), recursive=recursive)
        self.path = listed.path
        self.others = listed.others
        """How many of its files are called otherwise than images."""
        self.folders = listed.folders
        """How many folders are in it that were not looked into."""
        self.unread = listed.unread
        """Folders below it that cannot be read."""
        self.files: Mapping[str, ImageFile] = {
            file.file_id: file for file in map(_listed, listed.files)
        }
        """By id, in natural order of where they are."""
        self._live = live
        self._kept = thumbnailer()
        self._headers: dict[str, ImageHeader] = {}
        self._hashes: dict[str, str] = {}
        not_for_children(self)

    def __repr__(self) -> str:
        return f"<Folder {shown(str(self.path))}: {len(self.files):,} images>"

    def look(self, ids: Sequence[str]) -> Future[list[Look]]:
        """Read the headers of these files. Never blocks; ids that are not there are left out.

        A file that has the name, the size and about the bytes of an image of the training is read
        whole, to know whether it is that one; so is one of another name with exactly its bytes.
        """
        files = [self.files[i] for i in ids if i in self.files]
        return self._live.runner.alone("look", partial(self._looked, files))

    def thumbnails(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        """Return a future image of at most ``px`` pixels for each file. Never blocks.

        Cancel those that nobody waits for any more, begun or not.
        """
        px = max(16, min(PX_MAX, int(px)))
        return [asked(self._live.runner, partial(self._thumbnail, i, px)) for i in ids]

    def colours(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return each file's mean colour as ``#rrggbb``; empty where unknown. Never blocks."""
        files = ((i, self.files.get(i)) for i in ids)
        return {i: self._kept.colours.get(file.key) if file else "" for i, file in files}

    def paths(self, ids: Sequence[str]) -> list[Path]:
        """Return where these files are, for `Training.add_images`."""
        return [self.files[i].path for i in ids if i in self.files]

    # -- one file -------------------------------------------------------------------------------

    def _thumbnail(self, file_id: str, px: int, step: Step) -> Thumbnail:
        file = self.files.get(file_id)
        if file is None:
            raise ImageError(f"There is no file {shown(file_id)} in this folder.")
        return self._kept.get(file.key, px, lambda: read_file(file.path, BYTES_MAX), step)

    def _looked(self, files: Sequence[ImageFile]) -> list[Look]:
        draft = self._live.state.draft
        named, weighed = _by_name(draft), _by_bytes(draft)
        return [
            self._one(file, named.get(file.name, ()), weighed.get(file.bytes, ())) for file in files
        ]

    def _one(
        self, file: ImageFile, namesakes: Sequence[ImageRow], as_heavy: Sequence[ImageRow]
    ) -> Look:
        try:
            header = self._header(file)
        except InputError as error:
            return Look(file=file, reason=str(error))
        likely = [row for row in (*namesakes, *as_heavy) if _may_be(row, file, header)]
        content_hash = self._hash(file) if likely else None
        same = (row.image_id for row in likely if row.content_hash == content_hash)
        return Look(file=file, width=header.width, height=header.height, image_id=next(same, None))

    def _header(self, file: ImageFile) -> ImageHeader:
        """Return the file's header. Once known, it is not read again.

        Raises:
            InputError: it cannot be taken.
        """
        known = self._headers.get(file.file_id)
        if known is None:
            if file.problem:
                raise ImageError(file.problem)
            name_text(file.name)
            with reading(file.path) as opened:
                known = self._headers[file.file_id] = glance(opened)
        return known

    def _hash(self, file: ImageFile) -> str:
        """Return the hash that the file's image would have in a training; empty if it has none."""
        known = self._hashes.get(file.file_id)
        if known is None:
            try:
                sent = metadata.strip(read_file(file.path, BYTES_MAX))
            except ImageError:
                return ""
            known = self._hashes[file.file_id] = hashlib.sha256(sent).hexdigest()
        return known


def _listed(found: Found) -> ImageFile:
    digest = hashlib.sha256(os.fsencode(found.path)).hexdigest()
    return ImageFile(
        file_id=f"file_{digest[:16]}",
        name=found.inside.rpartition("/")[2],
        inside=found.inside,
        where=found.path,
        bytes=found.bytes,
        changed=found.changed,
        problem=found.problem,
    )


def _by_name(draft: Draft) -> Mapping[str, Sequence[ImageRow]]:
    """Return the draft's images by what their files may be called: a clash puts folders before."""
    named: dict[str, list[ImageRow]] = {}
    for row in draft.images:
        for name in {row.name, *path_parts(row.name)[-1:]}:
            named.setdefault(name, []).append(row)
    return named


def _by_bytes(draft: Draft) -> Mapping[int, Sequence[ImageRow]]:
    weighed: dict[int, list[ImageRow]] = {}
    for row in draft.images:
        weighed.setdefault(row.bytes or 0, []).append(row)
    return weighed


def _may_be(row: ImageRow, file: ImageFile, header: ImageHeader) -> bool:
    return (
        row.content_hash is not None
        and (row.width, row.height) == (header.width, header.height)
        and (row.bytes or 0) <= file.bytes
    )
