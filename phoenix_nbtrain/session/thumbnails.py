"""A training's images, whole and small, whether they are on this computer or there.

A thumbnail comes from memory, else from disk, else it is decoded; its image's mean colour is what
a view paints until it has more.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TypeVar

from phoenix_nbtrain.arguments import texts
from phoenix_nbtrain.cache import Cache
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import ImageRow
from phoenix_nbtrain.errors import ImageError, InputError, PhoenixError, StoreError
from phoenix_nbtrain.forks import OneEach, not_for_children
from phoenix_nbtrain.home import home, private_folder, write_whole
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.runner import Runner
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.state import Thumbnail
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.text import shown

log = logging.getLogger(__name__)

AHEAD_SECONDS = 0.5
"""How long after images were added they are looked at ahead. A script that ends before has no
use for it."""

MEMORY_BYTES = 64 * 1024 * 1024
DISK_BYTES = 256 * 1024 * 1024
"""About 20,000 thumbnails of photographs in the usual size."""
FETCHED_BYTES = 256 * 1024 * 1024
PX_MAX = 2048
PX_USUAL = 192
"""What a grid of medium tiles asks for on a screen of ordinary density; see `pxFor` in images.js."""

T = TypeVar("T")
Step = Callable[[], None]
"""Called before each costly step. It ends the work where nobody waits for it any more."""


class Thumbnailer:
    """Makes thumbnails in the decoder's children, and keeps them in memory and on disk.

    One of a kernel serves all trainings and folders. Keys are an image's content hash, an asset's
    id with the Phoenix that it is on, or a file with its time and size: what they name never
    changes.
    """

    def __init__(self, folder: Path) -> None:
        self._disk = Cache(folder / "small", bytes_max=DISK_BYTES)
        self.fetched = Cache(folder / "fetched", bytes_max=FETCHED_BYTES)
        """Whole images that only a service has."""
        self.colours = Colours(folder / "colours.txt")
        self._lock = threading.Lock()
        self._memory: OrderedDict[tuple[str, int], Thumbnail] = OrderedDict()
        self._size = 0

    def at_hand(self, key: str, px: int) -> Thumbnail | None:
        """Return the thumbnail if it is in memory. Never blocks."""
        with self._lock:
            if (key, px) not in self._memory:
                return None
            self._memory.move_to_end((key, px))
            return self._memory[key, px]

    def get(self, key: str, px: int, content: Callable[[], bytes], step: Step) -> Thumbnail:
        """Return a thumbnail of at most ``px`` pixels, making it where it is not kept.

        Args:
            key: what tells the image from others.
            px: pixels of the longest side.
            content: reads or fetches the whole file.
            step: called before that, and before the file is decoded.

        Raises:
            ImageError: it cannot be decoded. What ``content`` and ``step`` raise passes through.
        """
        thumbnail = self.at_hand(key, px) or self._kept(key, px)
        if thumbnail is None:
            step()
            whole = content()
            step()
            made = decoder.thumbnail(whole, px)
            self.colours.put(key, made.colour)
            thumbnail = Thumbnail(mime=made.mime, content=made.content)
            said = f"{made.mime} {made.colour}\n".encode()
            self._disk.put(f"{key} {px}", said + made.content)
        self._remember((key, px), thumbnail)
        return thumbnail

    def _kept(self, key: str, px: int) -> Thumbnail | None:
        """Return the thumbnail if it is on disk. Its colour is learned where it was not known."""
        kept = self._disk.get(f"{key} {px}")
        if kept is None:
            return None
        said, _, content = kept.partition(b"\n")
        mime, _, colour = said.decode().partition(" ")
        self.colours.put(key, colour)
        return Thumbnail(mime=mime, content=content)

    def _remember(self, key: tuple[str, int], thumbnail: Thumbnail) -> None:
        with self._lock:
            if key not in self._memory:
                self._memory[key] = thumbnail
                self._size += len(thumbnail.content)
            while self._size > MEMORY_BYTES:
                self._size -= len(self._memory.popitem(last=False)[1].content)


_here = OneEach[Path, Thumbnailer]()


def thumbnailer() -> Thumbnailer:
    """Return this kernel's one `Thumbnailer` for the data folder."""
    folder = home() / "thumbnails"
    return _here.one(folder, lambda: Thumbnailer(folder))


class _NobodyWaitsError(Exception):
    """The future was cancelled."""


def asked(runner: Runner, work: Callable[[Step], T]) -> Future[T]:
    """Run ``work`` on the lane of thumbnails; return a future that can be cancelled to the end.

    One that an executor has begun can not be. This one counts as begun only once its result is
    there: cancelled before, the work is dropped, or ends with its next step.
    """
    future: Future[T] = not_for_children(Future())

    def step() -> None:
        if future.cancelled():
            raise _NobodyWaitsError

    def run() -> None:
        try:
            step()
            result = work(step)
        except _NobodyWaitsError:
            future.set_running_or_notify_cancel()
        except BaseException as error:  # handed to whoever asks the future
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        else:
            if future.set_running_or_notify_cancel():
                future.set_result(result)

    runner.submit("thumbnails", run)
    return future


