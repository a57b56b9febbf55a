"""Choosing from a folder: nothing is read before it is looked at, and what is there is known."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.session import browsing
from phoenix_nbtrain.session.browsing import Folder, Look
from phoenix_nbtrain.training import Training

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    return path


@pytest.fixture
def write(folder) -> Write:
    """Return a function that writes a small image, each colour a different file."""

    def written(name: str, colour: tuple[int, int, int] = (0, 128, 128), **how: Any) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        form = {"jpg": "JPEG", "webp": "WEBP"}.get(path.suffix[1:], "PNG")
        Image.new("RGB", (60, 40), colour).save(path, form, **how)
        return path

    return written


@pytest.fixture
def training(opened) -> Training:
    return opened()


def looks(folder: Folder) -> dict[str, Look]:
    return {look.file.name: look for look in folder.look(list(folder.files)).result()}


# -- listed --------------------------------------------------------------------------------------


def test_a_folder_is_listed_without_a_look_at_any_file(training, folder, write, monkeypatch):
    for n in (10, 2, 1):
        write(f"img{n}.png")
    (folder / "notes.doc").write_bytes(b"")
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    monkeypatch.setattr(decoder, "thumbnail", lambda *_: pytest.fail("it was decoded"))
    found = training.browse(folder)
    assert [f.name for f in found.files.values()] == ["img1.png", "img2.png", "img10.png"]
    assert all(i.startswith("file_") for i in found.files)
    assert set(found.colours(list(found.files)).values()) == {""}
    assert found.others == 1
    assert repr(found).endswith(": 3 images>")


def test_ids_are_the_same_whenever_and_however_it_is_listed(training, folder, write, monkeypatch):
    write("a.png")
    write("below/b.png")
    before = training.browse(folder, recursive=True).files
    monkeypatch.chdir(folder.parent)
    (folder / "a.png").touch()
    again = training.browse("pictures", recursive=True).files
    assert list(before) == list(again)
    assert [f.inside for f in again.values()] == ["a.png", "below/b.png"]
    assert again[next(iter(again))].path == folder / "a.png"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "No source"),
        ("nowhere", "does not exist"),
        ("~nobody-of-that-name/x", "does not exist"),
        ("\\\\attacker\\share", "Network paths"),
        ("pictures/a.png", "is not a folder"),
        ("x\0y", "does not exist"),
        ("x" * 5_000, "does not exist"),
    ],
)
def test_what_is_no_folder_is_refused_in_words(training, folder, write, monkeypatch, given, words):
    write("a.png")
    monkeypatch.chdir(folder.parent)
    with pytest.raises(InputError, match=words) as caught:
        training.browse(given)
    assert len(str(caught.value)) <= 200
    assert isinstance(
        training._session.behind("browse", training._session.browse, given).exception(), InputError
    )


# -- looked at -----------------------------------------------------------------------------------


def test_a_look_tells_the_size_that_people_see(training, folder, write):
    exif = Image.Exif()
    exif[0x0112] = 6
    write("upright.jpg")
    write("turned.jpg", exif=exif)
    seen = looks(training.browse(folder))
    assert (seen["upright.jpg"].width, seen["upright.jpg"].height) == (60, 40)
    assert (seen["turned.jpg"].width, seen["turned.jpg"].height) == (40, 60)
    assert not any(look.reason for look in seen.values())


def test_what_cannot_be_taken_says_why(training, folder, write):
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "gone.png").symlink_to("nowhere")
    write("vanished.png")
    write("<img src=x onerror=alert(1)>.png")
    write("a\u202egnp.png")
    (folder / os.fsdecode(b"\x80.png")).write_bytes((folder / "vanished.png").read_bytes())
    found = training.browse(folder)
    (folder / "vanished.png").unlink()
    seen = {name: look.reason for name, look in looks(found).items()}
    assert "web page" in seen.pop("page.png")
    assert "empty" in seen.pop("empty.jpg")
    assert "missing" in seen.pop("gone.png")
    assert "no longer exists" in seen.pop("vanished.png")
    assert "half a character" in seen.pop("\udc80.png")
    assert seen == {"<img src=x onerror=alert(1)>.png": "", "a\u202egnp.png": ""}


def test_a_header_is_read_once_and_a_file_that_was_gone_is_looked_for_again(
    training, folder, write, monkeypatch
):
    content = write("a.png").read_bytes()
    write("b.png")
    real, glanced = browsing.glance, []
    monkeypatch.setattr(browsing, "glance", lambda file: (glanced.append(file.name), real(file))[1])
    found = training.browse(folder)
    (folder / "a.png").unlink()
    assert "no longer" in looks(found)["a.png"].reason
    (folder / "a.png").write_bytes(content)
    assert looks(found)["a.png"].width == 60
    assert len(glanced) == 2


def test_ids_that_are_not_there_are_left_out(training, folder, write):
    path = write("a.png")
    found = training.browse(folder)
    (file_id,) = found.files
    assert [look.file.name for look in found.look(["file_none", file_id]).result()] == ["a.png"]
    assert found.paths(["file_none", file_id]) == [path]
    assert found.colours(["file_none"]) == {"file_none": ""}
    assert isinstance(found.thumbnails(["file_none"], 32)[0].exception(), ImageError)


# -- thumbnails ----------------------------------------------------------------------------------


def test_a_thumbnail_is_made_when_it_is_asked_for_and_kept_until_the_file_changes(
    training, folder, write, monkeypatch
):
    write("a.png")
    real, sizes = decoder.thumbnail, []
    monkeypatch.setattr(decoder, "thumbnail", lambda c, px: (sizes.append(px), real(c, px))[1])
    for _ in range(2):
        found = training.browse(folder)
        (file_id,) = found.files
        (small,) = found.thumbnails([file_id], 32)
        assert Image.open(io.BytesIO(small.result().content)).size == (32, 21)
        assert found.colours([file_id]) == {file_id: "#008080"}
    assert sizes == [32]
    write("a.png", (200, 0, 0))
    os.utime(folder / "a.png", ns=(1, 1))
    found = training.browse(folder)
    assert found.colours([file_id]) == {file_id: ""}
    found.thumbnails([file_id], 32)[0].result()
    assert found.colours([file_id]) == {file_id: "#c80000"}


def test_a_damaged_file_costs_its_own_thumbnail_only(training, folder, write):
    content = bytearray(write("a.png").read_bytes())
    at = content.index(b"IDAT")
    content[at + 4 : at + 12] = bytes(8)
    (folder / "bad.png").write_bytes(content)
    found = training.browse(folder)
    good, bad = found.thumbnails(list(found.files), 32)
    assert good.result().mime == "image/jpeg"
    assert isinstance(bad.exception(), ImageError)


# -- in the training already ---------------------------------------------------------------------


def test_what_the_training_has_is_marked_until_it_is_removed(training, folder, write):
    write("a.png")
    write("b.png", (1, 2, 3))
    found = training.browse(folder)
    assert [look.image_id for look in looks(found).values()] == [None, None]
    (path,) = found.paths([next(iter(found.files))])
    training.add_images([path])
    (row,) = training.state.draft.images
    assert {name: look.image_id for name, look in looks(found).items()} == {
        "a.png": row.image_id,
        "b.png": None,
    }
    training.remove("a.png")
    assert [look.image_id for look in looks(found).values()] == [None, None]


def test_metadata_is_no_difference_and_a_name_alone_no_likeness(training, folder, write):
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    write("a.jpg", exif=exif)
    training.add_images(folder)
    write("a.jpg", (9, 9, 9))
    assert looks(training.browse(folder))["a.jpg"].image_id is None
    write("a.jpg", exif=exif)
    assert looks(training.browse(folder))["a.jpg"].image_id is not None


def test_what_is_there_under_another_name_is_known_by_its_content(training, folder, write):
    there = write("a.png")
    training.add_images(there)
    (row,) = training.state.draft.images
    (folder / "copy of it.png").write_bytes(there.read_bytes())
    other = bytearray(there.read_bytes())
    other[-20] ^= 1  # as heavy as it, and no copy
    (folder / "other.png").write_bytes(other)
    seen = looks(training.browse(folder))
    assert {name: look.image_id for name, look in seen.items()} == {
        "a.png": row.image_id,
        "copy of it.png": row.image_id,
        "other.png": None,
    }


def test_one_of_two_that_share_a_name_is_known_by_its_content(training, folder, write):
    write("line/cat.png", (1, 1, 1))
    write("colour/cat.png", (2, 2, 2))
    training.add_images(folder, recursive=True)
    assert {row.name for row in training.state.draft.images} == {"line/cat.png", "colour/cat.png"}
    found = training.browse(folder, recursive=True)
    ids = {look.file.inside: look.image_id for look in found.look(list(found.files)).result()}
    assert ids == {row.name: row.image_id for row in training.state.draft.images}


def test_only_what_is_likely_to_be_there_is_read_whole(training, folder, write, monkeypatch):
    write("a.png")
    write("b.png", (1, 2, 3))
    training.add_images(folder / "a.png")
    real, read = browsing.read_file, []
    monkeypatch.setattr(
        browsing, "read_file", lambda path, most: (read.append(path.name), real(path, most))[1]
    )
    found = training.browse(folder)
    looks(found)
    looks(found)
    assert read == ["a.png"]


def test_nothing_is_added_by_looking(training, runner, folder, write):
    write("a.png")
    found = training.browse(folder)
    found.thumbnails(list(found.files), 32)
    looks(found)
    runner.advance(60)
    assert training.state.draft.images == ()
