"""What the image grid and the pair table share: pages of rows, thumbnails, edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, ClassVar

import traitlets

from phoenix_nbtrain.dataset.edits import pair_problem
from phoenix_nbtrain.dataset.listing import SORTS, Wish
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state import Thumbnail, TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, shown
from phoenix_nbtrain.widgets.base import (
    Answer,
    bundle_text,
    summary_of,
)
from phoenix_nbtrain.widgets.row_sources import DraftImages, DraftPairs, Listing, Source
from phoenix_nbtrain.widgets.snapshot.snapshot import SnapshotView
from phoenix_nbtrain.widgets.unsaved import KERNEL, unsaved_of

PAGE = 100
"""Most rows, or thumbnails, in one reply."""
SEARCH_MAX = 1000
KEEP_MAX = 1000
_TYPED = ("table", "row", "column", "value")
"""What says where words were typed, and which."""
PX_MAX = 2048
"""Longest side of an image in a reply: a screen's width."""


def words_of(value: object, what: str, most: int) -> list[str]:
    """Return a list of texts as a request gave it.

    Raises:
        InputError: it is none, or longer than ``most``.
    """
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise InputError(
            f"The request's {what} must be a list of strings.", remedy="Reload the page."
        )
    if len(value) > most:
        raise InputError(f"The request has more than {most:,} {what}.", remedy="Ask for fewer.")
    return value


