"""What earlier versions wrote under several spellings of one address is found under one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.store.drafts import Drafts, dump
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.store.migrations import joined

ONE = "http://localhost:8000/v1"
OTHER = "http://127.0.0.1:8000/v1"

JOURNAL_1 = """
CREATE TABLE models (
    entry TEXT PRIMARY KEY, origin TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
    type TEXT NOT NULL, model_id TEXT, at REAL NOT NULL
);
CREATE UNIQUE INDEX one_creation ON models (origin, project, name) WHERE model_id IS NULL;
CREATE TABLE uploads (
    origin TEXT NOT NULL, project TEXT NOT NULL, model_id TEXT NOT NULL,
    content_hash TEXT NOT NULL, asset_id TEXT NOT NULL,
    PRIMARY KEY (origin, project, model_id, content_hash)
);
CREATE TABLE intents (
    intent_id TEXT PRIMARY KEY, origin TEXT NOT NULL, project TEXT NOT NULL,
    model_id TEXT NOT NULL, fingerprint TEXT NOT NULL, estimate_id TEXT UNIQUE,
    state TEXT NOT NULL, amount TEXT NOT NULL, unit TEXT NOT NULL, status_before TEXT NOT NULL,
    job_before TEXT, job_id TEXT, reason TEXT NOT NULL DEFAULT '', at REAL NOT NULL,
    changed REAL NOT NULL
);
CREATE UNIQUE INDEX one_open_launch ON intents (origin, model_id)
    WHERE state IN ('prepared', 'submitting', 'uncertain', 'running', 'stopping');
