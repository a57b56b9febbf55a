"""Drafts on disk: every accepted edit is here before a view shows it as kept."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain.addresses import canonical_address
from phoenix_nbtrain.database import Database
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, PairTriple
from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import home
from phoenix_nbtrain.store.migrations import joined

__all__ = ["Drafts"]

_SCHEMA = """
CREATE TABLE drafts (
    origin TEXT NOT NULL,
    model_id TEXT NOT NULL,
    stamp INTEGER NOT NULL,
    body TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (origin, model_id)
);
"""

_READ = "SELECT stamp, body FROM drafts WHERE origin = ? AND model_id = ?"


_LEFT_OUT = ("image_id", "name", "content_hash", "url_key", "asset_id", "bytes")
"""What is kept of an image that a person removed."""
_COLUMNS = {cls: tuple(f.name for f in fields(cls)) for cls in (ImageRow, PairRow)}


def _known(cls: type[ImageRow | PairRow], values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k in _COLUMNS[cls]}


def _plain(row: ImageRow | PairRow) -> dict[str, Any]:
    """Return a row's fields. All are plain values, so nothing is copied, as `asdict` would."""
    return {name: getattr(row, name) for name in _COLUMNS[type(row)]}


def _frozen_config(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if value is None:
        return None
    return MappingProxyType({k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})


def _triples(value: Sequence[Any] | None) -> tuple[PairTriple, ...] | None:
    return None if value is None else tuple((p[0], p[1], p[2]) for p in value)


def dump(draft: Draft) -> str:
    """Return a draft as JSON."""
    return json.dumps(
        {
            "revision": draft.revision,
            "images": [_plain(row) for row in draft.images],
            "pairs": [_plain(row) for row in draft.pairs],
            "config": dict(draft.config),
            "config_theirs": dict(draft.config_theirs),
            "touched": dict(draft.touched),
            "removed": sorted(draft.removed),
            "left_out": [{k: getattr(row, k) for k in _LEFT_OUT} for row in draft.left_out],
            "left_out_pairs": sorted(draft.left_out_pairs),
            "served_pairs": draft.served_pairs,
            "served_config": None if draft.served_config is None else dict(draft.served_config),
            "sending_pairs": draft.sending_pairs,
            "sending_config": None if draft.sending_config is None else dict(draft.sending_config),
        }
    )


def load(text: str) -> Draft:
    """Return the draft that `dump` wrote, or an older version's.

    What was on its way then is not any more; what was being sent may have arrived all the same.
    """
    body = json.loads(text)
    return Draft(
        revision=body["revision"],
        images=tuple(
            ImageRow(**{**_known(ImageRow, row), "sending": False}) for row in body["images"]
        ),
        pairs=tuple(PairRow(**{**_known(PairRow, row), "sending": False}) for row in body["pairs"]),
        config=_frozen_config(body["config"]) or MappingProxyType({}),
        config_theirs=_frozen_config(body.get("config_theirs")) or MappingProxyType({}),
        touched=MappingProxyType(body["touched"]),
        removed=frozenset(body["removed"]),
        left_out=tuple(ImageRow(**_known(ImageRow, row)) for row in body.get("left_out", ())),
        left_out_pairs=frozenset((p[0], p[1]) for p in body.get("left_out_pairs", ())),
        served_pairs=_triples(body["served_pairs"]),
        served_config=_frozen_config(body["served_config"]),
        sending_pairs=_triples(body.get("sending_pairs")),
        sending_config=_frozen_config(body.get("sending_config")),
    )


def _join(db: sqlite3.Connection) -> None:
    """Bring together drafts of one model that stood under several spellings of its address."""
    rows = db.execute("SELECT * FROM drafts ORDER BY at DESC").fetchall()
    together: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for row in rows:
        key = (canonical_address(row["origin"]), row["model_id"])
        together.setdefault(key, []).append(row)
    db.execute("DELETE FROM drafts")
    for key, (newest, *older) in together.items():
        stamp, body = newest["stamp"], newest["body"]
        if older:
            draft = load(body)
            for row in older:
                draft = joined(draft, load(row["body"]))
            stamp, body = max(row["stamp"] for row in (newest, *older)) + 1, dump(draft)
        db.execute("INSERT INTO drafts VALUES (?, ?, ?, ?, ?)", (*key, stamp, body, newest["at"]))


class Drafts:
    """The drafts of all trainings on this computer."""

    def __init__(self, path: Path | None = None) -> None:
        self._db = Database(
            path or home() / "drafts.sqlite3",
            application_id=0x50484E44,  # "PHND"
            version=2,
            schema=_SCHEMA,
            migrations={1: _join},
        )
        self._last: dict[tuple[str, str], tuple[int, Draft]] = {}

    @property
    def path(self) -> Path:
        """Where they are."""
        return self._db.path

    @property
    def stands(self) -> bool:
        """See `Database.stands`."""
        return self._db.stands

    def read(self, *, origin: str, model_id: str) -> Draft:
        """Return a model's draft; an empty one where there is none yet."""
        key = (origin, model_id)
        with self._db.reading() as db:
            found = self._standing(key, db.execute(_READ, key).fetchone())
        self._last[key] = found
        return found[1]

    def change(self, edit: Callable[[Draft], Draft], *, origin: str, model_id: str) -> Draft:
        """Apply ``edit`` to what stands on disk and return what stands then.

        The whole runs inside one write transaction, so the kernels of one computer never
        overwrite each other's edits. ``edit`` must be pure; what it raises changes nothing.

        Raises:
            StoreError: the file cannot be trusted or written; the edit did not happen.
        """
        key = (origin, model_id)
        with self._db.writing() as db:
            stamp, before = self._standing(key, db.execute(_READ, key).fetchone())
            after = edit(before)
            if after is not before:
                # No stamp comes twice, even in a file that was deleted and begun anew: what is
                # remembered here would be taken for what stands there.
                stamp = max(stamp + 1, time.time_ns())
                db.execute(
                    "INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?, ?)",
                    (*key, stamp, dump(after), time.time()),
                )
        self._last[key] = (stamp, after)
        return after

    def _standing(self, key: tuple[str, str], row: Any) -> tuple[int, Draft]:
        last = self._last.get(key)
        if row is None:
            return last or (0, Draft())
        if last is not None and last[0] == row["stamp"]:
            return last
        try:
            return row["stamp"], load(row["body"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"The draft of {key[1]} on this computer cannot be read.",
                remedy=f"It was left unchanged, in {self._db.path}.",
            ) from error
