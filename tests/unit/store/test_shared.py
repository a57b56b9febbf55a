"""One journal and one file of drafts per data folder, however many trainings are open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_service import FakeService

from phoenix_nbtrain.home import home
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.store import home_drafts, home_journal
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.training import Training

KEY = {"origin": "here", "model_id": "model_1"}

Use = Callable[[], Journal | Drafts]


def journal() -> Journal:
    found = home_journal()
    found.intents()
    return found


def drafts() -> Drafts:
    found = home_drafts()
    found.read(**KEY)
    return found


BOTH = pytest.mark.parametrize("use", [journal, drafts])


@BOTH
def test_it_is_the_same_as_long_as_its_file_is(use):
    first = use()
    assert use() is first


@BOTH
def test_a_deleted_file_is_begun_anew_for_who_asks_again(use):
    first = use()
    shutil.rmtree(home())
    second = use()
    assert second is not first
    assert use() is second
    assert second.path.exists()


@BOTH
def test_another_file_in_its_place_is_checked_for_who_asks_again(use):
    first = use()
    copy = first.path.with_suffix(".copy")
    shutil.copy(first.path, copy)
    copy.replace(first.path)
    assert use() is not first


@BOTH
def test_another_data_folder_has_its_own(use, tmp_path, monkeypatch):
    first = use()
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "elsewhere"))
    assert use().path == tmp_path / "elsewhere" / first.path.name


@BOTH
def test_a_forked_child_has_its_own(use, monkeypatch):
    first = use()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert use() is not first


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="nothing tells of open files here")
def test_more_trainings_take_no_more_connections():
    def connections() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        open_files = [str(link.readlink()) for link in links]
        return sum(str(home()) in file and ".sqlite3" in file for file in open_files)

    service, runner, counts, kept = FakeService(), InlineRunner(), [], []
    for number in range(6):
        training = Training.open(
            f"icons {number}", type="flux.2-dev-lora", client=service, runner=runner
        )
        training.config["epochs"] = 3
        kept.append(training)
        counts.append(connections())
    assert counts[-1] == counts[0] <= 4
