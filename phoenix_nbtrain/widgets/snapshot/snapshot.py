"""The static twin: a second output below a view, for where no widget can run.

It is plain HTML with a display id of its own, so that renewing it touches nothing of the view, and
the view hides it as long as it hears from its kernel. It is renewed when the set was saved and when
a run begins or ends, never with each keystroke.

How it reaches the saved file depends on who runs the cell. A page takes what comes later, so the
first twin is words and the images follow when the view has drawn its own. What runs a notebook
without a page (nbclient, nbconvert, papermill) takes only what a cell itself puts out, so there the
cell waits a moment for the images. Either way the end of every cell renews what has changed, with
the images that are ready, so that a file saved at once never shows an older state than its cells.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any, NamedTuple

import traitlets

from phoenix_nbtrain.preferences import options
from phoenix_nbtrain.session.state import Thumbnail, TrainingState
from phoenix_nbtrain.text import shown
from phoenix_nbtrain.widgets.base import View
from phoenix_nbtrain.widgets.serial_queue import SerialQueue
from phoenix_nbtrain.widgets.snapshot import notebook_cell
from phoenix_nbtrain.widgets.snapshot.render import Pictures, Section, as_html, as_text, clock

__all__ = ["BYTES_MAX", "Snapshot", "SnapshotView"]

log = logging.getLogger(__name__)

BYTES_MAX = 300_000
"""Most bytes of a whole twin: it is in each saved notebook."""
SIDES = (160, 128, 96, 72, 56, 40, 32)
"""Sizes of its pictures, in pixels of the longer side. The largest that fits is taken."""
CELL_SECONDS = 2.0
"""Longest that a cell waits for pictures, where nobody listens after its end."""
QUIET_SECONDS = 2.0
"""From a change until it is in the twin; and so from the view's first sight until the pictures."""
BETWEEN_SECONDS = 10.0
"""Least time between two twins of a view; up to 300 KB go to the page with each."""
AS_OF = "\0"
"""Where the time stands in a twin until it is put out; no text that is shown can hold it."""


class SnapshotView(View, traitlets.HasTraits):
    """Mixin for views that leave a static twin below them."""

    twin = traitlets.Unicode(read_only=True).tag(sync=True)
    """The class of the twin's element, and its display id; the view's script hides it by that."""

    _twin: Snapshot | None = None

    @traitlets.default("twin")
    def _new_name(self) -> str:
        return f"nbt-twin-{secrets.token_hex(8)}"

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
        """Let go of everything; the twin stays as it is, and is not renewed any more."""
        if self._twin is not None:
            self._twin.close()
        super().close()

    def _changed(self, state: TrainingState) -> None:
        super()._changed(state)
        if self._twin is not None:
            self._twin.changed()

    def _ipython_display_(self) -> None:
        """Put out the view, and its twin below it."""
        bundle: Any = self._repr_mimebundle_()  # type: ignore[attr-defined]  # the widget's
        bundle = bundle[0] if isinstance(bundle, tuple) else bundle
        # Only what stays true: this output is never renewed, or half-typed text would go with it.
        notebook_cell.put_out(
            bundle | {"text/plain": f"{type(self).__name__}: {shown(self.session.name, 64)}"}
        )
        try:
            asked = notebook_cell.request()
            if asked is not None and not self._closed:
                self._twin = self._twin or Snapshot(self, self.twin)
                self._twin.display(asked)
        except Exception:
            # Raised here, it would have the view displayed a second time.
            log.exception("the static twin of a view failed")


