"""The data folder: its owner's only, and a refusal that names it and says what to do."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain import home as homes
from phoenix_nbtrain.errors import InputError, StoreError
from phoenix_nbtrain.home import home, private_folder, write_whole
from phoenix_nbtrain.training import Training


def test_a_relative_home_is_taken_from_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", "relative/home")
    assert home() == tmp_path / "relative" / "home"


def test_a_home_of_a_user_that_there_is_not_is_refused(monkeypatch):
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", "~nobody-of-that-name/here")
    with pytest.raises(StoreError, match="Give its full path"):
        home()


def test_every_folder_of_a_fresh_home_is_its_owner_s_only(icons):
    nbt.connect("local")
    training = Training.open("icons", type="flux.2-dev-lora")
    training.add_images(icons)
    training.sync()
    folders = [home(), *(path for path in home().rglob("*") if path.is_dir())]
    assert {home() / "pictures", home() / "local" / "content"} <= set(folders)
    assert {path: path.stat().st_mode & 0o077 for path in folders} == dict.fromkeys(folders, 0)


def test_a_folder_that_was_there_keeps_its_mode(tmp_path):
    (tmp_path / "mine").mkdir(mode=0o755)
    private_folder(tmp_path / "mine" / "below")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("below", ["", "here", "here/and/there"])
def test_a_file_in_the_way_is_named_with_what_to_do(tmp_path, below):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"taken.*Make it writable, or name another") as refused:
        nbt.connect("local", data_dir=tmp_path / "taken" / below)
    assert len(str(refused.value)) <= 200


def test_a_home_that_is_a_file_is_told_wherever_it_is_met(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "taken"))
    with pytest.raises(StoreError, match="PHOENIX_NBTRAIN_HOME"):
        nbt.connect()


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "kept", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(homes.os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*Free up space there"):
        write_whole(tmp_path / "kept", b"new")
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_data_folder_that_was_deleted_has_one_remedy_and_it_helps():
    nbt.connect("local")
    Training.open("icons", type="flux.2-dev-lora")
    shutil.rmtree(home())
    for tell in (nbt.models, nbt.runs):
        with pytest.raises(nbt.ServiceError) as gone:
            tell()
        assert str(gone.value).startswith("phoenix.sqlite is gone from ")
        assert str(gone.value).endswith("home/local. Connect and open the training again.")
    nbt.connect("local")
    Training.open("icons", type="flux.2-dev-lora")
    assert list(nbt.models()["name"]) == ["icons"]


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    def unknown(*_: object, **__: object) -> Path:
        raise RuntimeError

    monkeypatch.delenv("PHOENIX_NBTRAIN_HOME")
    for found in (unknown, lambda *_, **__: Path("~/.local/share")):
        monkeypatch.setattr("platformdirs.user_data_path", found)
        with pytest.raises(StoreError, match="Set PHOENIX_NBTRAIN_HOME"):
            home()


@pytest.mark.parametrize("value", [5, b"/tmp", "", "  ", "a\0b", "~nobody-of-that-name", [1]])
def test_what_is_no_data_dir_is_refused(value):
    with pytest.raises(InputError, match="data_dir is not a folder"):
        nbt.connect("local", data_dir=value)


def test_a_name_that_no_folder_can_have_asks_for_a_shorter_one(tmp_path):
    with pytest.raises(StoreError, match=r"File name too long.*a shorter path"):
        nbt.connect("local", data_dir=tmp_path / ("a" * 300))


FILLING = """
import resource, sys
from pathlib import Path
import phoenix_nbtrain as nbt
from phoenix_nbtrain.images.drawings import draw_icons
def room(bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))
icons = draw_icons(Path(sys.argv[1]), count=3, size=600)
def told(call):
    try:
        call()
    except nbt.PhoenixError as error:
        assert "space" in str(error) and "move it away" not in str(error), error
    else:
        raise AssertionError("it was told nowhere")
room(8_000)
told(lambda: nbt.Training.open("icons", type="flux.2-dev-lora", client=nbt.connect("local")))
room(resource.RLIM_INFINITY)
nbt.connect("local")
training = nbt.Training.open("icons", type="flux.2-dev-lora")
training.update_config(epochs=3)
room(2_000)
told(lambda: training.add_images(icons))
told(lambda: training.update_config(sample_prompts=["a" * 900] * 4))
told(training.start)
room(resource.RLIM_INFINITY)
assert training.config["epochs"] == 3 and not len(training.images)
assert training.add_images(icons).added == 3
assert training.start().status == "training"
"""


def test_a_full_disk_loses_nothing_and_is_forgotten_when_there_is_room(tmp_path):
    command = [sys.executable, "-c", FILLING, str(tmp_path / "icons")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
