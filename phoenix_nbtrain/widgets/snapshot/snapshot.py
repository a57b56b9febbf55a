"""The static snapshot: a second output below a view, for where no widget can run.

It is plain HTML and text with a display id of its own, so renewing it touches nothing of the view,
and the view hides it while it hears from its kernel. There is one when the view is shown, one when
the draft is on the service and one when a run begins or ends, never one with each keystroke.

Pages take updates long after a cell has ended. What runs a notebook without a page (nbclient,
nbconvert, papermill) takes only what a cell itself puts out. So the end of every cell renews what
is no longer true: with the images that are ready on a page, where the rest follow by themselves,
and elsewhere after a short wait for them. A file saved at once never shows an older state than its
cells.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import traitlets

from phoenix_nbtrain.session.state import Thumbnail, TrainingState
from phoenix_nbtrain.text import shown
from phoenix_nbtrain.user_options import options
from phoenix_nbtrain.widgets.base import View, when_all
from phoenix_nbtrain.widgets.serial_queue import SerialQueue
from phoenix_nbtrain.widgets.snapshot import notebook_cell
from phoenix_nbtrain.widgets.snapshot.markup import Images, Section, as_html, as_text, clock

log = logging.getLogger(__name__)

BYTES_MAX = 300_000
"""Most bytes of a snapshot: it is in each saved notebook."""
SIDE = 128
"""Pixels of an image's longer side; fewer where the snapshot would be too large."""
SPARE = 0.7
"""Of the side that would just fit, as the head of an image file does not shrink with its area."""
FIRST_SECONDS = 2.0
"""Until the images of a snapshot on a page: the view draws its own first."""
CELL_SECONDS = 2.0
"""Longest that the end of a cell waits for images, where nobody listens after it."""
AS_OF = "\0"
"""Stands for the time until a snapshot is put out; no text that is shown can hold it."""

FAILED = "the static snapshot of a view failed"


class SnapshotView(View, traitlets.HasTraits):
    """Mixin for views that leave a static snapshot below them."""

    snapshot_class = traitlets.Unicode(read_only=True).tag(sync=True)
    """The class of the snapshot's element and its display id; the view's script hides it by that."""

    _snapshot: Snapshot | None = None

    @traitlets.default("snapshot_class")
    def _new_name(self) -> str:
        return f"nbt-snapshot-{secrets.token_hex(8)}"

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        """Return what a page without widgets shows of this view."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """Return what stands now. The output's plain text says less, as it cannot be renewed."""
        words = " · ".join(s.words for s in self.snapshot(self.session.state))
        return shown(f"{type(self).__name__}: {shown(self.session.name, 30)} · {words}", 109)

    def hail(self) -> None:
        """Tell the browser that there is a kernel, though a cell may keep it from answering."""
        self._reply({"alive": True}, [])

    def close(self) -> None:
        """Let go of everything; the snapshot stays as it is and is not renewed any more."""
        if self._snapshot is not None:
            self._snapshot.close()
        super().close()

    def _changed(self, state: TrainingState) -> None:
        super()._changed(state)
        if self._snapshot is not None:
            self._snapshot.changed()

    def _ipython_display_(self) -> None:
        """Put out the view, and its snapshot below it."""
        bundle: Any = self._repr_mimebundle_()  # type: ignore[attr-defined]  # the widget's
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        # Only what stays true: this output is never renewed, or half-typed text would go with it.
        notebook_cell.put_out(
            bundle | {"text/plain": f"{type(self).__name__}: {shown(self.session.name, 64)}"}
        )
        try:
            asked = notebook_cell.request()
            if asked is not None and not self._closed:
                self._snapshot = self._snapshot or Snapshot(self, self.snapshot_class)
                self._snapshot.display(asked)
        except Exception:
            # Raised here, it would have the view displayed a second time.
            log.exception("%s", FAILED)


class Sheet(NamedTuple):
    """A snapshot that is ready but for its time."""

    made_of: tuple[object, ...] | None = None
    html: str = ""
    text: str = ""
    images: Images | None = None
    """All its images; ``None`` where some may be missing."""


class Made(NamedTuple):
    """A snapshot with all its images that is being made."""

    number: int
    made_of: tuple[object, ...]
    sheet: Future[Sheet]