class Snapshot:
    """The static twin of one view, wherever that is displayed."""

    def __init__(self, view: SnapshotView, name: str) -> None:
        self._view, self._name = view, name
        self._session = view.session
        self._turn = SerialQueue()
        self._numbers = count(1)
        self._newest = 0
        self._page = False
        """Whether somebody takes what comes after a cell's end."""
        self._says: tuple[object, ...] | None = None
        """What the last one was made of."""
        self._shows: tuple[object, ...] | None = None
        """The same; ``None`` while its images are missing."""
        self._images: Pictures | None = None
        """The images of the last whole one."""
        self._last = Sheet("", "")
        self._timer: Any = None
        self._places: set[notebook_cell.Request] = set()
        self._closed = False

    def display(self, asked: notebook_cell.Request) -> None:
        """Put the twin out in the running cell."""
        if self._kind() == "off":
            return
        for twin in list(_displayed.values()):
            twin.replaced(asked)
        self._places.add(asked)
        self._page = bool(asked.cell)
        self._closed = False
        _displayed[self._name] = self
        notebook_cell.at_end(_at_end)
        if self._page:
            self._words(update=False, young=True)
            self._wake(QUIET_SECONDS)
        else:
            self._now(update=False)

    def changed(self) -> None:
        """See soon whether the twin is still true. Never blocks."""
        if not self._closed and self._timer is None and self._due():
            self._wake(QUIET_SECONDS)

    def cell_ended(self) -> None:
        """Renew the twin where it is no longer true. Waits only where there is no page."""
        if self._closed:
            return
        if not self._page and self._shows != self._made_of():
            self._now(update=True)
        elif self._page and self._says != self._made_of():
            self._words(update=True)
            self.changed()

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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- when ------------------------------------------------------------------------------------

    def _kind(self) -> str:
        return options.snapshots_of(local=self._session.is_local)

    def _made_of(self) -> tuple[object, ...]:
        state = self._session.state
        run = state.run
        ran = run and (run.run_id, run.status, run.ended and len(run.samples), run.last_seen)
        # The identity first: that two drafts differ is told without looking at their rows.
        return (id(state.draft), state.draft, ran, state.price.estimate, self._kind())

    def _due(self) -> bool:
        # Not while something is on its way to the service: the twin is for what was saved.
        settled = self._session.state.sync.phase not in ("waiting", "sending")
        return (settled or self._shows is None) and self._shows != self._made_of()

    def _wake(self, seconds: float) -> None:
        self._timer = self._session.runner.later(seconds, self._woken)

    def _woken(self) -> None:
        self._timer = None
        if self._closed:
            return
        self._view.hail()
        if self._due():
            self._wake(BETWEEN_SECONDS)
            made_of, number = self._made_of(), next(self._numbers)
            self._make().add_done_callback(lambda made: self._later(made, made_of, number))

    # -- what ------------------------------------------------------------------------------------

    def _now(self, *, update: bool) -> None:
        """Put out what stands now, waiting a moment for its images."""
        made_of, number = self._made_of(), next(self._numbers)
        try:
            whole = self._make().result(CELL_SECONDS)
        except Exception:  # late, or failed: the end of a later cell tries again
            self._words(update=update)
        else:
            self._put_out(whole, made_of, number, update=update)

    def _words(self, *, update: bool, young: bool = False) -> None:
        """Put out what stands now at once, with the images that are ready."""
        made_of, sections = self._made_of(), self._view.snapshot(self._session.state)
        images = self._images if self._kind() == "full" else None
        sheet = self._render(sections, images, young=young)
        if len(sheet.html.encode()) > BYTES_MAX:  # the words have grown since
            sheet = self._render(sections, None, young=young)
        self._put_out((sheet, None), made_of, next(self._numbers), update=update)

    def _later(self, made: Future[Whole], made_of: tuple[object, ...], number: int) -> None:
        try:
            whole = made.result()
        except Exception:
            log.exception("the static twin of a view failed")
        else:
            if self._page:
                self._put_out(whole, made_of, number, update=True)
            elif number >= self._newest and not self._closed and self._kind() != "off":
                # Perhaps nobody takes it, so the end of the cell puts it out all the same.
                self._publish(whole[0], update=True)

    def _put_out(
        self, whole: Whole, made_of: tuple[object, ...], number: int, *, update: bool
    ) -> None:
        def work() -> None:
            if number < self._newest or (update and self._closed):
                return
            sheet, images = whole
            self._newest, self._says = number, made_of
            self._shows = None if images is None else made_of
            self._images = images or self._images
            if update and (sheet == self._last or self._kind() == "off"):
                return
            self._last = sheet
            self._publish(sheet, update=update)

        # Those who put out are on different threads, and the newest must be the last.
        self._turn(work)

    def _publish(self, sheet: Sheet, *, update: bool) -> None:
        now = clock(time.time())
        data = {"text/html": sheet.html, "text/plain": sheet.text}
        told = {mime: words.replace(AS_OF, now) for mime, words in data.items()}
        notebook_cell.put_out(told, self._name, update=update)

    def _make(self) -> Future[Whole]:
        """Return the whole twin when its images are there, as large as they fit."""
        sections = self._view.snapshot(self._session.state)
        ids = list(dict.fromkeys(i for section in sections for i in section.ids))
        whole: Future[Whole] = Future()

        def attempt(sides: Sequence[int]) -> None:
            if not ids or not sides or self._kind() != "full":
                whole.set_result((self._render(sections, None), {}))
                return
            asked = _together(self._session.thumbnails.ask(ids, sides[0]))
            asked.add_done_callback(lambda done: guarded(lambda: judge(done.result(), sides)))

        def judge(made: Sequence[Thumbnail | None], sides: Sequence[int]) -> None:
            images = {i: image for i, image in zip(ids, made, strict=True) if image}
            sheet = self._render(sections, images)
            over = len(sheet.html.encode()) / BYTES_MAX
            if over <= 1:
                whole.set_result((sheet, images))
            else:
                # Bytes go with the area.
                rest = [side for side in sides[1:] if side * over**0.5 <= sides[0]]
                attempt(rest or sides[1:][-1:])

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except Exception as error:  # whoever waits must hear of it
                whole.set_exception(error)

        guarded(lambda: attempt(SIDES))
        return whole

    def _render(
        self, sections: Sequence[Section], pictures: Pictures | None, *, young: bool = False
    ) -> Sheet:
        classes = f"{self._name} nbt-young" if young else self._name
        return Sheet(
            as_html(self._session, sections, pictures, as_of=AS_OF, classes=classes),
            as_text(self._session, sections, as_of=AS_OF),
        )


class Sheet(NamedTuple):
    """A twin that is ready but for its time."""

    html: str
    text: str


Whole = tuple[Sheet, Pictures | None]
"""A twin with the images that are in it; ``None`` where some may be missing."""


_displayed: dict[str, Snapshot] = {}
"""The twins that somebody may still be looking at, by name."""


def _at_end(_result: object) -> None:
    for twin in list(_displayed.values()):
        try:
            twin.cell_ended()
        except Exception:
            log.exception("the static twin of a view failed")


def _together(futures: Sequence[Future[Thumbnail]]) -> Future[list[Thumbnail | None]]:
    """Return all pictures once the last is there, ``None`` for each that could not be made."""
    all_of_them: Future[list[Thumbnail | None]] = Future()
    numbers = count(1)

    def one(future: Future[Thumbnail]) -> Thumbnail | None:
        return None if future.cancelled() or future.exception() else future.result()

    def one_done(_future: Future[Thumbnail]) -> None:
        # `next` is one step of the interpreter: exactly one caller gets the last number.
        if next(numbers) == len(futures):
            all_of_them.set_result([one(future) for future in futures])

    for future in futures:
        future.add_done_callback(one_done)
    return all_of_them
