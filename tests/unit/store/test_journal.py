"""The journal's promises are the database's: they hold between threads and processes."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from decimal import Decimal

import pytest
from clocks import SetClock

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.store.journal import OPEN_STATES, Intent, IntentState, Journal


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


def intent(
    intent_id: str, *, estimate_id: str | None = None, state: IntentState = "prepared"
) -> Intent:
    return Intent(
        intent_id=intent_id,
        origin="o",
        project="",
        model_id="m",
        fingerprint="f",
        estimate_id=estimate_id,
        state=state,
        amount=Decimal("10.75"),
        unit="CU",
        status_before="new",
        job_before=None,
    )


def test_a_model_has_one_open_launch(journal):
    assert journal.prepare(intent("a", estimate_id="e1"), newest=None)
    assert not journal.prepare(intent("b", estimate_id="e2"), newest="a")
    assert journal.move("a", "failed", only_from={"prepared"})
    assert journal.prepare(intent("b", estimate_id="e2"), newest="a")


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_every_unfinished_state_blocks_a_further_launch(journal, state):
    assert journal.prepare(intent("a", estimate_id="e1", state=state), newest=None)
    assert not journal.prepare(intent("b", estimate_id="e2"), newest="a")


def test_an_estimate_is_spent_once_for_ever(journal):
    assert journal.prepare(intent("a", estimate_id="e1"), newest=None)
    assert journal.move("a", "rejected", only_from={"prepared"})
    assert journal.spent("e1")
    assert not journal.prepare(intent("b", estimate_id="e1"), newest="a")


def test_a_launch_decided_on_older_knowledge_is_refused(journal):
    assert journal.prepare(intent("a", estimate_id="e1"), newest=None)
    assert journal.move("a", "trained", only_from={"prepared"})
    assert not journal.prepare(intent("b", estimate_id="e2"), newest=None)


def test_a_state_moves_only_from_where_it_was(journal):
    journal.prepare(intent("a"), newest=None)
    assert journal.move("a", "submitting", only_from={"prepared"})
    assert not journal.move("a", "submitting", only_from={"prepared"})
    assert journal.move("a", "running", only_from={"submitting"}, job_id="job_1")
    found = journal.intent("a")
    assert (found.state, found.job_id, found.amount) == ("running", "job_1", Decimal("10.75"))


def test_two_kernels_do_not_create_one_name_at_once(journal):
    scope = {"origin": "o", "project": ""}
    first = journal.begin_model(**scope, name="icons", type="t")
    assert first is not None
    assert journal.begin_model(**scope, name="icons", type="t") is None
    assert journal.begin_model(**scope, name="others", type="t") is not None
    journal.finish_model(first.entry, "model_1")
    assert [m.model_id for m in journal.models(**scope, name="icons")] == ["model_1"]


def test_a_model_made_since_one_looked_is_not_made_again(journal):
    # Two kernels saw no model; the first began and finished before the second began.
    scope = {"origin": "o", "project": ""}
    first = journal.begin_model(**scope, name="icons", type="t", seen=())
    journal.finish_model(first.entry, "model_1")
    assert journal.begin_model(**scope, name="icons", type="t", seen=()) is None
    again = journal.begin_model(**scope, name="icons", type="t", seen={first.entry})
    journal.forget_model(again.entry)
    assert journal.begin_model(**scope, name="icons", type="t") is not None


def test_uploads_are_remembered_per_model(journal):
    scope = {"origin": "o", "project": ""}
    journal.remember_upload(**scope, model_id="m", content_hash="h", asset_id="asset_1")
    assert journal.uploads(**scope, model_id="m") == {"h": "asset_1"}
    assert journal.uploads(**scope, model_id="n") == {}
    journal.forget_upload(origin="o", model_id="m", asset_id="asset_1")
    assert journal.uploads(**scope, model_id="m") == {}


def test_the_file_is_its_owners_only(journal):
    journal.intents()
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("case", ["damaged", "foreign", "newer"])
def test_a_file_that_cannot_be_trusted_is_refused_and_kept(tmp_path, case):
    path = tmp_path / "journal.sqlite3"
    if case == "damaged":
        path.write_bytes(b"not a database at all" * 100)
    else:
        if case == "newer":
            Journal(path).intents()
        connection = sqlite3.connect(path)
        if case == "foreign":
            connection.execute("CREATE TABLE theirs (x)")
            connection.execute("PRAGMA application_id = 7")
        else:
            connection.execute("PRAGMA user_version = 99")
        connection.commit()
        connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError):
        Journal(path).intents()
    assert path.read_bytes() == before


def test_an_upload_that_ended_is_no_longer_on_its_way(journal):
    scope = {"origin": "o", "project": "", "model_id": "m"}
    journal.begin_upload(**scope, content_hash="h", upload_id="u1")
    journal.begin_upload(**scope, content_hash="h", upload_id="u2")
    assert journal.begun_uploads(**scope) == {"h": "u2"}
    journal.remember_upload(**scope, content_hash="h", asset_id="asset_1")
    assert journal.begun_uploads(**scope) == {}


def test_a_download_and_a_training_of_one_model_do_not_wait_for_each_other(journal):
    assert journal.prepare(intent("a", estimate_id="e1", state="running"), newest=None)
    download = replace(intent("b", estimate_id="e2"), kind="download")
    assert journal.prepare(download, newest=None)
    assert not journal.prepare(replace(download, intent_id="c", estimate_id="e3"), newest="b")
    assert [i.intent_id for i in journal.intents()] == ["a"]
    assert [i.intent_id for i in journal.intents(kind=None)] == ["b", "a"]


def test_reads_of_an_uncertain_launch_count_when_they_are_apart(tmp_path):
    clock = SetClock()
    journal = Journal(tmp_path / "journal.sqlite3", clock=clock)
    journal.prepare(intent("a", estimate_id="e1", state="uncertain"), newest=None)
    for seconds in (0, 1, 29):
        clock.pass_(seconds)
        journal.note_quiet_read("a", apart=20)
    found = journal.intent("a")
    assert (found.quiet_reads, found.last_read) == (2, clock())
