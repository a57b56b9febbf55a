"""The tables of the local Phoenix's database, and how those of older versions become them."""

from __future__ import annotations

from collections.abc import Mapping

APPLICATION_ID = 0x50484C50
"""Marks the SQLite file as ours: "PHLP"."""
VERSION = 2

_UPLOADS = """
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    file_name TEXT NOT NULL,
    content_type TEXT,
    file_size INTEGER,
    parts_count INTEGER,
    url TEXT,
    entity_id TEXT,
    error TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
)
"""

SCHEMA = (
    """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    short_description TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    parameters TEXT NOT NULL,
    progress TEXT,
    stats TEXT,
    job_id TEXT,
    epoch TEXT,
    deleted_at TEXT
);
CREATE TABLE assets (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    automatic TEXT NOT NULL,
    mime TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE training_images (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id TEXT NOT NULL REFERENCES models (id),
    asset_id TEXT NOT NULL REFERENCES assets (id),
    created_at TEXT NOT NULL,
    UNIQUE (model_id, asset_id)
);
CREATE TABLE pairs (
    model_id TEXT NOT NULL REFERENCES models (id),
    place INTEGER NOT NULL,
    source_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    instruction TEXT NOT NULL,
    PRIMARY KEY (model_id, place)
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    model_id TEXT NOT NULL REFERENCES models (id),
    status TEXT NOT NULL,
    history TEXT NOT NULL,
    progress REAL NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    cost TEXT NOT NULL,
    work TEXT NOT NULL,
    output TEXT NOT NULL,
    error TEXT NOT NULL,
    hint TEXT NOT NULL,
    started_at REAL,
    claims INTEGER NOT NULL,
    claimed_step INTEGER NOT NULL,
    discount TEXT NOT NULL DEFAULT '0'
);
CREATE INDEX jobs_by_status ON jobs (status);
CREATE VIEW unfinished AS
    SELECT * FROM jobs WHERE status NOT IN ('success', 'failure', 'canceled');
CREATE TABLE epochs (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    epoch INTEGER NOT NULL,
    asset_ids TEXT NOT NULL,
    PRIMARY KEY (job_id, epoch)
);
"""
    + _UPLOADS
)

MIGRATIONS: Mapping[int, str] = {
    1: """
ALTER TABLE models ADD COLUMN deleted_at TEXT;
ALTER TABLE jobs ADD COLUMN discount TEXT NOT NULL DEFAULT '0';
"""
    + _UPLOADS,
}
"""By version: the statements that bring its tables to the next one."""
