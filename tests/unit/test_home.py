"""The data folder: its owner's only, and a refusal that names it and says what to do."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain import home as homes
from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.home import home, private_folder, write_whole
from phoenix_nbtrain.training.training import Training


def test_a_relative_home_is_taken_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", "relative/home")
    assert home() == tmp_path / "relative" / "home"


def test_a_home_of_a_user_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", "~nobody-of-that-name/here")
    with pytest.raises(StoreError, match="Give its whole path"):
        home()


def test_every_folder_of_a_fresh_home_is_its_owner_s_only(icons: Path) -> None:
    nbt.connect("local")
    training = Training.open("icons", type="flux.2-dev-lora")
    training.add_images(icons)
    training.sync()
    folders = [home(), *(path for path in home().rglob("*") if path.is_dir())]
    assert {home() / "pictures", home() / "local" / "content"} <= set(folders)
    assert {path: path.stat().st_mode & 0o077 for path in folders} == dict.fromkeys(folders, 0)


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    private_folder(tmp_path / "mine" / "below")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("below", ["", "here", "here/and/there"])
def test_a_file_in_the_way_is_named_with_what_to_do(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"taken.*Make it writable, or name another") as refused:
        nbt.connect("local", data_dir=tmp_path / "taken" / below)
    assert len(str(refused.value)) <= 200


def test_a_home_that_is_a_file_is_told_wherever_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "taken"))
    with pytest.raises(StoreError, match="PHOENIX_NBTRAIN_HOME"):
        nbt.connect()


def test_a_full_disk_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "kept", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(homes.os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*Make room there"):
        write_whole(tmp_path / "kept", b"new")
    assert (tmp_path / "kept").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_data_folder_that_was_deleted_has_one_remedy_and_it_helps() -> None:
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