PRAGMA application_id = 0x50484E4A;
PRAGMA user_version = 1;
"""
JOURNAL_2 = f"""
{JOURNAL_1}
CREATE TABLE begun_uploads (
    origin TEXT NOT NULL, project TEXT NOT NULL, model_id TEXT NOT NULL,
    content_hash TEXT NOT NULL, upload_id TEXT NOT NULL,
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
CREATE INDEX bought ON intents (origin, model_id, fingerprint);
PRAGMA user_version = 2;
"""
FOUND = "found on the service"


def launch(intent_id: str, origin: str, state: str, **more: Any) -> dict[str, Any]:
    values = {"intent_id": intent_id, "origin": origin, "state": state, "project": ""}
    values |= {"model_id": "m", "fingerprint": "f", "amount": "10.75", "unit": "CU"}
    values |= {"status_before": "new", "at": 1, "changed": 1, "estimate_id": f"e_{intent_id}"}
    return values | ({"estimate_id": None} if more.get("reason") == FOUND else {}) | more


def journal(
    tmp_path: Path,
    *launches: dict[str, Any],
    schema: str = JOURNAL_2,
    **tables: list[tuple[Any, ...]],
) -> Journal:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(schema)
        for values in launches:
            names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
            db.execute(f"INSERT INTO intents ({names}) VALUES ({places})", values)
        for table, rows in tables.items():
            for row in rows:
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        db.commit()
    return Journal(path)


def states(found: Journal, origin: str = ONE) -> dict[str, str]:
    return {i.intent_id: i.state for i in found.intents(origin=origin, kind=None)}


def test_a_journal_of_the_first_version_keeps_what_it_knows(tmp_path):
    found = journal(
        tmp_path,
        launch("a", "o", "running", job_id="job_1"),
        schema=JOURNAL_1,
        models=[("e", "o", "", "icons", "t", "m", 1.0)],
    )
    (seen,) = (i for i in found.intents(origin="o", model_id="m") if i.open)
    assert (seen.job_id, seen.kind, seen.amount) == ("job_1", "training", Decimal("10.75"))
    assert [m.model_id for m in found.models(origin="o", project="")] == ["m"]
    assert not found.prepare(replace(seen, intent_id="b", state="prepared"), newest="a")
    scope = {"origin": "o", "project": "", "model_id": "m"}
    found.begin_upload(**scope, content_hash="h", upload_id="u")
    assert found.begun_uploads(**scope) == {"h": "u"}


def test_launches_models_and_uploads_are_found_under_the_one_spelling(tmp_path):
    found = journal(
        tmp_path,
        launch("a", OTHER, "uncertain"),
        launch("d", OTHER, "delivered", kind="download"),
        models=[("x", OTHER, "p", "icons", "t", "model_1", 1.0)],
        uploads=[(OTHER, "p", "m", "h", "asset_1")],
        begun_uploads=[(OTHER, "p", "m", "h", "upload_1")],
    )
    assert states(found) == {"a": "uncertain", "d": "delivered"}
    scope = {"origin": ONE, "project": "p"}
    assert [m.model_id for m in found.models(**scope, name="icons")] == ["model_1"]
    assert found.uploads(**scope, model_id="m") == {"h": "asset_1"}
    assert found.begun_uploads(**scope, model_id="m") == {"h": "upload_1"}


def test_other_services_and_local_ones_keep_their_names(tmp_path):
    found = journal(
        tmp_path, launch("a", "local:0a", "running"), launch("b", "https://p.example", "trained")
    )
    assert states(found, "local:0a") == {"a": "running"}
    assert states(found, "https://p.example") == {"b": "trained"}


@pytest.mark.parametrize("first", [ONE, OTHER])
def test_two_launches_that_went_out_for_one_model_both_stay_open(tmp_path, first):
    second = OTHER if first == ONE else ONE
    found = journal(
        tmp_path, launch("a", first, "uncertain"), launch("b", second, "running", job_id="j")
    )
    assert states(found) == {"a": "uncertain", "b": "running"}
    for intent_id in "ba":
        again = found.intent(intent_id)
        assert again is not None
        new = replace(again, intent_id="c", estimate_id="e_c", state="prepared")
        assert not found.prepare(new, newest="b"), "each of them blocks the next"
        assert found.move(intent_id, "trained", only_from={"uncertain", "running"})
    assert found.prepare(new, newest="b")


def test_a_run_that_the_other_spelling_only_saw_is_the_launch_itself(tmp_path):
    found = journal(
        tmp_path,
        launch("old", ONE, "trained", job_id="j0"),
        launch("old again", OTHER, "trained", job_id="j0", reason=FOUND),
        launch("a", ONE, "running", job_id="j1"),
        launch("seen", OTHER, "running", job_id="j1", reason=FOUND),
    )
    assert states(found) == {"old": "trained", "a": "running"}


def test_an_uncertain_launch_stays_open_though_the_other_spelling_saw_a_run(tmp_path):
    found = journal(
        tmp_path,
        launch("a", ONE, "uncertain"),
        launch("seen", OTHER, "running", job_id="j", reason=FOUND),
    )
    assert states(found) == {"a": "uncertain"}, "the next read finds its run"


def test_of_entries_and_uploads_under_one_key_the_last_counts(tmp_path):
    found = journal(
        tmp_path,
        models=[
            ("x", ONE, "", "icons", "t", "model_1", 1.0),
            ("y", OTHER, "", "new name", "t", "model_1", 2.0),
            ("z", OTHER, "", "icons", "t", "model_2", 3.0),
            ("begun", ONE, "", "half", "t", None, 4.0),
            ("begun later", OTHER, "", "half", "t", None, 5.0),
        ],
        uploads=[(OTHER, "", "m", "h", "asset_1"), (ONE, "", "m", "h", "asset_2")],
    )
    known = found.models(origin=ONE, project="")
    assert [m.entry for m in known] == ["begun later", "z", "y"]
    assert found.uploads(origin=ONE, project="", model_id="m") == {"h": "asset_2"}


# -- drafts -------------------------------------------------------------------------------------


def drafts(tmp_path: Path, *rows: tuple[str, Draft, float]) -> Drafts:
    path = tmp_path / "drafts.sqlite3"
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE drafts (origin TEXT NOT NULL, model_id TEXT NOT NULL,"
        " stamp INTEGER NOT NULL, body TEXT NOT NULL, at REAL NOT NULL,"
        " PRIMARY KEY (origin, model_id));"
        "PRAGMA application_id = 0x50484E44; PRAGMA user_version = 1;"
    )
    for origin, draft, at in rows:
        db.execute("INSERT INTO drafts VALUES (?, 'm', 3, ?, ?)", (origin, dump(draft), at))
    db.commit()
    db.close()
    return Drafts(path)


def image(number: int, caption: str, served: str | None = None, **more: Any) -> ImageRow:
    return ImageRow(
        image_id=f"img_{number}",
        name=f"{number}.png",
        caption=caption,
        content_hash=more.pop("key", f"h{number}"),
        served_caption=served,
        attached=served is not None,
        **more,
    )


def test_a_draft_under_another_spelling_is_found(tmp_path):
    draft = Draft(revision=4, images=(image(1, "typed"),))
    found = drafts(tmp_path, (OTHER, draft, 1.0))
    assert found.read(origin=ONE, model_id="m") == draft


@pytest.mark.parametrize("newer", [ONE, OTHER])
def test_of_two_drafts_the_newer_is_used_and_the_others_rows_are_kept(tmp_path, newer):
    older = OTHER if newer == ONE else ONE
    found = drafts(
        tmp_path,
        (older, Draft(images=(image(1, "old words"), image(3, "only here"))), 1.0),
        (newer, Draft(images=(image(2, "new words", key="h1"),)), 2.0),
    )
    first, second = found.read(origin=ONE, model_id="m").images
    assert (first.image_id, first.caption, first.theirs) == ("img_2", "new words", "old words")
    assert "An older draft here says “old words”" in first.refusal
    assert second == image(3, "only here")


def test_words_typed_in_the_older_draft_alone_are_taken():
    older = Draft(images=(image(1, "typed", "served"),))
    newer = Draft(images=(image(2, "served", "served", key="h1"),))
    (row,) = joined(newer, older).images
    assert (row.image_id, row.caption, row.refusal) == ("img_2", "typed", "")


def test_what_was_on_the_service_and_is_gone_since_does_not_come_back():
    older = Draft(images=(image(1, "served", "served"), image(2, "typed", "s", asset_id="a2")))
    newer = Draft(removed=frozenset({"a2"}))
    assert joined(newer, older).images == ()


def test_pairs_and_settings_of_the_older_draft_are_kept():
    both = (image(1, "", ""), image(2, "", ""))
    ids = (image(8, "", "", key="h1"), image(9, "", "", key="h2"))
    older = Draft(
        revision=9,
        images=both,
        pairs=(
            PairRow(pair_id="p1", source="img_1", target="img_2", instruction="colour it"),
            PairRow(pair_id="p2", source="img_2", target="img_1", instruction="back"),
        ),
        config=MappingProxyType({"epochs": 3}),
        served_config=MappingProxyType({}),
    )
    newer = Draft(
        images=ids,
        pairs=(PairRow(pair_id="p3", source="img_8", target="img_9", instruction="paint"),),
        served_config=MappingProxyType({}),
    )
    draft = joined(newer, older)
    assert [row.triple for row in draft.pairs] == [
        ("img_8", "img_9", "paint"),
        ("img_8", "img_9", "colour it"),
        ("img_9", "img_8", "back"),
    ]
    assert draft.pairs[0].theirs == "colour it"
    assert draft.pairs[0].refusal
    assert dict(draft.config) == {"epochs": 3}
    assert draft.revision == 10
