"""The static twin: a second output below a view, for where no widget can run.

It is plain HTML with a display id of its own, so that renewing it touches nothing of the view, and
the view hides it as long as it hears from its kernel. It is renewed when the set was saved and when
a run begins or ends, never with each keystroke.

How it reaches the saved file hangs on who runs the cell. A page takes what comes later, so the
first twin is words and the pictures follow when the view has drawn its own. What runs a notebook
without a page (nbclient, nbconvert, papermill) listens only as long as some cell runs, so there the
cell waits a moment for the pictures, and the end of every cell renews what has changed.
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

from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.preferences import options
from phoenix_nbtrain.training.state import Thumbnail, TrainingState
from phoenix_nbtrain.widgets import cell
from phoenix_nbtrain.widgets.base import View, Viewed
from phoenix_nbtrain.widgets.sheets import Pictures, Section, as_html, as_text, clock
from phoenix_nbtrain.widgets.turns import Turns

__all__ = ["BYTES_MAX", "Twin", "Twinned"]

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


class Twinned(View, traitlets.HasTraits):
    """Mixin for views that leave a static twin below them."""

    twin = traitlets.Unicode(read_only=True).tag(sync=True)
    """The class of the twin's element, and its display id; the view's script hides it by that."""

    _twin: Twin | None = None

    @traitlets.default("twin")
    def _new_name(self) -> str:
        return f"nbt-twin-{secrets.token_hex(8)}"

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        """Return what a page without widgets shows of this view."""
        raise NotImplementedError

    def __repr__(self) -> str:
        words = " · ".join(s.words for s in self.snapshot(self.training.state))
        return shown(f"{type(self).__name__}: {shown(self.training.name, 30)} · {words}", 109)

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
        cell.put_out(bundle[0] if isinstance(bundle, tuple) else bundle)
        try:
            asked = cell.request()
            if asked is not None and not self._closed:
                self._twin = self._twin or Twin(self, self.twin)
                self._twin.display(asked)
        except Exception:
            # Raised here, it would have the view displayed a second time.
            log.exception("the static twin of a view failed")


class Twin:
    """The static twin of one view, wherever that is displayed."""

    def __init__(self, view: Twinned, name: str) -> None:
        self._view, self._name = view, name
        self._training: Viewed = view.training
        self._turn = Turns()
        self._numbers = count(1)
        self._newest = 0
        self._shows: tuple[object, ...] | None = None
        """What the last one was made of; ``None`` while its pictures are missing."""
        self._last = Sheet("", "")
        self._timer: Any = None
        self._places: set[cell.Request] = set()
        self._closed = False

    def display(self, asked: cell.Request) -> None:
        """Put the twin out in the running cell."""
        if self._kind() == "off":
            return
        for twin in list(_displayed.values()):
            twin.replaced(asked)
        self._places.add(asked)
        self._closed = False
        _displayed[self._name] = self
        cell.at_end(_at_end)
        if asked.cell:
            self._put_out(self._words(young=True), None, next(self._numbers), update=False)
            self._wake(QUIET_SECONDS)
        else:
            self._now(update=False)

    def changed(self) -> None:
        """See soon whether the twin is still true. Never blocks."""
        if not self._closed and self._timer is None and self._due():
            self._wake(QUIET_SECONDS)

    def cell_ended(self, asked: cell.Request) -> None:
        """Renew the twin where nobody listens any more once the cell has ended."""
        if not asked.cell and not self._closed and self._shows != self._made_of():
            self._now(update=True)

    def replaced(self, asked: cell.Request) -> None:
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
        return options.snapshots_of(local=self._training.is_local)

    def _made_of(self) -> tuple[object, ...]:
        state = self._training.state
        run = state.run
        ran = (run.run_id, run.status, run.ended and len(run.samples)) if run else None
        # The identity first: that two drafts differ is told without looking at their rows.
        return (id(state.draft), state.draft, ran, state.price.estimate, self._kind())

    def _due(self) -> bool:
        # Not while something is on its way to the service: the twin is for what was saved.
        settled = self._training.state.sync.phase not in ("waiting", "sending")
        return (settled or self._shows is None) and self._shows != self._made_of()

    def _wake(self, seconds: float) -> None:
        self._timer = self._training.later(seconds, self._woken)

    def _woken(self) -> None:
        self._timer = None
        if self._closed:
            return
        self._view.hail()
        if self._due():
            self._wake(BETWEEN_SECONDS)
            made_of, number = self._made_of(), next(self._numbers)
            self._make().add_done_callback(lambda made: self._renew(made, made_of, number))

    # -- what ------------------------------------------------------------------------------------

    def _now(self, *, update: bool) -> None:
        """Put out what stands now, waiting a moment for its pictures."""
        made_of, number = self._made_of(), next(self._numbers)
        made = self._make()
        try:
            sheet = made.result(CELL_SECONDS)
        except Exception:  # late, or failed: the words are there in any case
            if not update:
                self._put_out(self._words(), None, number, update=False)
            made.add_done_callback(lambda made: self._renew(made, made_of, number))
        else:
            self._put_out(sheet, made_of, number, update=update)

    def _renew(self, made: Future[Sheet], made_of: tuple[object, ...], number: int) -> None:
        try:
            self._put_out(made.result(), made_of, number, update=True)
        except Exception:
            log.exception("the static twin of a view failed")

    def _put_out(
        self, sheet: Sheet, made_of: tuple[object, ...] | None, number: int, *, update: bool
    ) -> None:
        def work() -> None:
            if number < self._newest or (update and self._closed):
                return
            self._newest, self._shows = number, made_of
            if update and (sheet == self._last or self._kind() == "off"):
                return
            self._last = sheet
            now = clock(time.time())
            data = {"text/html": sheet.html, "text/plain": sheet.text}
            told = {mime: words.replace(AS_OF, now) for mime, words in data.items()}
            cell.put_out(told, self._name, update=update)

        # Those who put out are on different threads, and the newest must be the last.
        self._turn(work)

    def _make(self) -> Future[Sheet]:
        """Return the whole twin when its pictures are there, as large as they fit."""
        sections = self._view.snapshot(self._training.state)
        ids = list(dict.fromkeys(i for section in sections for i in section.ids))
        whole: Future[Sheet] = Future()

        def attempt(sides: Sequence[int]) -> None:
            if not ids or not sides or self._kind() != "full":
                whole.set_result(self._render(sections, None))
                return
            asked = _together(self._training.thumbnails(ids, sides[0]))
            asked.add_done_callback(lambda done: guarded(lambda: judge(done.result(), sides)))

        def judge(made: Sequence[Thumbnail | None], sides: Sequence[int]) -> None:
            pictures = {i: picture for i, picture in zip(ids, made, strict=True) if picture}
            sheet = self._render(sections, pictures)
            over = len(sheet.html.encode()) / BYTES_MAX
            if over <= 1:
                whole.set_result(sheet)
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

    def _words(self, *, young: bool = False) -> Sheet:
        return self._render(self._view.snapshot(self._training.state), None, young=young)

    def _render(
        self, sections: Sequence[Section], pictures: Pictures | None, *, young: bool = False
    ) -> Sheet:
        classes = f"{self._name} nbt-young" if young else self._name
        return Sheet(
            as_html(self._training, sections, pictures, as_of=AS_OF, classes=classes),
            as_text(self._training, sections, as_of=AS_OF),
        )


class Sheet(NamedTuple):
    """A twin that is ready but for its time."""

    html: str
    text: str


_displayed: dict[str, Twin] = {}
"""The twins that somebody may still be looking at, by name."""


def _at_end(_result: object) -> None:
    asked = cell.request()
    if asked is None:
        return
    for twin in list(_displayed.values()):
        try:
            twin.cell_ended(asked)
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
