"""What all views share: hearing of changes, answering requests, and leaving nothing behind.

A view never waits. Requests that take time are answered when their future completes, on whatever
thread that is. No lock is needed here for that: only the kernel sets these views' traits (the
browser asks by message, a selection included), and the memory of replies is claimed by
`dict.setdefault`, which is one step of the interpreter.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from phoenix_nbtrain.errors import InputError, PhoenixError
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.session.session import Session, session_of
from phoenix_nbtrain.session.state import SyncState, Thumbnail, TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, counted, shown

log = logging.getLogger(__name__)

T = TypeVar("T")

REPLIES_KEPT = 256
"""Replies remembered per view, so that a request sent twice is done once."""

STATIC = Path(__file__).parent / "static"
"""The bundles of ``js/``, made by ``npm run build``."""
RELOADS = os.environ.get("ANYWIDGET_HMR") == "1"
"""Whether anywidget reloads a view when its bundle changes, for whoever works on it."""


def bundle(name: str) -> str | Path:
    """Return a bundle as a widget's ``_esm`` or ``_css``.

    It is text, not a path, because anywidget keeps closed widgets alive where it watches a file.
    """
    return STATIC / name if RELOADS else bundle_text(name)


@cache
def _packaged(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def bundle_text(name: str) -> str:
    """Return the text of a bundle."""
    return (STATIC / name).read_text(encoding="utf-8") if RELOADS else _packaged(name)


class Answer:
    """The reply to one request. It is sent once, whenever it is known."""

    def __init__(
        self, request_id: str, send: Callable[[dict[str, Any], list[bytes]], None]
    ) -> None:
        self._id, self._send = request_id, send

    def ok(self, content: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Reply that it was done."""
        self._send({"id": self._id, "ok": True, **content}, list(buffers))

    def fail(self, error: BaseException) -> None:
        """Reply that it could not be done, and what to do about it."""
        self._send({"id": self._id, "ok": False, "error": error_words(error)}, [])

    def when(self, future: Future[T], shape: Callable[[T], Mapping[str, Any]]) -> None:
        """Reply when ``future`` completes."""

        def done(future: Future[T]) -> None:
            try:
                content = shape(future.result())
            except BaseException as error:  # a cancelled future, too, must be answered
                self.fail(error)
            else:
                self.ok(content)

        future.add_done_callback(done)

    def thumbnails(self, ids: Sequence[str], futures: Sequence[Future[Thumbnail]]) -> None:
        """Reply with images once the last of them is there; a failed one says why."""

        def reply() -> None:
            entries: list[dict[str, Any]] = []
            buffers: list[bytes] = []
            for image_id, future in zip(ids, futures, strict=True):
                entry: dict[str, Any] = {"image_id": image_id}
                try:
                    thumbnail = future.result()
                except CancelledError:
                    entry["cancelled"] = True
                except BaseException as error:
                    entry["error"] = error_words(error)["message"]
                else:
                    entry |= {"mime": thumbnail.mime, "buffer": len(buffers)}
                    buffers.append(thumbnail.content)
                entries.append(entry)
            self.ok({"thumbnails": entries}, buffers)

        when_all(futures, reply)


def when_all(futures: Sequence[Future[Any]], work: Callable[[], object]) -> None:
    """Do ``work`` once the last of these futures is done, on whatever thread that is."""
    numbers = count(1)

    def one_done(_future: Future[Any]) -> None:
        # `next` is one step of the interpreter: exactly one caller gets the last number.
        if next(numbers) == len(futures):
            work()

    if not futures:
        work()
    for future in futures:
        future.add_done_callback(one_done)


def error_words(error: BaseException) -> dict[str, str]:
    """Return an error as a view shows it. What was not foreseen is told to the log only."""
    if isinstance(error, PhoenixError):
        return {
            "message": shown(error.message, MESSAGE_MAX),
            "remedy": shown(error.remedy, MESSAGE_MAX),
        }
    log.error("a request of a view failed", exc_info=error)
    return {
        "message": f"That did not work ({type(error).__name__}).",
        "remedy": "Run the cell again; the kernel's log has the details.",
    }


def error_line(error: BaseException) -> str:
    """Return an error as a view shows it in one line."""
    words = error_words(error)
    return f"{words['message']} {words['remedy']}".strip()


