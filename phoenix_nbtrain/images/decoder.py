"""Thumbnails and pixels, decoded by child processes so that no image can harm the kernel.

Two children start with the first image and stay. Each takes one image at a time; one that
dies, or takes too long, costs that image an `ImageError` and is replaced.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from weakref import WeakSet

from phoenix_nbtrain.children import environment
from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.text import shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # what `_widen` expects there

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHILDREN = 2
SECONDS = 20
"""How long one image may take. 64 megapixels of PNG take about two seconds."""
PX_MAX = 4096
"""Largest longest side that is handed out."""
PIPE_BYTES = 1 << 20
"""What a pipe to a child holds, where the system allows it: most files whole, so that parent and
child need not take turns over one."""

_REMEDY = "Open it in an image editor and save it again, or leave it out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small version of an image, ready for a browser."""

    mime: str
    content: bytes
    width: int
    height: int
    colour: str
    """Its mean colour, as ``#rrggbb``."""


class _ChildDiedError(Exception):
    """The child ended, hung, or answered nonsense."""


_children: WeakSet[_Child] = WeakSet()
_inherited: list[object] = []
"""Of a process that forked this one, and never let go of: what closes a pipe waits for its lock."""


class _Child:
    """One decoding process, used by one thread at a time."""

    def __init__(self) -> None:
        # -P and a folder of its own: a user's numpy.py beside the notebook is not imported.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "phoenix_nbtrain.images._decoder_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            env=environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for the parent
        )
        _widen(self._process.stdin)
        _children.add(self)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Send one image and return the reply.

        Raises:
            _ChildDiedError: there is none. The child is then of no further use.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            head = json.dumps(request).encode()
            self._process.stdin.write(struct.pack("<II", len(head), len(content)) + head)
            self._process.stdin.write(content)
            self._process.stdin.flush()
            header_size, body_size = struct.unpack("<II", self._read(8))
            if header_size > 1 << 16 or body_size > 4 * PX_MAX * PX_MAX:
                raise _ChildDiedError
            header = json.loads(self._read(header_size))
            return header, self._read(body_size)
        except (OSError, ValueError, struct.error):
            raise _ChildDiedError from None

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        content = self._process.stdout.read(size)
        if len(content) < size:
            raise _ChildDiedError
        return content

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()

    def leave(self) -> None:
        """Let go of it in a forked process: it is the parent's, pipes with half a request too."""
        self._process.returncode = 0  # not ours to wait for
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                # Whatever Python flushes into the pipe at its end goes nowhere.
                os.dup2(nothing, pipe.fileno(), inheritable=False)
        os.close(nothing)

    def end(self) -> None:
        # Killed before its pipes close: closing flushes, and a child that hangs reads nothing.
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a dead child's pipe, with bytes unsent
                    pipe.close()
        self._process.wait()


class _Watchdog:
    """Kills children that take too long over an image.

    Pipes are read with blocking reads, and whoever reads is freed by the child's end: that works
    the same on every platform, where selecting on pipes does not. One thread watches them all, and
    sleeps meanwhile; it ends when it wakes and nothing is under way.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._due: dict[_Child, float] = {}
        self._awake = False

    @contextlib.contextmanager
    def over(self, child: _Child) -> Iterator[None]:
        """Allow the child so many seconds for what is done within."""
        with self._lock:
            self._due[child] = time.monotonic() + self._seconds
            begins, self._awake = not self._awake, True
        if begins:
            threading.Thread(target=self._run, name="phoenix-decoder", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._due[child]

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                for child, due in self._due.items():
                    if due <= now:
                        child.kill()
                left = [due - now for due in self._due.values() if due > now]
                if not left:
                    self._awake = False
                    return
            # All are allowed the same, so whatever begins meanwhile is due later.
            time.sleep(min(left))


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold `PIPE_BYTES`. Only Linux can, and may refuse."""
    resize = getattr(fcntl, "F_SETPIPE_SZ", None)
    if pipe is not None and resize is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, resize, PIPE_BYTES)