class Snapshot:
    """The static snapshot of one view, wherever that is displayed."""

    def __init__(self, view: SnapshotView, name: str) -> None:
        self._view, self._name = view, name
        self._session = view.session
        self._turn = SerialQueue()
        self._numbers = count(1)
        self._newest = 0
        self._page = False
        """Whether somebody takes what comes after a cell's end."""
        self._last = Sheet()
        self._taken = True
        """Whether the last one is known to have been taken, as it was put out by a cell."""
        self._making: Made | None = None
        """The newest whole one that is not there yet."""
        self._images: Images | None = None
        """The images of the last whole one."""
        self._first: Any = None
        """The timer of `FIRST_SECONDS`, while it runs."""
        self._places: set[notebook_cell.Request] = set()
        self._closed = False

    def display(self, asked: notebook_cell.Request) -> None:
        """Put the snapshot out in the running cell: words now, images as soon as can be."""
        if self._kind() == "off":
            return
        for one in list(_displayed.values()):
            one.replaced(asked)
        self._places.add(asked)
        self._page = bool(asked.cell)
        self._closed = False
        _displayed[self._name] = self
        notebook_cell.at_end(_at_end)
        self._words(update=False)
        if self._page:
            self._stop_timer()
            self._first = self._session.runner.later(FIRST_SECONDS, self._view_is_up)

    def changed(self) -> None:
        """Renew the snapshot if it is due. Never blocks."""
        if not self._closed and self._first is None and self._due():
            made = self._make()
            made.sheet.add_done_callback(lambda _sheet: self._made(made))

    def begin_end(self) -> Made | None:
        """Renew the snapshot at a cell's end where it is no longer true.

        Returns:
            Without a page, what `finish_end` waits for.
        """
        if self._closed:
            return None
        if not self._page:
            return None if self._taken and self._is_whole(self._made_of()) else self._make()
        if self._last.made_of != self._made_of():
            self._words(update=True)
        self.changed()
        return None

    def finish_end(self, made: Made, until: float) -> None:
        """Put out what was begun at a cell's end if it is there in time, else words."""
        try:
            sheet = made.sheet.result(max(0.0, until - time.monotonic()))
        except Exception:  # late, or failed: the end of a later cell tries again
            made.sheet.add_done_callback(lambda _sheet: self._made(made))
            if not self._taken or self._last.made_of != self._made_of():
                self._words(update=True)
        else:
            self._done(made)
            self._put_out(sheet, made.number)

    def replaced(self, asked: notebook_cell.Request) -> None:
        """Forget the outputs of a cell that is run again; without any, there is nothing to renew."""
        gone = {p for p in self._places if p.cell == asked.cell and p.message != asked.message}
        if asked.cell and gone:
            self._places -= gone
            if not self._places:
                self.close()

    def close(self) -> None:
        """End all renewing."""
        self._closed = True
        _displayed.pop(self._name, None)
        self._stop_timer()

    # -- when ------------------------------------------------------------------------------------

    def _kind(self) -> str:
        return options.snapshots_of(local=self._session.is_local)

    def _made_of(self) -> tuple[object, ...]:
        state = self._session.state
        run = state.run
        ran = run and (run.run_id, run.status, run.ended and len(run.samples), run.last_seen)
        # The identity first: that two drafts differ is told without looking at their rows.
        return (id(state.draft), state.draft, ran, state.price.estimate, self._kind())

    def _is_whole(self, made_of: tuple[object, ...]) -> bool:
        """Return whether the last one was made of this, with all its images."""
        return self._last.images is not None and self._last.made_of == made_of

    def _due(self) -> bool:
        made_of = self._made_of()
        if self._is_whole(made_of) or (self._making and made_of == self._making.made_of):
            return False
        # The first one comes whatever is on its way to the service; those that follow show what
        # was saved, or cannot be.
        return _settled(self._session.state) or (self._last.images is None and not self._making)

    def _view_is_up(self) -> None:
        self._first = None
        if not self._closed:
            self._view.hail()
            self.changed()

    def _stop_timer(self) -> None:
        if self._first is not None:
            self._first.cancel()
            self._first = None

    # -- what ------------------------------------------------------------------------------------

    def _words(self, *, update: bool) -> None:
        """Put out what is true now at once, with the images that are ready."""
        number, made_of = next(self._numbers), self._made_of()
        sections = self._view.snapshot(self._session.state)
        images = self._images if self._kind() == "full" else None
        young = self._page and not update
        sheet = self._render(made_of, sections, images, young=young)
        if len(sheet.html.encode()) > BYTES_MAX:  # the words have grown since
            sheet = self._render(made_of, sections, None, young=young)
        self._put_out(sheet._replace(images=None), number, update=update)

    def _make(self) -> Made:
        number, made_of = next(self._numbers), self._made_of()
        self._making = Made(number, made_of, self._whole(made_of))
        return self._making

    def _done(self, made: Made) -> None:
        if self._making is made:
            self._making = None

    def _made(self, made: Made) -> None:
        """Put out a snapshot that was made between cells, or came too late for the end of one."""
        self._done(made)
        try:
            sheet = made.sheet.result()
        except Exception:
            log.exception("%s", FAILED)
        else:
            # Without a page perhaps nobody takes it, so the end of a cell does it again.
            self._put_out(sheet, made.number, taken=self._page)
            self.changed()  # words may have been put out meanwhile, which are newer

    def _put_out(
        self, sheet: Sheet, number: int, *, update: bool = True, taken: bool = True
    ) -> None:
        def work() -> None:
            if number < self._newest or (update and self._closed):
                return
            self._newest, self._images = number, sheet.images or self._images
            looks = (sheet.html, sheet.text)
            same = looks == (self._last.html, self._last.text) and (self._taken or not taken)
            off = update and self._kind() == "off"
            self._last = sheet
            if update and same:
                return
            self._taken = taken and not off
            if off:
                return
            now = clock(time.time())
            html, words = (said.replace(AS_OF, now) for said in looks)
            notebook_cell.put_out(
                {"text/html": html, "text/plain": words}, self._name, update=update
            )

        # Those who put out are on different threads, and the newest must be the last.
        self._turn(work)

    def _whole(self, made_of: tuple[object, ...]) -> Future[Sheet]:
        """Return the snapshot once its images are there, smaller ones where it is too large."""
        sections = self._view.snapshot(self._session.state)
        bare = self._render(made_of, sections, None)._replace(images={})
        ids = list(dict.fromkeys(i for section in sections for i in section.ids))
        whole: Future[Sheet] = Future()

        def ask(side: int) -> None:
            asked = self._session.thumbnails.ask(ids, side)
            when_all(asked, lambda: guarded(lambda: judge(asked, side)))

        def judge(asked: Sequence[Future[Thumbnail]], side: int) -> None:
            images = {i: image for i, one in zip(ids, asked, strict=True) if (image := _of(one))}
            sheet = self._render(made_of, sections, images)
            size = len(sheet.html.encode())
            if size <= BYTES_MAX:
                whole.set_result(sheet)
                return
            # Bytes go with the area; only those of the images become fewer.
            empty = {i: replace(image, content=b"") for i, image in images.items()}
            rest = len(self._render(made_of, sections, empty).html.encode())
            share = max(0, BYTES_MAX - rest) / (size - rest)
            smaller = int(side * share**0.5 * SPARE)
            if side == SIDE and smaller:
                ask(smaller)
            else:
                whole.set_result(bare)

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except Exception as error:  # whoever waits must hear of it
                whole.set_exception(error)

        if ids and self._kind() == "full":
            guarded(lambda: ask(SIDE))
        else:
            whole.set_result(bare)
        return whole

    def _render(
        self,
        made_of: tuple[object, ...],
        sections: Sequence[Section],
        inline: Images | None,
        *,
        young: bool = False,
    ) -> Sheet:
        classes = f"{self._name} nbt-young" if young else self._name
        html = as_html(self._session, sections, inline, as_of=AS_OF, classes=classes)
        return Sheet(made_of, html, as_text(self._session, sections, as_of=AS_OF), inline)


_displayed: dict[str, Snapshot] = {}
"""The snapshots that somebody may still be looking at, by name."""


def _at_end(_result: object) -> None:
    """Renew all snapshots at the end of a cell, within it: the one moment every host listens."""
    made = []
    for one in list(_displayed.values()):
        try:
            begun = one.begin_end()
            if begun is not None:
                made.append((one, begun))
        except Exception:
            log.exception("%s", FAILED)
    until = time.monotonic() + CELL_SECONDS
    for one, begun in made:
        try:
            one.finish_end(begun, until)
        except Exception:
            log.exception("%s", FAILED)


def _settled(state: TrainingState) -> bool:
    """Whether the draft is on the service, or cannot get there now."""
    if state.sync.phase != "idle":
        return state.sync.phase in ("failed", "blocked")
    # An edit is in the draft a moment before the sync says that it waits.
    return all(row.state != "kept" for row in state.draft.images)


def _of(made: Future[Thumbnail]) -> Thumbnail | None:
    return None if made.cancelled() or made.exception() else made.result()