class View:
    """Mixin for widgets that show a training.

    Call `watch` at the end of ``__init__``, show in `show`, and list in ``kinds`` the requests
    that the browser may send, each with the method ``(request, answer) -> None`` that takes it.
    """

    kinds: ClassVar[Mapping[str, str]] = {}
    """Requests by kind: the name of the method that answers."""
    once: ClassVar[frozenset[str]] = frozenset()
    """Kinds that change something: sent twice under one id, they are done once."""

    session: Session

    def __new__(cls, training: object = None, *rest: Any, **named: Any) -> Self:
        """Refuse what is no training before any part of the view is made of it."""
        session_of(training, view=cls.__name__)
        return super().__new__(cls, training, *rest, **named)  # type: ignore[call-arg]  # the widget's

    _closed = False
    _unsubscribe: Callable[[], None] | None = None
    _own_layout: Any = None

    def watch(self, training: object) -> None:
        """Show ``training`` and every change of it until `close`.

        Changes come at most five times a second, from a thread of the runner, latest state first.
        """
        session = self.session = session_of(training)
        not_for_children(self)
        self._replies: dict[str, tuple[dict[str, Any], list[bytes]] | None] = {}
        if self.kinds:
            self.on_msg(self._receive)  # type: ignore[attr-defined]  # the widget's, mixed in
        # ipywidgets makes a layout per widget and forgets to close it.
        self._own_layout = getattr(self, "layout", None)
        self._unsubscribe = session.subscribe(self._changed)
        self.show(session.state)

    def show(self, state: TrainingState) -> None:
        """Show a state. Called on any thread; must not block."""

    def close(self) -> None:
        """Let go of the training, the browser and everything remembered."""
        self._closed = True
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._replies.clear()
            if self.kinds:
                self.on_msg(self._receive, remove=True)  # type: ignore[attr-defined]
            own = self._own_layout
            if own is getattr(self, "layout", None) and own is not None:
                own.close()
        super().close()  # type: ignore[misc]

    def _changed(self, state: TrainingState) -> None:
        if not self._closed:  # a call may be on its way while the view closes
            self.show(state)

    # -- requests --------------------------------------------------------------------------------

    def _receive(self, _widget: object, content: object, _buffers: object = None) -> None:
        request = content if isinstance(content, dict) else {}
        given = request.get("id")
        request_id = given if isinstance(given, str) and 0 < len(given) <= 64 else ""
        kind = request.get("kind")
        remember = isinstance(kind, str) and kind in self.once
        if remember and request_id:
            # The mark is unique to this call: whoever finds another's in its place came second.
            mark: Any = ({"id": request_id}, [])
            earlier = self._replies.setdefault(request_id, mark)
            if earlier is not mark:
                if earlier is not None and "ok" in earlier[0]:
                    self._reply(*earlier)
                return  # else it is being done, and will be answered
            for old in list(self._replies)[:-REPLIES_KEPT]:
                self._replies.pop(old, None)

        def send(reply: dict[str, Any], buffers: list[bytes]) -> None:
            if remember and request_id in self._replies:
                self._replies[request_id] = (reply, buffers)
            self._reply(reply, buffers)

        answer = Answer(request_id, send)
        try:
            if not request_id:
                raise InputError("The request has no id.", remedy="Reload the page.")
            if not isinstance(kind, str) or kind not in self.kinds:
                raise InputError(
                    f"This view has no request {shown(kind, 40)}.", remedy="Run its cell again."
                )
            getattr(self, self.kinds[kind])(request, answer)
        except Exception as error:  # every request is answered
            answer.fail(error)

    def _reply(self, reply: dict[str, Any], buffers: list[bytes]) -> None:
        if not self._closed:
            self.send(reply, buffers or None)  # type: ignore[attr-defined]


# -- words -----------------------------------------------------------------------------------------


def sync_words(state: TrainingState) -> dict[str, Any]:
    """Return where the draft is on its way to the service, as a phase and a line of words.

    While images are sent, ``share`` says how many of them are there, 0 to 1; else it is 0.
    """
    sync: SyncState = state.sync
    share = sync.done / sync.total if sync.phase == "sending" and sync.total else 0.0
    unsent = state.draft.unsent
    if sync.phase == "failed":
        words = sync.message or "Saved locally; the service can't be reached"
    elif sync.phase == "blocked":
        words = sync.message or "Saved locally until the training ends"
    elif sync.phase == "sending" and sync.done < sync.total:
        words = f"Uploading images: {sync.done:,} of {sync.total:,}"
    elif sync.phase == "sending":
        words = f"Saving {unsent:,}…" if unsent else "Saving…"
    elif sync.phase == "waiting" and sync.message:
        words = sync.message
    elif unsent:
        words = f"{counted(unsent, 'change')} saved locally"
        words += ", syncing…" if sync.phase == "waiting" else ""
    else:
        words = "All changes saved" if state.draft.images else ""
    return {"phase": sync.phase, "message": shown(words, MESSAGE_MAX), "share": share}


def summary_of(session: Session, state: TrainingState, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the small state that every view shows around its content."""
    return {
        "revision": state.draft.revision,
        "title": session.name,
        "type": session.type + (" · pairs" if session.needs_pairs else ""),
        "where": session.where,
        "local": session.is_local,
        "pairs": session.needs_pairs,
        "counts": dict(counts),
        "sync": sync_words(state),
        "can_undo": state.can_undo,
        "can_redo": state.can_redo,
        "undoes": state.undoes,
        "training": state.training,
        "problem": shown(state.problem, MESSAGE_MAX),
    }
