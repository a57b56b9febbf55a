"""Changes of the draft: each is on disk before it is seen, and those that wait go there together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import InlineRunner, ThreadRunner
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.store.drafts import Drafts

WAIT = 10


class Counting(Drafts):
    """Drafts that count their commits, and fail once the disk is full."""

    commits = 0
    full = False

    def change(self, edit: Callable[[Draft], Draft], **key: Any) -> Draft:
        self.commits += 1
        if self.full:
            raise StoreError("The disk is full.", remedy="Make room.")
        return super().change(edit, **key)


@pytest.fixture
def drafts(tmp_path) -> Counting:
    return Counting(tmp_path / "drafts.sqlite3")


@pytest.fixture
def live(drafts) -> Iterator[StateStore]:
    runner = ThreadRunner()
    yield StateStore(model=Model(id="model_1"), origin="here", drafts=drafts, runner=runner)
    for lane in runner._lanes.values():
        lane.rest(10)


@pytest.fixture
def busy(live) -> Iterator[threading.Event]:
    """A change under way, which ends when the event is set."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(draft: Draft) -> Draft:
        begun.set()
        assert go_on.wait(WAIT)
        return draft

    live.change(slow)
    assert begun.wait(WAIT)
    yield go_on
    go_on.set()


def later(draft: Draft) -> Draft:
    return replace(draft, revision=draft.revision + 1)


def test_changes_that_wait_are_committed_at_once_and_in_order(live, drafts, busy):
    changes = [live.change(later) for _ in range(5)]
    busy.set()
    assert [change.result(WAIT).revision for change in changes] == [1, 2, 3, 4, 5]
    assert drafts.commits == 2
    assert live.state.draft.revision == 5
    assert drafts.read(origin="here", model_id="model_1").revision == 5


def test_a_change_that_fails_changes_nothing_and_spoils_no_other(live, busy):
    def failing(draft: Draft) -> Draft:
        raise ValueError("no such row")

    before, failed, after = live.change(later), live.change(failing), live.change(later)
    busy.set()
    assert before.result(WAIT).revision == 1
    with pytest.raises(ValueError, match="no such row"):
        failed.result(WAIT)
    assert after.result(WAIT).revision == 2


def test_where_the_disk_takes_nothing_every_change_says_so_and_none_is_shown(live, drafts, busy):
    changes = [live.change(later) for _ in range(3)]
    drafts.full = True
    busy.set()
    for change in changes:
        with pytest.raises(StoreError):
            change.result(WAIT)
    assert live.state.draft.revision == 0


def test_a_change_that_is_taken_back_in_time_does_not_happen(live, busy):
    taken_back, stays = live.change(later), live.change(later)
    assert taken_back.cancel()
    busy.set()
    assert stays.result(WAIT).revision == 1


def test_a_view_that_could_not_be_told_hears_of_the_next_change(tmp_path, drafts, monkeypatch):
    runner = InlineRunner()
    live = StateStore(model=Model(id="model_1"), origin="here", drafts=drafts, runner=runner)
    heard: list[str] = []
    live.subscribe(lambda state: heard.append(state.problem))
    submit = runner.submit

    def refused(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(runner, "submit", refused)
    live.show(problem="a")
    runner.advance(1)
    assert heard == []
    monkeypatch.setattr(runner, "submit", submit)
    live.show(problem="b")
    runner.advance(1)
    assert heard == ["b"]


def test_a_change_that_found_no_thread_is_not_made_with_the_next_one(live, monkeypatch):
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(live.runner, "submit", no_thread)
        with pytest.raises(RuntimeError):
            live.change(later)
    assert live.change(later).result(WAIT).revision == 1
