"""A draft while operations are applied to it: the mutable half of `edits`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.dataset.allowed_text import caption_text, name_text
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.draft import COLUMNS, Draft, ImageRow, PairRow, cell, new_pair_id
from phoenix_nbtrain.errors import InputError, PhoenixError
from phoenix_nbtrain.text import shown

__all__ = ["PAIRS_MAX", "Op", "RefusedError", "Work", "pair_problem"]

Op: TypeAlias = Mapping[str, Any]

PAIRS_MAX = catalog.IMAGES_MAX * (catalog.IMAGES_MAX - 1)
"""Most pairs of a draft: every ordered pair of the images that a training takes."""

_PAIR_ID = re.compile(r"pair_[0-9A-Za-z_-]{1,64}")
_STALE = "It changed in the meantime; the current value is shown."
_SAME = "Source and target are the same image."


Row = TypeVar("Row", ImageRow, PairRow)


class _Rows(Generic[Row]):
    """Rows in an order, found by id."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.by_id: dict[str, Row] = dict(rows)
        self.order = list(rows)

    def insert(self, at: int, row_id: str, row: Row) -> int:
        at = min(max(at, 0), len(self.order))
        self.order.insert(at, row_id)
        self.by_id[row_id] = row
        return at

    def delete(self, row_id: str) -> tuple[int, Row]:
        at = self.order.index(row_id)
        del self.order[at]
        return at, self.by_id.pop(row_id)

    def move(self, row_id: str, at: int) -> tuple[int, int]:
        before = self.order.index(row_id)
        del self.order[before]
        at = min(max(at, 0), len(self.order))
        self.order.insert(at, row_id)
        return before, at

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self.by_id[row_id] for row_id in self.order)


class RefusedError(Exception):
    """One operation is not taken; ``value`` is what stands."""

    def __init__(self, reason: str, value: Any = None) -> None:
        super().__init__(reason)
        self.reason, self.value = reason, value


def pair_problem(pair: PairRow, images: Mapping[str, Any]) -> str:
    """Return why ``pair`` cannot be sent, given the images that are there; empty if it can."""
    for side, image_id in (("source", pair.source), ("target", pair.target)):
        if not image_id:
            return f"it has no {side} image yet"
        if image_id not in images:
            return f"its {side} image was removed"
    return "its source and target are the same image" if pair.source == pair.target else ""


