"""A schema that changes is a new version, so that kernels of older ones know to keep off."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal

FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "journal": ("journal.sqlite3", lambda path: Journal(path).intents()),
    "drafts": ("drafts.sqlite3", lambda path: Drafts(path).read(origin="o", model_id="m")),
    "local": ("phoenix.sqlite", lambda path: Store(path.parent)),
}
DIGESTS = {
    ("journal", 3): "c990cae9860ba958",
    ("drafts", 2): "4f367a3502c25b2d",
    ("local", 2): "950d3d270a1819d7",
}
"""By file and version. One that was released is never changed again: add a line for the next."""


def inside(name: str) -> str:
    """Return what a file keeps within a column, and would lose where an older version writes it."""
    kept = (Draft, ImageRow, PairRow) if name == "drafts" else ()
    return " ".join(field.name for cls in kept for field in fields(cls))


def digest(path: Path, more: str) -> tuple[int, str]:
    """Return a file's schema version, and a digest of its tables, columns, indexes and views."""
    with sqlite3.connect(path) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        words = "\n".join(
            f"{kind} {name} {' '.join((sql or '').split())}" for kind, name, sql in rows
        )
    connection.close()
    return version, hashlib.sha256(f"{words}\n{more}".encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_schema_has_a_version_of_its_own(name, tmp_path):
    file, make = FILES[name]
    make(tmp_path / file)
    version, found = digest(tmp_path / file, inside(name))
    assert DIGESTS.get((name, version)) == found, (
        f"The schema of {name} changed: raise its version, migrate the older one, and add a line "
        f"here. If version {version} was never released, it is now {found!r}."
    )
