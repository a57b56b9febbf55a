"""A folder's images are listed by their names, and each that cannot be read says why."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phoenix_nbtrain.dataset import folders
from phoenix_nbtrain.dataset.folders import images_in
from phoenix_nbtrain.errors import InputError

Write = Callable[..., Path]


def names(path: Path, **how: Any) -> list[str]:
    return [found.inside for found in images_in(path, **how).files]


def test_images_are_listed_in_natural_order_and_the_others_counted(
    tmp_path: Path, write: Write
) -> None:
    for name in ("img10.png", "img2.JPG", "Img1.webp", "b.jpeg", "c.jfif"):
        write(name)
    for name in ("notes.doc", "a.gif", "b.txt", ".hidden.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "below.png").mkdir()
    listed = images_in(tmp_path)
    assert [f.inside for f in listed.files] == [
        "b.jpeg", "c.jfif", "Img1.webp", "img2.JPG", "img10.png",
    ]  # fmt: skip
    assert (listed.others, listed.folders, listed.unread) == (2, 1, ())
    first = listed.files[0]
    status = (tmp_path / "b.jpeg").stat()
    assert (first.bytes, first.changed) == (status.st_size, status.st_mtime_ns)
    assert Path(first.path) == tmp_path / "b.jpeg"


def test_folders_below_count_where_that_is_asked_for(tmp_path: Path, write: Write) -> None:
    for name in ("a.png", "line/cat.png", "line/deep/cat.png", ".git/x.png", "__MACOSX/y.png"):
        write(name)
    assert names(tmp_path) == ["a.png"]
    assert names(tmp_path, recursive=True) == ["a.png", "line/cat.png", "line/deep/cat.png"]
    assert images_in(tmp_path, recursive=True).folders == 0


def test_a_file_without_an_extension_is_known_by_how_it_begins(
    tmp_path: Path, write: Write
) -> None:
    for form in ("jpg", "png", "webp"):
        write(f"x.{form}").rename(tmp_path / f"9f3a{form}")
    (tmp_path / "README").write_text("RIFF, a text")
    (tmp_path / "empty").write_bytes(b"")
    listed = images_in(tmp_path)
    assert [f.inside for f in listed.files] == ["9f3ajpg", "9f3apng", "9f3awebp"]
    assert listed.others == 2


def test_no_file_with_an_extension_is_opened(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png")
    write("b.jpg")
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    assert len(names(tmp_path)) == 2


def test_links_and_pipes_say_what_they_are_and_loops_end(tmp_path: Path, write: Write) -> None:
    write("a.png")
    (tmp_path / "good.png").symlink_to("a.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "round.png").symlink_to("round.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe")
    problems = {f.inside: f.problem for f in images_in(tmp_path, recursive=True).files}
    assert problems.pop("a.png") == problems.pop("good.png") == ""
    assert "missing" in problems.pop("gone.png")
    assert "cannot be read" in problems.pop("round.png")
    assert "not a regular file" in problems.pop("pipe.png")
    assert problems == {}


def test_a_file_that_vanishes_meanwhile_is_left_out_and_one_that_is_not_given_says_why(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        write(name)
    real = os.stat

    def stat(path: Any, **how: Any) -> os.stat_result:
        if str(path).endswith("b.png"):
            Path(path).unlink()
        if str(path).endswith("c.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **how)

    monkeypatch.setattr(folders.os, "stat", stat)
    listed = images_in(tmp_path)
    assert [f.inside for f in listed.files] == ["a.png", "c.png"]
    assert "Permission denied" in listed.files[1].problem


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.png")
    write("closed/b.png")
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    listed = images_in(tmp_path, recursive=True)
    assert [f.inside for f in listed.files] == ["a.png"]
    assert listed.unread == (str(tmp_path / "closed"),)
    with pytest.raises(InputError, match="Permission denied"):
        images_in(tmp_path / "closed")


def test_a_folder_of_too_many_files_is_not_listed_to_its_end(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "FILES_MAX", 3)
    for n in range(4):
        write(f"{n}.png")
    with pytest.raises(InputError, match="more than 3 files"):
        images_in(tmp_path)