class Thumbnails:
    """The thumbnails and mean colours of one training's images, and the images themselves."""

    def __init__(self, live: StateStore, service: Service, contents: Contents) -> None:
        self._live = live
        self.service = service
        self._contents = contents
        self._kept = thumbnailer()
        self._looked_ahead: set[str] = set()

    def ask(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        """Return a future per image; ids are image ids, or asset ids of samples.

        Cancelling one ends its work with the next step, begun or not.
        """
        if not isinstance(px, int | float) or px != px:  # NaN
            raise InputError(f"px is {shown(px, 40)}.", remedy="Give a number of pixels.")
        px = int(max(16, min(PX_MAX, px)))
        return [self._one(i, px) for i in texts("ids", ids)]

    def colours(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return each image's mean colour as ``#rrggbb``, where it is known. Never blocks."""
        return {i: self._kept.colours.get(self._key(i)) for i in texts("ids", ids)}

    def look_ahead(self) -> None:
        """Make thumbnails of what is new on this computer, behind what views ask for.

        One at a time: whoever asks for one waits for at most one of these. An image's colour is
        there then before a view paints its place.
        """
        if self._next() is not None:
            self._live.runner.later(AHEAD_SECONDS, self._look)

    def content(self, image_id: str) -> bytes:
        """Return the whole file of an image.

        Raises:
            ImageError: there is no such image.
            ServiceUnreachable, ServiceError: it is on the service, which did not give it.
        """
        if not isinstance(image_id, str):
            raise _unknown(image_id)
        row = self._live.state.draft.image.get(image_id)
        content = self._contents.get(row.content_hash) if row and row.content_hash else None
        if content is not None:
            return content
        asset_id = row.asset_id if row else image_id
        if asset_id is None or (row is None and not asset_id.startswith("asset_")):
            raise _unknown(image_id)
        return self._fetched(asset_id)

    def _fetched(self, asset_id: str) -> bytes:
        """Return an image that the service has. What was fetched is kept, within bounds."""
        key = self._there(asset_id)
        content = None if self.service.is_local else self._kept.fetched.get(key)
        if content is None:
            # The address is signed and short-lived, so it is read anew and kept nowhere.
            content = self.service.fetch(self.service.get_asset(asset_id).url)
            if not self.service.is_local:  # the local Phoenix has it on this disk already
                self._kept.fetched.put(key, content)
        return content

    # -- one thumbnail --------------------------------------------------------------------------

    def _one(self, image_id: str, px: int) -> Future[Thumbnail]:
        thumbnail = self._kept.at_hand(self._key(image_id), px)
        if thumbnail is None:
            return asked(self._live.runner, partial(self._make, image_id, px))
        done: Future[Thumbnail] = Future()
        done.set_result(thumbnail)
        return done

    def _make(self, image_id: str, px: int, step: Step) -> Thumbnail:
        content = partial(self.content, image_id)
        return self._kept.get(self._key(image_id), px, content, step)

    def _key(self, image_id: str) -> str:
        """Return what tells the image from others, in every training and on every Phoenix."""
        row = self._live.state.draft.image.get(image_id)
        if row is not None and row.content_hash:
            return row.content_hash
        return self._there((row.asset_id if row else None) or image_id)

    def _there(self, asset_id: str) -> str:
        return f"{self._live.origin} {asset_id}"

    # -- looking ahead --------------------------------------------------------------------------

    def _next(self) -> ImageRow | None:
        for row in self._live.state.draft.images:
            key = row.content_hash
            if key and key not in self._looked_ahead and not self._kept.colours.get(key):
                return row
        return None

    def _look(self) -> None:
        row = self._next()
        if row is not None and row.content_hash is not None:
            self._looked_ahead.add(row.content_hash)
            looked = asked(self._live.runner, partial(self._make, row.image_id, PX_USUAL))
            looked.add_done_callback(self._looked)

    def _looked(self, looked: Future[Thumbnail]) -> None:
        error = looked.exception()
        if error is not None and not isinstance(error, PhoenixError):
            log.error("an image could not be looked at ahead", exc_info=error)
        self._look()


def _unknown(image_id: object) -> ImageError:
    return ImageError(
        f"There is no image {shown(image_id)}.", remedy="training.images lists the ids."
    )


KEPT = 50_000
"""Colours in the file, 40 bytes each; it may grow to twice as many before the older half goes."""

_LINE = re.compile(rb"([0-9a-f]{32}) ([0-9a-f]{6})\n")


class Colours:
    """Colours by the key of an image, in memory and in one file of lines.

    The file is read once. Each kernel adds its lines at the end, which a system does in one step;
    what is no line there is passed over. So nothing here waits, and nothing fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._by_key = self._read()

    def get(self, key: str) -> str:
        """Return the colour as ``#rrggbb``, or nothing where it is not known."""
        return self._by_key.get(_short(key), "")

    def put(self, key: str, colour: str) -> None:
        """Remember an image's colour, here and for kernels to come."""
        short = _short(key)
        with self._lock:
            if self._by_key.get(short) == colour:
                return
            self._by_key[short] = colour
        try:
            private_folder(self._path.parent)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, _line(short, colour))
            finally:
                os.close(descriptor)
        except (OSError, StoreError) as error:  # a full disk, or one that is read only
            log.info("%s takes no colour: %s", self._path, error)

    def _read(self) -> dict[str, str]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        found = {m[1].decode(): f"#{m[2].decode()}" for m in _LINE.finditer(content)}
        if len(found) > KEPT or len(content) > 2 * KEPT * len(_line("0" * 32, "#000000")):
            found = dict(list(found.items())[-KEPT:])
            try:
                write_whole(self._path, b"".join(_line(*item) for item in found.items()))
            except StoreError as error:
                log.info("%s stays as long as it is: %s", self._path, error)
        return found


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _line(short: str, colour: str) -> bytes:
    return f"{short} {colour.removeprefix('#')}\n".encode()
