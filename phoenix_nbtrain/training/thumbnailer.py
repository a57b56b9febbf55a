"""Thumbnails by what tells a picture from others: from memory, from disk, else decoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from phoenix_nbtrain.cache import Cache
from phoenix_nbtrain.forks import after_fork, not_for_children
from phoenix_nbtrain.home import home
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.runner import Runner
from phoenix_nbtrain.training.colours import Colours
from phoenix_nbtrain.training.state import Thumbnail

__all__ = ["PX_MAX", "PX_USUAL", "Step", "Thumbnailer", "asked", "thumbnailer"]

MEMORY_BYTES = 64 * 1024 * 1024
DISK_BYTES = 256 * 1024 * 1024
"""About 20,000 thumbnails of photographs in the usual size."""
FETCHED_BYTES = 256 * 1024 * 1024
PX_MAX = 2048
PX_USUAL = 192
"""What a grid of medium tiles asks for on a screen of ordinary density; see `pxFor` in pictures.js."""

T = TypeVar("T")
Step = Callable[[], None]
"""Called before each costly step. It ends the work where nobody waits for it any more."""


class Thumbnailer:
    """Makes thumbnails in the decoder's children, and keeps them in memory and on disk.

    One of a kernel serves all trainings and folders. Keys are a picture's content hash, an asset's
    id with the Phoenix that it is on, or a file with its time and size: what they name never
    changes.
    """

    def __init__(self, folder: Path) -> None:
        self._disk = Cache(folder / "small", bytes_max=DISK_BYTES)
        self.fetched = Cache(folder / "fetched", bytes_max=FETCHED_BYTES)
        """Whole pictures that only a service has."""
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
            key: what tells the picture from others.
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


_here: WeakValueDictionary[Path, Thumbnailer] = WeakValueDictionary()
_here_lock = threading.Lock()


@after_fork
def _forget() -> None:
    global _here_lock
    _here_lock = threading.Lock()
    _here.clear()


def thumbnailer() -> Thumbnailer:
    """Return this kernel's one `Thumbnailer` for the data folder."""
    folder = home() / "thumbnails"
    with _here_lock:
        made = _here.get(folder)
        if made is None:
            made = _here[folder] = Thumbnailer(folder)
        return made


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