class Decoder:
    """A pool of decoding children. Safe to use from any thread; starts nothing until asked."""

    def __init__(self, *, children: int = CHILDREN, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._watchdog = _Watchdog(seconds)
        # Places, most recently used first: who asks for one at a time keeps to one child.
        self._places: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(children):
            self._places.put(None)

    def thumbnail(self, content: bytes, px: int) -> Thumbnail:
        """Return a JPEG of ``content`` with at most ``px`` pixels on its longest side.

        Upright, and on white where it was transparent. A smaller image keeps its size.

        Raises:
            ImageError: not an image, or one that cannot be decoded.
        """
        reply, body = self._ask("thumbnail", content, px)
        return Thumbnail(
            mime=reply["mime"],
            content=body,
            width=reply["width"],
            height=reply["height"],
            colour=f"#{bytes(reply['colour']).hex()}",
        )

    def pixels(self, content: bytes, px: int) -> NDArray[np.uint8]:
        """Return the image as an array (height, width, 3) of RGB, 0 to 255.

        The longest side has exactly ``px`` pixels, so a smaller image is enlarged: a trainer
        wants its blocks at one scale. Upright, and on white where it was transparent.

        Raises:
            ImageError: not an image, or one that cannot be decoded.
        """
        import numpy as np

        reply, body = self._ask("pixels", content, px)
        return np.frombuffer(body, np.uint8).reshape(reply["height"], reply["width"], 3).copy()

    def close(self) -> None:
        """End the children. The next image starts new ones."""
        idle: list[_Child | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._places.get_nowait())
        for child in idle:
            if child is not None:
                child.end()
            self._places.put(None)

    def _ask(self, kind: str, content: bytes, px: int) -> tuple[dict[str, Any], bytes]:
        header = inspect(content)
        if isinstance(px, bool) or not isinstance(px, int) or not 1 <= px <= PX_MAX:
            raise ImageError(f"px is {shown(px, 30)}; it must be 1 to {PX_MAX}.")
        request = {
            "kind": kind,
            "px": px,
            "format": header.format,
            "orientation": header.orientation,
            "stored_size": header.stored_size,
            "seconds": max(1, round(self._seconds)),
        }
        child = self._places.get()
        try:
            if child is None or not child.alive:
                if child is not None:
                    child.end()
                    child = None
                child = _Child()
            with self._watchdog.over(child):
                reply, body = child.ask(request, content)
        except BaseException as error:
            if child is not None:
                child.end()
                child = None
            if isinstance(error, _ChildDiedError):
                raise ImageError(
                    "The image crashed the decoder, or took too long.",
                    remedy=_REMEDY,
                ) from None
            raise
        finally:
            self._places.put(child)
        if not reply.get("ok"):
            raise ImageError(
                f"The image cannot be decoded: {shown(str(reply.get('error')), 80)}.",
                remedy=_REMEDY,
            )
        return reply, body


_shared: Decoder | None = None
_shared_lock = threading.Lock()


@after_fork
def _forget() -> None:
    global _shared, _shared_lock
    for child in list(_children):
        child.leave()
    _inherited.extend([_shared, *_children])
    _children.clear()
    _shared, _shared_lock = None, threading.Lock()


def _decoder() -> Decoder:
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Decoder()
        return _shared


def thumbnail(content: bytes, px: int) -> Thumbnail:
    """Return a thumbnail from this process's one `Decoder`; see there."""
    return _decoder().thumbnail(content, px)


def pixels(content: bytes, px: int) -> NDArray[np.uint8]:
    """Return pixels from this process's one `Decoder`; see there."""
    return _decoder().pixels(content, px)


def close() -> None:
    """End the children of this process's `Decoder`."""
    if _shared is not None:
        _shared.close()


# When this is imported and not with the first image, so that it comes after `ThreadRunner.end`.
atexit.register(close)