def number_of(value: object, what: str) -> int:
    """Return a count as a request gave it.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"The request's {what} must be a count.", remedy="Reload the page.")
    return value


def text_of(request: Mapping[str, Any], name: str) -> str:
    """Return a text as a request gave it; empty where it gave none.

    Raises:
        InputError: it is none.
    """
    value = request.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"The request's {name} must be text.", remedy="Reload the page.")
    return value


def wish_of(request: Mapping[str, Any]) -> Wish:
    """Return what a request wants to see of a table.

    Raises:
        InputError: it cannot be made out.
    """
    search, sort = request.get("search", ""), request.get("sort", "added")
    if not isinstance(search, str) or len(search) > SEARCH_MAX:
        raise InputError(
            "The request's search is too long, or not text.", remedy="Search for less."
        )
    if sort not in SORTS:
        raise InputError(f"There is no order {shown(sort, 40)}.", remedy="Reload the page.")
    keep = request.get("keep", [])
    if not isinstance(keep, list) or not all(isinstance(k, list) and len(k) == 2 for k in keep):
        raise InputError("The request's rows to keep must be a list.", remedy="Reload the page.")
    ids = words_of([row for row, _ in keep], "rows to keep", KEEP_MAX)
    places = [number_of(place, "place") for _, place in keep]
    return Wish(
        search=search,
        attention=request.get("attention") is True,
        sort=sort,
        keep=tuple(dict(zip(ids, places, strict=True)).items()),
    )


class RowView(SnapshotView):
    """Mixin for views that page through images or pairs and edit them."""

    kinds: ClassVar[Mapping[str, str]] = {
        "summary": "_answer_summary",
        "rows": "_answer_rows",
        "order": "_answer_order",
        "part": "_answer_part",
        "thumbnails": "_answer_thumbnails",
        "cancel": "_answer_cancel",
        "edit": "_answer_edit",
        "undo": "_answer_undo",
        "redo": "_answer_redo",
        "retry": "_answer_retry",
        "typing": "_answer_typing",
        "refused": "_answer_refused",
        "let go": "_answer_let_go",
    }
    once: ClassVar[frozenset[str]] = frozenset({"edit", "undo", "redo"})

    summary = traitlets.Dict().tag(sync=True)
    """What stands around the rows: title, counts, sync, whether it is locked."""

    table: ClassVar[str]
    parts: ClassVar[Mapping[str, str]] = {}
    """Modules that the page asks for when it first needs them, by name: the bundle of each."""

    _draft: Draft | None = None
    _version = 0

    _told = False

    def watch(self, training: object) -> None:
        self._listings: dict[object, tuple[object, Listing]] = {}
        self._flights: dict[str, Sequence[Future[Thumbnail]]] = {}
        super().watch(training)
        self._told = True
        self.open()

    def open(self) -> None:
        """Open the comm, once there is something to show: it comes with it, in one message."""
        if self._told:
            super().open()  # type: ignore[misc]  # the widget's

    def show(self, state: TrainingState) -> None:
        if state.draft is not self._draft:
            self._draft = state.draft
            self._version += 1  # rows can change without a revision: being sent, being saved
        self.summary = self._summary(state)

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        images, pairs = state.draft.images, state.draft.pairs
        mine: Sequence[ImageRow | PairRow] = images if self.table == "images" else pairs
        counts = {
            "attention": self.listing(self.table).attention,
            "images": len(images),
            "pairs": len(pairs),
            "uncaptioned": sum(not row.caption for row in images),
            "uninstructed": sum(not row.instruction for row in pairs),
            "refused": sum(bool(row.refusal) for row in mine),
            "retry": sum(_tried_again(row, state.draft) for row in mine),
        }
        summary = summary_of(self.session, state, counts)
        return {**summary, "total": len(mine), "version": self._version, "model_id": state.model.id}

    def _answer_summary(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.ok({"summary": self._summary(self.session.state)})

    def _answer_part(self, request: Mapping[str, Any], answer: Answer) -> None:
        name = request.get("name")
        if not isinstance(name, str) or name not in self.parts:
            raise InputError(f"There is no part {shown(name, 40)}.", remedy="Reload the page.")
        answer.ok({"text": bundle_text(self.parts[name])})

    # -- rows ------------------------------------------------------------------------------------

    def source(self, table: object) -> Source:
        """Return the rows of a table as they stand now.

        Raises:
            InputError: there is no such table.
        """
        draft = self.session.state.draft
        if table == "images":
            captions, colours = not self.session.needs_pairs, self.session.thumbnails.colours
            findings = self.session.findings()
            return DraftImages(draft, findings, captions=captions, colours=colours)
        if table == "pairs":
            return DraftPairs(draft)
        raise InputError(f"There is no table {shown(table, 40)}.", remedy="Reload the page.")

    def standing(self, table: object) -> object:  # noqa: ARG002  # a view of folders tells them apart
        """Return what a table's rows are made of; another object once they have changed."""
        return self.session.state.draft

    def listing(self, table: object) -> Listing:
        """Return the rows of a table and the orders in which they were asked for lately."""
        standing = self.standing(table)
        made_of, listing = self._listings.get(table, (None, None))
        if listing is None or made_of is not standing:
            listing = Listing(self.source(table))
            self._listings[table] = (standing, listing)
        return listing

    def _answer_rows(self, request: Mapping[str, Any], answer: Answer) -> None:
        listing = self.listing(request.get("table"))
        if "ids" in request:
            ids: Sequence[str] = words_of(request["ids"], "ids", PAGE)
            total = len(listing.source.ids)
        else:
            start = number_of(request.get("start"), "start")
            stop = min(number_of(request.get("stop"), "stop"), start + PAGE)
            order = listing.ids(wish_of(request))
            ids, total = order[start:stop], len(order)
        self.tell(listing, ids, total, answer)

    def tell(self, listing: Listing, ids: Sequence[str], total: int, answer: Answer) -> None:
        """Answer with these rows. Must not block: what takes time is told when it is known."""
        answer.ok(self.page(listing, ids, total))

    def page(self, listing: Listing, ids: Sequence[str], total: int) -> dict[str, Any]:
        """Return a reply that holds these rows."""
        rows = listing.source.rows(ids)
        return {"revision": listing.source.revision, "total": total, "rows": rows}

    def _answer_order(self, request: Mapping[str, Any], answer: Answer) -> None:
        listing = self.listing(request.get("table"))
        ids = listing.ids(wish_of(request))
        start = number_of(request.get("start", 0), "start")
        stop = number_of(request.get("stop", len(ids)), "stop")
        answer.ok({"revision": listing.source.revision, "ids": list(ids[start:stop])})

    # -- images --------------------------------------------------------------------------------

    def thumbnails(self, ids: Sequence[str], px: int) -> Sequence[Future[Thumbnail]]:
        """Return a future image of at most ``px`` pixels for each row. Never blocks."""
        return self.session.thumbnails.ask(ids, px)

    def _answer_thumbnails(self, request: Mapping[str, Any], answer: Answer) -> None:
        for known, futures in list(self._flights.items()):
            if all(future.done() for future in futures):
                self._flights.pop(known, None)
        if request["id"] in self._flights:
            return  # sent again: it is being done, and will be answered
        ids = words_of(request.get("ids"), "ids", PAGE)
        px = min(max(number_of(request.get("px"), "size"), 16), PX_MAX)
        asked = self._flights[request["id"]] = self.thumbnails(ids, px)
        answer.thumbnails(ids, asked)

    def _answer_cancel(self, request: Mapping[str, Any], answer: Answer) -> None:
        """Do not make images that nobody looks at any more. Their own request is answered too."""
        for future in self._flights.pop(str(request.get("of")), ()):
            future.cancel()
        answer.ok({})

    def close(self) -> None:
        super().close()
        # Nothing of it is there yet where the widget could not be made at all.
        for futures in list(vars(self).get("_flights", {}).values()):
            for future in futures:
                future.cancel()
        vars(self).get("_listings", {}).clear()

    # -- edits -----------------------------------------------------------------------------------

    def _answer_edit(self, request: Mapping[str, Any], answer: Answer) -> None:
        ops = request.get("ops")
        if not isinstance(ops, list) or not all(isinstance(op, dict) for op in ops):
            raise InputError("The request's edits must be a list.", remedy="Reload the page.")
        base = number_of(request.get("base"), "revision")
        kept = unsaved_of(self.session)
        kept.sent(ops)
        reply = self.session.editing.edit(ops, base)
        reply.add_done_callback(lambda done: kept.hear(ops, done))
        answer.when(reply, _outcome)

    def _answer_undo(self, request: Mapping[str, Any], answer: Answer) -> None:
        of = number_of(request["of"], "revision") if "of" in request else None
        answer.when(self.session.editing.undo(of), _outcome)

    def _answer_redo(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.when(self.session.editing.redo(), _outcome)

    def _answer_retry(self, _request: Mapping[str, Any], answer: Answer) -> None:
        self.session.sync.send_again()
        answer.ok({})

    # -- words that are not in the draft ---------------------------------------------------------

    def _answer_typing(self, request: Mapping[str, Any], answer: Answer) -> None:
        """Remember what is typed and not taken yet, for the case that the page goes away."""
        unsaved_of(self.session).typed(*(text_of(request, name) for name in _TYPED))
        answer.ok({})

    def _answer_refused(self, request: Mapping[str, Any], answer: Answer) -> None:
        """Tell what was refused, or not taken yet, before this page was there.

        A page tells what is ``left`` of its views that have ended, and hears which of these rows
        are ``elsewhere``: those of another training, which wait for its view.
        """
        draft = self.session.state.draft
        there: dict[str, ImageRow | PairRow] = {**draft.image, **draft.pair}
        kept = unsaved_of(self.session)
        left = request.get("left", [])
        elsewhere = [row for cell in left if (row := text_of(cell, "row")) not in there]
        for cell in left:
            table, row, column, value = (text_of(cell, name) for name in _TYPED)
            known = text_of(cell, "kernel") == KERNEL or row not in there
            if not known and getattr(there[row], column, None) != value:
                kept.left(table, row, column, value)
        cells = kept.tell(text_of(request, "table"), there)
        answer.ok({"cells": cells, "kernel": KERNEL, "elsewhere": elsewhere})

    def _answer_let_go(self, request: Mapping[str, Any], answer: Answer) -> None:
        cell = (text_of(request, name) for name in ("table", "row", "column"))
        unsaved_of(self.session).forget(*cell)
        answer.ok({})


def _tried_again(row: ImageRow | PairRow, draft: Draft) -> bool:
    """Whether the service refused a row that may be sent again as it is."""
    if not row.refusal or row.theirs is not None:
        return False
    return not row.gone if isinstance(row, ImageRow) else not pair_problem(row, draft.image)


def _outcome(reply: Any) -> dict[str, Any]:
    return {
        "revision": reply.revision,
        "accepted": list(reply.accepted),
        "refused": [
            {"op": r.op, "value": r.value, "reason": shown(r.reason, MESSAGE_MAX)}
            for r in reply.refused
        ],
    }
