"""What files of earlier versions lack: columns, and one spelling of a service's address.

What stood under several spellings is brought together under the canonical one; see
`canonical_address`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from phoenix_nbtrain.addresses import canonical_address
from phoenix_nbtrain.database import Migration, run
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.text import shown

__all__ = ["JOURNAL_MIGRATIONS", "joined"]

_OPEN = "state IN ('prepared', 'submitting', 'refused', 'uncertain', 'running', 'stopping')"


def _join_journal(db: sqlite3.Connection) -> None:
    """Bring together what a journal of version 2 keeps under several spellings."""
    db.execute("DROP INDEX one_creation")
    db.execute("DROP INDEX one_open_launch")
    for table in ("uploads", "begun_uploads"):
        _join_uploads(db, table)
    for table in ("models", "intents"):
        for (origin,) in db.execute(f"SELECT DISTINCT origin FROM {table}").fetchall():
            one = (canonical_address(origin), origin)
            db.execute(f"UPDATE {table} SET origin = ? WHERE origin = ?", one)
    _join_models(db)
    _join_launches(db)
    db.execute(
        "CREATE UNIQUE INDEX one_creation ON models (origin, project, name) WHERE model_id IS NULL"
    )
    db.execute(
        f"CREATE UNIQUE INDEX one_open_launch ON intents (model_id, kind, beside) WHERE {_OPEN}"
    )


def _join_uploads(db: sqlite3.Connection, table: str) -> None:
    """Of one image's uploads for one model, keep the last."""
    rows = db.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
    db.execute(f"DELETE FROM {table}")
    db.executemany(
        f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)",
        [(canonical_address(origin), *rest) for origin, *rest in rows],
    )


def _join_models(db: sqlite3.Connection) -> None:
    """Of one model's entries keep the newest, and of one name's unfinished creations likewise."""
    rows = db.execute("SELECT * FROM models ORDER BY at DESC, rowid DESC").fetchall()
    same = [
        ("made", row["origin"], row["model_id"])
        if row["model_id"] is not None
        else ("begun", row["origin"], row["project"], row["name"])
        for row in rows
    ]
    db.executemany(
        "DELETE FROM models WHERE entry = ?", [(row["entry"],) for row in _later(rows, same)]
    )


def _join_launches(db: sqlite3.Connection) -> None:
    """Drop what was only seen of a run that another row tells of; every launch stays as it is.

    Two launches of one model may both be open, since one was sent under each spelling. Both stay
    open, and each blocks the next; `beside` lets the index pass them.
    """
    newest_first = "ORDER BY estimate_id IS NULL AND reason = 'found on the service', rowid DESC"
    rows = db.execute(f"SELECT * FROM intents WHERE job_id IS NOT NULL {newest_first}").fetchall()
    same = [(row["origin"], row["model_id"], row["kind"], row["job_id"]) for row in rows]
    found = list(_later(rows, same))
    rows = db.execute(f"SELECT * FROM intents WHERE {_OPEN} {newest_first}").fetchall()
    found += _later(rows, [(row["model_id"], row["kind"]) for row in rows])
    for row in found:
        if row["estimate_id"] is None and row["reason"] == "found on the service":
            db.execute("DELETE FROM intents WHERE intent_id = ?", (row["intent_id"],))
    rows = db.execute(f"SELECT * FROM intents WHERE {_OPEN} ORDER BY rowid DESC").fetchall()
    for row in _later(rows, [(row["model_id"], row["kind"]) for row in rows]):
        db.execute("UPDATE intents SET beside = intent_id WHERE intent_id = ?", (row["intent_id"],))


def _later(rows: Sequence[sqlite3.Row], keys: Iterable[Hashable]) -> list[sqlite3.Row]:
    """Return the rows whose key an earlier row has."""
    seen: set[Hashable] = set()
    later = []
    for row, key in zip(rows, keys, strict=True):
        if key in seen:
            later.append(row)
        seen.add(key)
    return later


_ADDED_IN_3 = """
ALTER TABLE models ADD COLUMN boot TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN ticks REAL NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN changed_boot TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN changed_ticks REAL NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN read_boot TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN read_ticks REAL NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN beside TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN remedy TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN charged TEXT
"""


def _to_3(db: sqlite3.Connection) -> None:
    run(db, _ADDED_IN_3)
    _join_journal(db)


JOURNAL_MIGRATIONS: dict[int, Migration] = {
    1: """
CREATE TABLE begun_uploads (
    origin TEXT NOT NULL,
    project TEXT NOT NULL,
    model_id TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (origin, project, model_id, content_hash)
);
ALTER TABLE intents ADD COLUMN kind TEXT NOT NULL DEFAULT 'training';
ALTER TABLE intents ADD COLUMN served TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN run_before TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN epoch TEXT;
ALTER TABLE intents ADD COLUMN quiet_reads INTEGER NOT NULL DEFAULT 0;
ALTER TABLE intents ADD COLUMN read_at REAL NOT NULL DEFAULT 0;
DROP INDEX one_open_launch;
CREATE UNIQUE INDEX one_open_launch ON intents (origin, model_id, kind)
    WHERE state IN ('prepared', 'submitting', 'uncertain', 'running', 'stopping');
""",
    2: _to_3,
}


def joined(newer: Draft, older: Draft) -> Draft:
    """Return the newer of two drafts of one model, with the older one's work that it lacks.

    Where both hold unsent words for one image or pair, the newer one's row is refused with both
    texts, and waits for a person.
    """
    by_key = {key: row.image_id for row in newer.images for key in row.keys}
    images = {row.image_id: row for row in newer.images}
    same: dict[str, str] = {}
    """Ids of the older draft's images in the joined one."""
    for row in older.images:
        known = next((by_key[key] for key in row.keys if key in by_key), None)
        if known is not None:
            images[known] = _captioned(images[known], row)
        elif row.state == "saved" or row.asset_id in newer.removed:
            continue  # it was on the service, so whoever took it out since meant it
        else:
            images[row.image_id] = row
        same[row.image_id] = known or row.image_id
    pairs = {row.triple: row for row in newer.pairs}
    for pair in older.pairs:
        if older.pair_state(pair) == "saved" or not {pair.source, pair.target} <= same.keys():
            continue
        more = replace(pair, source=same[pair.source], target=same[pair.target])
        if more.triple in pairs:
            continue
        for triple, there in pairs.items():
            if triple[:2] == more.triple[:2]:
                pairs[triple] = _instructed(there, more)
        pairs[more.triple] = more
    config = newer.config
    if newer.config == newer.served_config == older.served_config:
        config = older.config
    return replace(
        newer,
        revision=max(newer.revision, older.revision) + 1,
        images=tuple(images.values()),
        pairs=tuple(pairs.values()),
        config=config,
    )


def _captioned(row: ImageRow, older: ImageRow) -> ImageRow:
    base = older.served_caption or ""
    if older.caption in (base, row.caption):
        return row
    if row.caption == (row.served_caption or "") == base and not row.refusal:
        return replace(row, caption=older.caption)
    return replace(
        row, theirs=older.caption, refusal=f"An older draft here says “{shown(older.caption, 80)}”"
    )


def _instructed(row: PairRow, older: PairRow) -> PairRow:
    said = shown(older.instruction, 80)
    return replace(
        row, theirs=older.instruction, refusal=f"An older draft here says “{said}” for these two"
    )