class Work:
    """A draft while operations are applied to it."""

    def __init__(self, draft: Draft, base: int | None, type_name: str, trusted: bool) -> None:
        self.before = draft
        self._type_name, self._trusted = type_name, trusted
        self._base = self._seen = draft.revision if base is None else base
        self._images = _Rows(draft.image)
        self._pairs = _Rows(draft.pair)
        self._config, self._theirs = dict(draft.config), dict(draft.config_theirs)
        self._removed = set(draft.removed)
        self._touched = dict(draft.touched)
        self._left_out, self._left_out_pairs = draft.left_out, draft.left_out_pairs
        self.inverse: list[Op] = []
        self._at = 0
        self._over: tuple[Any] | None = None
        """What a trusted operation is to be put in the place of."""
        self._sided: dict[str, tuple[PairRow, dict[int, str]]] = {}
        """Pairs of which a side was set, as they stood before, and by which operations."""
        self._lookup: Lookup | None = None
        """The images by their names, once somebody asks."""

    def draft(self) -> Draft:
        """Return the new draft, one revision on."""
        after = replace(
            self.before,
            revision=self.before.revision + 1,
            images=self._images.rows,
            pairs=self._pairs.rows,
            config=MappingProxyType(self._config),
            config_theirs=MappingProxyType(
                {name: v for name, v in self._theirs.items() if v != self._config.get(name)}
            ),
            removed=frozenset(self._removed),
            touched=MappingProxyType(self._touched),
            left_out=self._left_out,
            left_out_pairs=self._left_out_pairs,
        )
        after, inverse = left_out.noted(self.before, after, taken_out=not self._trusted)
        self.inverse.extend(inverse)
        return after

    def take(self, op: object, at: int = 0) -> None:
        """Apply one operation, the one at position ``at``.

        Raises:
            RefusedError: it is not taken.
        """
        self._at = at
        if not isinstance(op, Mapping):
            raise RefusedError("Not an edit.")
        self._over = (op["over"],) if "over" in op else None
        kind, table = op.get("op"), op.get("table")
        methods: dict[tuple[object, object], Callable[[Op], None]] = {
            ("set", "images"): self._set_image,
            ("set", "pairs"): self._set_pair,
            ("set", "config"): self._set_config,
            ("insert", "pairs"): self._insert_pair,
            ("delete", "images"): self._delete_image,
            ("delete", "pairs"): self._delete_pair,
            ("move", "images"): self._move,
            ("move", "pairs"): self._move,
            ("swap", "pairs"): self._swap,
            ("keep", "images"): self._keep_image,
            ("keep", "pairs"): self._keep_pair,
            ("keep", "config"): self._keep_config,
            ("offer", "images"): self._offer,
            ("offer", "pairs"): self._offer,
        }
        if self._trusted:
            methods["restore", "images"] = self._restore_images
            methods["restore", "pairs"] = self._restore_pairs
            methods["wait", "images"] = methods["wait", "pairs"] = self._wait
            methods["wait", "config"] = self._wait_config
            methods["leave out", "images"] = methods["leave out", "pairs"] = self._leave_out
        if not isinstance(kind, str) or not isinstance(table, str) or (kind, table) not in methods:
            raise RefusedError(f"There is no edit {shown(kind, 30)} of {shown(table, 30)}.")
        self._seen = op.get("base", self._base)
        if isinstance(self._seen, bool) or not isinstance(self._seen, int):
            raise RefusedError("The edit names no revision. Reload the view.")
        if self._seen > self.before.revision:
            raise RefusedError("The view is ahead of the draft. Reload the view.")
        if kind not in ("set", "swap") and self._seen < self.before.revision:
            raise RefusedError("The table changed in the meantime. Check it and try again.")
        methods[kind, table](op)

    # -- set ---------------------------------------------------------------------------------

    def _set_image(self, op: Op) -> None:
        row = self._image(op)
        column = self._column(op)
        standing: str = getattr(row, column)
        value = self._checked(
            lambda: name_text(op.get("value")) if column == "name" else caption_text(op["value"]),
            op,
            standing,
        )
        self._settle("images", row.image_id, column, standing, value)
        self._lookup = None
        if column == "name":
            named = replace(row, name=value)
            self._images.by_id[row.image_id] = named if row.waits else named.mended()
            return
        if row.waits and value != standing and not self._trusted:
            self._waits_again("images", row)  # typing anew is a choice, which undo takes back
            row = row.mended()
        offered = self._still_offered("images", row, changed=value != standing)
        row = row if row.waits else row.mended()
        self._images.by_id[row.image_id] = replace(row, caption=value, offered=offered)

    def _set_pair(self, op: Op) -> None:
        row = self._pair(op)
        column = self._column(op)
        standing: str = getattr(row, column)
        if column == "instruction":
            value = self._checked(lambda: caption_text(op["value"], "instruction"), op, standing)
            self._settle("pairs", row.pair_id, column, standing, value)
            offered = self._still_offered("pairs", row, changed=value != standing)
            new = replace(row, instruction=value, offered=offered)
        else:
            value = self._checked(lambda: self._side(op["value"], column), op, standing)
            new = replace(row, source=value) if column == "source" else replace(row, target=value)
            if not self._trusted:
                self._sided.setdefault(row.pair_id, (row, {}))[1][self._at] = column
            self._settle("pairs", row.pair_id, column, standing, value)
        self._pairs.by_id[row.pair_id] = self._judged(new)

    def one_image(self) -> list[tuple[int, RefusedError]]:
        """Take back what makes an image its own target, once all is done; return it by position.

        Not before: both sides of a pair may be set, one after the other.
        """
        refused: list[tuple[int, RefusedError]] = []
        for row_id, (before, ops) in self._sided.items():
            row = self._pairs.by_id.get(row_id)
            if row is None or row.source != row.target or not row.source:
                continue
            back = replace(row, source=before.source, target=before.target)
            self._pairs.by_id[row_id] = self._judged(back)
            for at, column in ops.items():
                key = cell("pairs", row_id, column)
                self._touched[key] = self.before.touched.get(key, 0)
                refused.append((at, RefusedError(_SAME, getattr(before, column))))
        return refused

    def _set_config(self, op: Op) -> None:
        name, given = op.get("row"), op.get("value")
        if not isinstance(name, str):
            raise RefusedError("A parameter needs its name.")
        try:
            known = catalog.parameters(self._type_name) if not self._trusted else {}
        except PhoenixError as error:
            raise RefusedError(str(error)) from None
        for parameter in known.values():
            if parameter.wire == name:
                name = parameter.name
        standing = self._config.get(name)
        value = given
        if not self._trusted:
            try:
                if name not in known:  # raises, naming the nearest; or the tool's word for one
                    taken = catalog.validate(self._type_name, {name: given})
                    raise RefusedError(f"Call it {next(iter(taken), 'by the name in the form')}.")
                if given is not None:
                    value = catalog.validate(self._type_name, {name: given}).get(name)
            except PhoenixError as error:
                raise RefusedError(str(error), standing) from None
        self._put_config(name, value)

    def _put_config(self, name: str, value: Any) -> None:
        standing = self._config.get(name)
        self._settle("config", name, "value", standing, value)
        if value != standing and name in self._theirs and not self._trusted:
            # Not where it is the same: a cell that is merely run again chooses nothing.
            self._chosen_config(name)
        if value is None:
            self._config.pop(name, None)
        else:
            self._config[name] = value

    def _chosen_config(self, name: str) -> None:
        """Let nothing wait for a choice any more; the inverse shows both values again."""
        theirs = self._theirs.pop(name)
        self.inverse.append({"op": "wait", "table": "config", "row": name, "value": theirs})

    def _settle(self, table: str, row: str, column: str, standing: Any, value: Any) -> None:
        """Refuse an edit of a cell that changed since, else note it and its inverse."""
        if value != standing:
            self._fresh(table, row, column, standing)
            where = {"table": table, "row": row, "column": column}
            self.inverse.append({"op": "set", **where, "value": standing, "over": value})
        self._touched[cell(table, row, column)] = self.before.revision + 1

    def _fresh(self, table: str, row: str, column: str, standing: Any) -> None:
        if self._trusted:
            # What is taken back is our own words, not those that somebody put in their place.
            stale = self._over not in (None, (standing,))
        else:
            # Against what stood before these operations: they may set one cell twice.
            stale = self.before.touched.get(cell(table, row, column), 0) > self._seen
        if stale:
            raise RefusedError(_STALE, standing)

    def _swap(self, op: Op) -> None:
        row = self._pair(op)
        new = self._judged(replace(row, source=row.target, target=row.source))
        for column in ("source", "target"):  # both are looked at before either is set
            self._fresh("pairs", row.pair_id, column, getattr(row, column))
        for column in ("source", "target"):
            standing, value = getattr(row, column), getattr(new, column)
            self._settle("pairs", row.pair_id, column, standing, value)
        self._pairs.by_id[row.pair_id] = new

    # -- insert, delete, move, restore -------------------------------------------------------

    def _insert_pair(self, op: Op) -> None:
        row_id = op.get("row")
        if row_id is None:
            row_id = new_pair_id()
        if not isinstance(row_id, str) or not _PAIR_ID.fullmatch(row_id):
            raise RefusedError(f"{shown(row_id, 40)} is not a valid pair id.")
        if row_id in self._pairs.by_id:
            raise RefusedError("A pair with that id already exists.")
        if len(self._pairs.order) >= PAIRS_MAX:
            raise RefusedError(f"There are {PAIRS_MAX:,} pairs already, the maximum.")
        values = op.get("values")
        if not isinstance(values, Mapping) or not {"source", "target"} <= values.keys():
            raise RefusedError("A pair needs a source and a target image.")
        if set(values) - set(COLUMNS["pairs"]):
            raise RefusedError(
                "A pair has a source, a target and an instruction, and nothing else."
            )
        at = self._position(op.get("at"), len(self._pairs.order))
        try:
            row = PairRow(
                pair_id=row_id,
                source=self._side(values["source"], "source"),
                target=self._side(values["target"], "target"),
                instruction=caption_text(values.get("instruction", ""), "instruction"),
            )
        except InputError as error:
            raise RefusedError(str(error)) from None
        if row.source == row.target != "":
            raise RefusedError(_SAME)
        self._pairs.insert(at, row_id, self._judged(row))
        self._touch("pairs", row_id)
        self.inverse.append({"op": "delete", "table": "pairs", "row": row_id})

    def _delete_image(self, op: Op) -> None:
        row_id = self._image(op).image_id
        at, row = self._images.delete(row_id)
        self._lookup = None
        if row.asset_id:
            # Attached or not: a request to attach it may have arrived though its reply was lost.
            self._removed.add(row.asset_id)
        self._forget("images", row_id)
        self._judge_pairs_of(row_id)
        self.inverse.append({"op": "restore", "table": "images", "at": at, "rows": [row]})

    def _delete_pair(self, op: Op) -> None:
        row_id = self._pair(op).pair_id
        at, row = self._pairs.delete(row_id)
        self._forget("pairs", row_id)
        self.inverse.append({"op": "restore", "table": "pairs", "at": at, "rows": [row]})

    def _move(self, op: Op) -> None:
        table = op["table"]
        rows: _Rows[Any] = self._images if table == "images" else self._pairs
        if "by" in op:
            return self._shift(op, rows)
        row_id = self._image(op).image_id if table == "images" else self._pair(op).pair_id
        if op.get("at") is None:
            raise RefusedError("A move needs a destination.")
        before, at = rows.move(row_id, self._position(op["at"], len(rows.order)))
        if before != at:
            self.inverse.append({"op": "move", "table": table, "row": row_id, "at": before})
        return None

    def _shift(self, op: Op, rows: _Rows[Any]) -> None:
        """Move rows past the neighbour that is not among them; what is at the end stays there."""
        given, by = op.get("rows"), op["by"]
        if not isinstance(given, list) or not all(isinstance(i, str) for i in given):
            raise RefusedError("A move needs its rows.")
        if by not in (1, -1):
            raise RefusedError("Rows move by one.")
        chosen = set(given)
        if not chosen <= rows.by_id.keys():
            raise RefusedError("One of these rows no longer exists.")
        for row_id in [i for i in rows.order if i in chosen][::-by]:
            before = rows.order.index(row_id)
            to = before + by
            if 0 <= to < len(rows.order) and rows.order[to] not in chosen:
                rows.move(row_id, to)
                self.inverse.append(
                    {"op": "move", "table": op["table"], "row": row_id, "at": before}
                )

    def _restore_images(self, op: Op) -> None:
        at = self._position(op.get("at"), len(self._images.order))
        for row in op.get("rows", ()):
            if not isinstance(row, ImageRow):
                raise RefusedError("Only removed rows can be restored.")
            # Not in the removed ones any more: the service let go of it in the meantime. The
            # asset itself is still there.
            attached = row.attached and row.asset_id in self._removed
            back = replace(row, sending=False, attached=attached)
            if not attached and not back.waits:
                back = back.mended()  # it is tried once more
            at = self.insert_image(back, at) + 1

    def insert_image(self, row: ImageRow, at: int) -> int:
        if any(_same_image(row, other) for other in self._images.by_id.values()):
            raise RefusedError("The image is already there.")
        # Whether the service lists it already is for the next reading of the model to tell.
        self._removed.discard(row.asset_id or "")
        at = self._images.insert(at, row.image_id, row)
        self._lookup = None
        self._touch("images", row.image_id)
        self._judge_pairs_of(row.image_id)
        self.inverse.append({"op": "delete", "table": "images", "row": row.image_id})
        return at

    def _restore_pairs(self, op: Op) -> None:
        at = self._position(op.get("at"), len(self._pairs.order))
        for row in op.get("rows", ()):
            if not isinstance(row, PairRow) or row.pair_id in self._pairs.by_id:
                raise RefusedError("The pair is already there.")
            at = self._pairs.insert(at, row.pair_id, self._judged(replace(row, sending=False))) + 1
            self._touch("pairs", row.pair_id)
            self.inverse.append({"op": "delete", "table": "pairs", "row": row.pair_id})

    def _leave_out(self, op: Op) -> None:
        if op["table"] == "images":
            self._left_out += tuple(op["rows"])
        else:
            self._left_out_pairs |= frozenset(op["rows"])

    # -- texts of our own that two wrote ---------------------------------------------------------

    def _offer(self, op: Op) -> None:
        """Keep another text of a row beside the one that stands."""
        row = self._image(op) if op["table"] == "images" else self._pair(op)
        text = op.get("value")
        if text is not None and not isinstance(text, str):
            raise RefusedError("The edit has no text.")
        if text != row.offered:
            self._put_offer(op["table"], row, text)

    def _put_offer(self, table: str, row: ImageRow | PairRow, text: str | None) -> None:
        row_id = row.image_id if isinstance(row, ImageRow) else row.pair_id
        before = {"op": "offer", "table": table, "row": row_id, "value": row.offered}
        self.inverse.append(before)
        if isinstance(row, ImageRow):
            self._images.by_id[row_id] = replace(row, offered=text)
        else:
            self._pairs.by_id[row_id] = replace(row, offered=text)

    def _still_offered(self, table: str, row: ImageRow | PairRow, *, changed: bool) -> str | None:
        """Return what is offered beside a row whose text is set: nothing, once a person wrote."""
        if self._trusted or not changed or row.offered is None:
            return row.offered
        self._put_offer(table, row, None)
        return None

    # -- what both sides changed -----------------------------------------------------------------

    def _keep_image(self, op: Op) -> None:
        row = self._image(op)
        both = row.waits
        mine = self._mine(op, waits=both or row.offered is not None)
        if row.gone and not mine:
            return self._delete_image(op)
        text, offered = _taken(row, mine=mine)
        caption = row.caption if text is None else text
        self._waits_again("images", row)
        self._settle("images", row.image_id, "caption", row.caption, caption)
        row = row.mended() if both or text is not None else row
        self._images.by_id[row.image_id] = replace(row, caption=caption, offered=offered)
        return None

    def _keep_pair(self, op: Op) -> None:
        row = self._pair(op)
        mine = self._mine(op, waits=row.theirs is not None or row.offered is not None)
        if row.theirs is None:
            text = row.instruction if mine else row.offered or ""
            self._waits_again("pairs", row)
            self._settle("pairs", row.pair_id, "instruction", row.instruction, text)
            row = replace(row, instruction=text, offered=None)
            self._pairs.by_id[row.pair_id] = row if mine else self._judged(row)
            return None
        there = (row.source, row.target, row.theirs)
        others = [pair for pair in self._pairs.rows if pair.triple == there]
        if not mine and others:
            return self._delete_pair(op)
        if not mine:  # theirs was deleted here, so their words are in this row alone
            return self._set_pair({**op, "column": "instruction", "value": row.theirs})
        for other in others:
            self._delete_pair({"row": other.pair_id})
        self._waits_again("pairs", row)
        self._touch("pairs", row.pair_id)
        self._pairs.by_id[row.pair_id] = self._judged(row)
        return None

    def _keep_config(self, op: Op) -> None:
        name = _row_id(op)
        mine = self._mine(op, waits=name in self._theirs)
        if self._trusted and self._theirs[name] != op["value"]:
            return  # chosen before they set that
        if mine:
            self._chosen_config(name)
        else:
            self._put_config(name, self._theirs[name])

    def _wait_config(self, op: Op) -> None:
        name = op["row"]
        if name in self._theirs:
            return  # what they set since is what waits
        self._theirs[name] = op["value"]
        self.inverse.append({**op, "op": "keep", "side": "mine"})

    def _mine(self, op: Op, *, waits: bool) -> bool:
        if not waits:
            raise RefusedError("Nobody else has changed that; there is nothing to choose.")
        if op.get("side") not in ("mine", "theirs"):
            raise RefusedError("Keep mine or theirs.")
        return bool(op["side"] == "mine")

    def _waits_again(self, table: str, row: ImageRow | PairRow) -> None:
        """Note the inverse: that both texts are shown once more."""
        row_id = row.image_id if isinstance(row, ImageRow) else row.pair_id
        self.inverse.append({"op": "wait", "table": table, "row": row_id, "as": row})

    def _wait(self, op: Op) -> None:
        before = op["as"]
        if isinstance(before, ImageRow):
            image = self._image(op)
            standing = (image.theirs, image.gone)
            self.inverse.append({**op, "as": image, "over": (before.theirs, before.gone)})
            # What they changed since is what waits, and was not chosen from.
            newer = image.waits and (before.waits or standing != op.get("over"))
            of = image if newer else before
            self._images.by_id[image.image_id] = replace(
                image, theirs=of.theirs, gone=of.gone, refusal=of.refusal, offered=before.offered
            )
        else:
            pair = self._pair(op)
            self._waits_again("pairs", pair)
            refusal = pair_problem(pair, self._images.by_id) or before.refusal
            self._pairs.by_id[pair.pair_id] = replace(
                pair, theirs=before.theirs, refusal=refusal, offered=before.offered
            )

    # -- parts -------------------------------------------------------------------------------

    def _image(self, op: Op) -> ImageRow:
        row = self._images.by_id.get(_row_id(op))
        if row is None:
            raise RefusedError("That image is no longer in the dataset.")
        return row

    def _pair(self, op: Op) -> PairRow:
        row = self._pairs.by_id.get(_row_id(op))
        if row is None:
            raise RefusedError("That pair no longer exists.")
        return row

    def _column(self, op: Op) -> str:
        columns = COLUMNS[op["table"]]
        column = op.get("column")
        if column not in columns:
            raise RefusedError(
                f"Only {', '.join(columns)} can be changed, not {shown(column, 30)}."
            )
        return str(column)

    def _checked(self, check: Callable[[], str], op: Op, standing: str) -> str:
        if "value" not in op:
            raise RefusedError("The edit has no value.", standing)
        if self._trusted:
            return str(op["value"])
        try:
            return check()
        except InputError as error:
            raise RefusedError(str(error), standing) from None

    def _side(self, value: object, side: str) -> str:
        """Return the id of the image that ``value`` means; empty for a side left open."""
        if not isinstance(value, str):
            raise InputError(f"Give a {side} by its name, not {shown(value, 40)}.")
        if not value or value in self._images.by_id:
            return value
        if self._lookup is None:
            self._lookup = Lookup(self._images.rows, refused=InputError)
        return self._lookup.find(value).image_id

    def _position(self, at: object, end: int) -> int:
        if at is None:
            return end
        if isinstance(at, bool) or not isinstance(at, int):
            raise RefusedError(f"{shown(at, 30)} is not a position.")
        return min(max(at, 0), end)

    def _judged(self, pair: PairRow) -> PairRow:
        return replace(pair, theirs=None, refusal=pair_problem(pair, self._images.by_id))

    def _judge_pairs_of(self, image_id: str) -> None:
        for pair_id, pair in self._pairs.by_id.items():
            if image_id in (pair.source, pair.target):
                self._pairs.by_id[pair_id] = self._judged(pair)

    def _touch(self, table: str, row_id: str) -> None:
        for column in COLUMNS[table]:
            self._touched[cell(table, row_id, column)] = self.before.revision + 1

    def _forget(self, table: str, row_id: str) -> None:
        for column in COLUMNS[table]:
            self._touched.pop(cell(table, row_id, column), None)


def _row_id(op: Op) -> str:
    row_id = op.get("row")
    return row_id if isinstance(row_id, str) else ""


def _taken(row: ImageRow, *, mine: bool) -> tuple[str | None, str | None]:
    """Return the caption that is taken, if any, and what is offered beside it then."""
    if mine:
        return None, None
    return (row.offered, None) if row.theirs is None else (row.theirs, row.offered)


def _same_image(a: ImageRow, b: ImageRow) -> bool:
    return a.image_id == b.image_id or not set(a.keys).isdisjoint(b.keys)
