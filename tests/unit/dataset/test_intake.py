"""Taking images in: from everywhere people have them, and never by halves."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, PngImagePlugin
from unit.dataset import drafts
from unit.dataset.drafts import HOSTILE

import phoenix_nbtrain
from phoenix_nbtrain.dataset import image_sources
from phoenix_nbtrain.dataset.image_sources import candidates
from phoenix_nbtrain.dataset.intake import Intake, take
from phoenix_nbtrain.dataset.pair_files import lines_of
from phoenix_nbtrain.dataset.report import AddReport, FileFate
from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.text import natural_key

Write = Callable[..., Path]


def names(intake: Intake) -> list[str]:
    return [p.name for p in intake.images]


def fates(intake: Intake) -> dict[str, str]:
    for fate in intake.fates:
        assert len(fate.reason) <= 200
    return {f.name: f.fate for f in intake.fates}


def refused(source: Any, **rest: Any) -> str:
    return drafts.refused(take, source, **{"room": 50, **rest})


def reason(source: Any) -> str:
    """Why the only file given was refused."""
    intake = take(source, room=50)
    assert not intake.images
    (fate,) = intake.fates
    assert fate.fate == "refused"
    assert len(fate.reason) <= 200
    return fate.reason


# -- folders and files ------------------------------------------------------------------------


def test_a_folder_comes_in_natural_order_with_its_captions(tmp_path: Path, write: Write) -> None:
    for name, caption in [("img10.png", "ten"), ("img2.jpg", "\ufefftwo\r\n"), ("img1.webp", None)]:
        write(name, caption)
    for noise in (".DS_Store", "Thumbs.db", "desktop.ini", "README.txt", ".hidden.png"):
        (tmp_path / noise).write_bytes(b"x")
    intake = take(tmp_path, room=50)
    assert [(p.name, p.caption) for p in intake.images] == [
        ("img1.webp", ""),
        ("img2.jpg", "two"),
        ("img10.png", "ten"),
    ]
    assert set(fates(intake).values()) == {"added"}
    picture = intake.images[0]
    assert picture.header is not None
    assert (picture.header.width, picture.header.height) == (8, 6)
    assert picture.size == len(picture.read())


def test_what_is_no_image_is_refused_by_name(tmp_path: Path, write: Write) -> None:
    write("good.png")
    (tmp_path / "anim.gif").write_bytes(b"GIF89a")
    (tmp_path / "zero.png").write_bytes(b"")
    (tmp_path / "lies.png").write_bytes(b"<svg><script>alert(1)</script></svg>")
    intake = take(tmp_path, room=50)
    assert fates(intake) == {
        "anim.gif": "refused",
        "good.png": "added",
        "lies.png": "refused",
        "zero.png": "refused",
    }


def test_the_same_image_twice_is_there_once(tmp_path: Path, write: Write) -> None:
    first = write("a.png", colour=(1, 1, 1))
    write("b.png", colour=(1, 1, 1))
    intake = take(tmp_path, room=1)
    assert fates(intake) == {"a.png": "added", "b.png": "already there"}
    assert "a.png" in intake.fates[1].reason
    known = {intake.images[0].content_hash or "": "img_known"}
    again = take([first, tmp_path], room=0, known=known)
    assert not again.images
    assert {f.image_id for f in again.fates} == {"img_known"}


def test_more_than_there_is_room_for_takes_nothing(tmp_path: Path, write: Write) -> None:
    for i in range(3):
        write(f"line/{i}.png")
        write(f"colour/{i}.png")
    message = refused(tmp_path, recursive=True, room=5)
    assert "line 3" in message
    assert "colour 3" in message
    assert "room for 5" in message
    assert len(take(tmp_path, recursive=True, room=6).images) == 6


def test_folders_below_count_only_when_asked(tmp_path: Path, write: Write) -> None:
    write("line/a.png")
    write("line/b.png")
    write(".ipynb_checkpoints/c.png")
    message = refused(tmp_path)
    assert "recursive=True" in message
    assert "line 2" in message
    assert names(take(tmp_path, recursive=True, room=9)) == ["a.png", "b.png"]
    write("top.png")
    assert names(take(tmp_path, room=9)) == ["top.png"]


def test_a_folder_that_is_empty_or_may_not_be_listed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no files" in refused(tmp_path)

    def scandir(path: Any) -> Any:
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr("os.scandir", scandir)
    assert "Permission denied" in refused(tmp_path)


def test_a_missing_folder_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "props").mkdir()
    message = refused(tmp_path / "porps")
    assert "porps" in message and "props?" in message
    assert "does not exist" in refused(tmp_path / "props" / "deep" / "deeper")
    assert "Patterns" in refused(str(tmp_path / "*.png"))


def test_a_list_keeps_its_order_and_its_gaps_are_told(tmp_path: Path, write: Write) -> None:
    b, a = write("b.png"), write("a.png")
    intake = take([b, tmp_path / "gone.png", str(a), 5], room=9)
    assert names(intake) == ["b.png", "a.png"]
    assert [f.fate for f in intake.fates] == ["added", "refused", "added", "refused"]


def test_two_images_of_one_name_get_their_folders(tmp_path: Path, write: Write) -> None:
    line, colour = write("line/cat.png").parent, write("colour/cat.png").parent
    write("line/dog.png")
    expected = ["colour/cat.png", "line/cat.png", "dog.png"]
    assert names(take(tmp_path, recursive=True, room=9)) == expected
    assert names(take([colour, line], room=9)) == expected
    assert names(take(colour, room=9, names=["cat.png"])) == ["colour/cat.png"]
    both = ["cat.png", "colour/cat.png"]
    again = names(take(colour / "cat.png", room=9, names=both))[0]
    assert again.endswith("colour/cat.png")
    assert again not in both


def test_a_name_without_a_folder_gets_a_number() -> None:
    pictures = [Image.new("RGB", (2, 2), c) for c in ("red", "blue", "teal")]
    for picture in pictures:
        picture.filename = "cat.png"  # type: ignore[attr-defined]
    assert names(take(pictures, room=3)) == ["cat.png", "cat (2).png", "cat (3).png"]


def test_composed_and_decomposed_names_are_both_taken(tmp_path: Path, write: Write) -> None:
    write("\u00e9.png")
    write("e\u0301.png")
    assert sorted(names(take(tmp_path, room=9))) == sorted(["\u00e9.png", "e\u0301.png"])


@pytest.mark.parametrize(
    "name", [*HOSTILE, "x..%252f%c0%ae%2e%2e%2f.png", "x..\\..\\windows\\win.ini"]
)
def test_a_hostile_name_stays_text(tmp_path: Path, write: Write, name: str) -> None:
    write(name)
    intake = take(tmp_path, room=9)
    assert names(intake) == [name]
    html = intake.report(["img_1"])._repr_html_()
    assert "<img" not in html
    assert "<select" not in html


def test_a_report_shows_hostile_names_and_reasons_escaped() -> None:
    bad = "<script>top.__pwn=1</script>\u202e\n"
    report = AddReport((FileFate(name=bad, fate="refused", reason=bad),) * 30)
    for text in (report._repr_html_(), str(report)):
        assert "\u202e" not in text
        assert "10 more" in text
    assert "<script" not in report._repr_html_()


@pytest.mark.parametrize("name", [b"a\x80.png", b"two\nlines.png"])
def test_a_name_that_cannot_be_kept_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_bytes(png())
    assert "name" in reason(tmp_path)


def test_links_to_images_are_fine_and_to_other_things_are_not(tmp_path: Path, write: Write) -> None:
    elsewhere = write("elsewhere/real.png").parent
    (elsewhere / "secret").write_text("root:x:0:0")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "fine.png").symlink_to(elsewhere / "real.png")
    (folder / "secret.png").symlink_to(elsewhere / "secret")
    os.link(elsewhere / "secret", folder / "hard.png")
    (folder / "broken.png").symlink_to("nowhere")
    (folder / "loop").symlink_to(folder)
    intake = take(folder, recursive=True, room=9)
    assert fates(intake) == {
        "fine.png": "added",
        "secret.png": "refused",
        "hard.png": "refused",
        "broken.png": "refused",
    } | ({"loop": "refused"} if "loop" in fates(intake) else {})
    assert "root" not in str([f.reason for f in intake.fates])


def test_a_pipe_and_a_device_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "regular" in reason(tmp_path)
    assert "regular" in reason("/dev/zero")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(116, "Stale")])
def test_an_unreadable_file_is_refused_and_the_others_are_not(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    write("good.png")
    write("bad.png").chmod(0)
    opened = Path.open

    def opening(self: Path, *how: Any, **more: Any) -> Any:
        if self.name == "bad.png":
            raise error  # root may read it all the same
        return opened(self, *how, **more)

    monkeypatch.setattr(Path, "open", opening)
    intake = take(tmp_path, room=9)
    assert fates(intake) == {"bad.png": "refused", "good.png": "added"}
    assert error.strerror in intake.fates[0].reason


def test_a_file_that_vanishes_while_it_is_looked_at_is_refused(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("gone.png")
    listed = image_sources._folder

    def listing(*given: Any, **more: Any) -> Any:
        found = listed(*given, **more)
        path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(image_sources, "_folder", listing)
    assert "no longer exists" in reason(tmp_path)


def test_a_file_that_changes_before_it_is_kept_is_not_kept(write: Write) -> None:
    path = write("a.png")
    (picture,) = take(path, room=1).images
    write("a.png")
    with pytest.raises(ImageError, match="changed"):
        picture.read()
    path.unlink()
    with pytest.raises(ImageError, match="no longer"):
        picture.read()


def test_a_file_of_many_megabytes_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(1 << 40)  # a terabyte of holes
    assert "MB" in reason(tmp_path)


def test_a_caption_file_of_no_use_does_not_cost_the_image(tmp_path: Path, write: Write) -> None:
    write("latin.png").with_suffix(".txt").write_bytes("é".encode("latin-1"))
    write("long.png", "x" * 70_000)
    write("huge.png", "x" * 10_000_000)
    intake = take(tmp_path, room=9)
    assert [p.caption for p in intake.images] == ["", "", ""]
    assert "UTF-8" in {f.name: f.reason for f in intake.fates}["latin.png"]
    assert "64 KiB" in {f.name: f.reason for f in intake.fates}["huge.png"]


# -- paths and words that are no files --------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it was fetched"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    "given",
    ["ftp://host/x.png", "file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://x"],
)
def test_only_http_addresses_are_taken(given: str) -> None:
    assert "http or https" in refused(given)
    assert "http or https" in reason([given])


@pytest.mark.usefixtures("offline")
def test_a_url_is_listed_by_the_name_in_it_and_nothing_is_fetched() -> None:
    urls = ["https://cdn.example.com/a/ref%201.png?sig=s3cret", "http://169.254.169.254/latest/"]
    intake = take(urls, room=5)
    assert [(p.name, p.url) for p in intake.images] == [
        ("ref 1.png", urls[0]),
        ("image", urls[1]),
    ]
    assert "s3cret" not in repr(intake)


def test_one_url_twice_is_one_image_and_one_name_twice_is_two() -> None:
    intake = take(
        ["https://a.example/ref.png#top", "https://A.example/ref.png", "https://b.example/ref.png"],
        room=5,
    )
    assert [p.name for p in intake.images] == ["ref.png", "ref (2).png"]
    assert intake.fates[1].fate == "already there"


def test_files_that_differ_in_their_metadata_only_are_one_image(tmp_path: Path) -> None:
    for name in ("mine.png", "yours.png"):
        told = PngImagePlugin.PngInfo()
        told.add_text("Author", name)
        Image.new("RGB", (8, 8), "red").save(tmp_path / name, pnginfo=told)
    intake = take(tmp_path, room=5)
    (picture,) = intake.images
    assert b"mine.png" in (tmp_path / "mine.png").read_bytes()
    assert b"mine.png" not in picture.read()
    assert picture.content_hash == hashlib.sha256(picture.read()).hexdigest()
    assert fates(intake)["yours.png"] == "already there"


def test_network_paths_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "stat", lambda *_: pytest.fail("it was looked for"))
    assert "Network" in refused("\\\\attacker\\share\\x.png")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "given",
    [
        "../../secret-nowhere",
        "..\\..\\windows\\win.ini",
        "%2e%2e%2fetc",
        "x" * 300,
        "a/" * 2500,
        "nul\0byte",
        "\udc80",
        "",
    ],
)
def test_a_path_that_leads_nowhere_is_an_error(given: str) -> None:
    assert refused(given)
    assert reason([given])


@pytest.mark.parametrize(
    "given", [None, 5, b"bytes", object(), io.BytesIO(b"a\nb"), np.zeros((4, 5, 3), np.uint8)]
)
def test_what_holds_no_images_is_one_clear_error(given: Any) -> None:
    words = refused(given)
    assert "cannot be added" in words and "Image.fromarray" in words


def test_names_in_an_array_are_names(write: Write) -> None:
    (picture,) = take(np.array([str(write("a.png"))]), room=1).images
    assert picture.name == "a.png"


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_text_is_not_the_current_folder(given: str, write: Write, here: Path) -> None:
    write("a.png")
    assert "No source was given" in refused(given)
    assert "empty string" in reason([given])
    assert len(take(".", room=1).images) == 1


def test_a_relative_path_that_leads_nowhere_says_what_is_near_and_where_it_was_looked_for(
    here: Path,
) -> None:
    (here / "data" / "props").mkdir(parents=True)
    (here / "pairs.csv").write_text("source,target\n")
    from_there = f"The working directory is …{str(here)[-39:]}."
    assert refused("dat") == f"dat does not exist. Did you mean data? {from_there}"
    assert refused("data/prosp/a.png") == (
        f"data/prosp/a.png does not exist. Did you mean data/props? {from_there}"
    )
    assert refused("data/x") == f"data/x does not exist; data does. Check the path. {from_there}"
    csv = f"pair.csv does not exist. Did you mean pairs.csv? {from_there}"
    assert refused(Path("pair.csv")) == csv
    assert drafts.refused(lines_of, "pair.csv").startswith(csv[:58])
    assert refused("nowhere").startswith("nowhere does not exist. Check the path. The working")
    assert "not an asset id" in refused("asset_abc")
    assert "working directory" not in refused(here / "dat")
    assert "working directory" not in refused("~/no-such-folder-of-mine")
    long = "a" * 90
    (here / long / long).mkdir(parents=True)
    assert refused(f"{long}/{long}/{'b' * 90}").endswith(from_there)
    assert refused(f"{long}/{long[:-1]}c/{'b' * 90}").endswith(from_there)


def test_what_lies_above_the_working_directory_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "secrets"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "secrets" not in refused("../secret")


# -- tables, memory, assets -------------------------------------------------------------------


def test_a_frame_names_files_and_captions(tmp_path: Path, write: Write) -> None:
    write("a.png", "from the file")
    write("b.png", "from the file")
    paths = [str(tmp_path / "a.png"), str(tmp_path / "b.png"), None, "asset_abcdefgh12"]
    captions = ["from the table", None, "x", "an asset"]
    frame = pd.DataFrame({"path": paths, "caption": captions, "split": 1})
    intake = take(frame, room=9)
    assert [(p.name, p.caption, p.asset_id) for p in intake.images] == [
        ("a.png", "from the table", None),
        ("b.png", "from the file", None),
        ("asset_abcdefgh12", "an asset", "asset_abcdefgh12"),
    ]
    assert [f.name for f in intake.fates if f.fate == "refused"] == ["row 3"]
    assert "one column path" in refused(frame[["split"]])


def test_a_csv_file_is_a_table_relative_to_itself(tmp_path: Path, write: Write) -> None:
    write("set/a.png")
    (tmp_path / "set" / "list.csv").write_text("file_name;text\na.png;=1+1\n", "utf-8")
    (picture,) = take(tmp_path / "set" / "list.csv", room=9).images
    assert (picture.name, picture.caption) == ("a.png", "=1+1")


def test_a_mapping_gives_captions(write: Write) -> None:
    (picture,) = take({str(write("a.png", "file")): "given"}, room=1).images
    assert picture.caption == "given"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "HSV", "I;16"])
def test_images_in_memory_are_taken_in_every_mode(mode: str) -> None:
    (picture,) = take(Image.new(mode, (5, 4)), room=1).images
    assert picture.name.endswith(".png")
    assert picture.header is not None
    assert picture.header.format == "png"


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_unknown_range_are_refused_rather_than_blackened(mode: str) -> None:
    assert f"mode {mode} has no fixed range. Scale it" in reason([Image.new(mode, (5, 4), 1)])


def test_a_photograph_in_memory_is_stored_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held sideways: its first row is the right side
    Image.new("RGB", (8, 6)).save(tmp_path / "phone.jpg", exif=exif)
    (picture,) = take(Image.open(tmp_path / "phone.jpg"), room=1).images
    assert picture.name == "phone.png"
    assert picture.header is not None
    assert (picture.header.width, picture.header.height) == (6, 8)


@pytest.mark.parametrize(("mode", "comes"), [("CMYK", False), ("RGB", True)])
def test_the_profile_of_other_colours_does_not_come_along(mode: str, comes: bool) -> None:
    image = Image.new(mode, (5, 4))
    image.info["icc_profile"] = b"of inks"
    (candidate,) = candidates(image)
    assert candidate.read is not None
    assert (b"iCCP" in candidate.read()) == comes


def test_a_closed_image_is_refused(write: Write) -> None:
    image = Image.open(write("a.png"))
    image.close()
    assert "cannot be saved" in reason([image])


def test_an_asset_is_taken_by_its_id_once() -> None:
    intake = take("asset_abcdefgh12", room=1)
    (picture,) = intake.images
    assert picture.asset_id == "asset_abcdefgh12"
    assert picture.content_hash is picture.header is None
    with pytest.raises(ImageError, match="not a file on this computer"):
        picture.read()
    again = take(["asset_abcdefgh12"] * 2, room=0, known={"asset_abcdefgh12": "img_1"})
    assert {f.fate for f in again.fates} == {"already there"}


def test_the_report_counts_and_knows_the_ids(tmp_path: Path, write: Write) -> None:
    write("a.png", colour=(1, 1, 1))
    write("b.png", colour=(1, 1, 1))
    (tmp_path / "c.gif").write_bytes(b"GIF89a")
    report = take(tmp_path, room=9).report(["img_1"])
    assert (report.added, report.skipped, report.refused) == (1, 1, 1)
    assert report.rows[0].image_id == "img_1"
    assert str(report).startswith("1 added, 1 already there, 1 refused.\n")


# -- archives ---------------------------------------------------------------------------------


def png(colour: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(out, "PNG")
    return out.getvalue()


def zipped(path: Path, *files: Any) -> Path:
    archive_path = path / "set.zip"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return archive_path


def test_a_zip_is_read_with_its_captions(tmp_path: Path) -> None:
    path = zipped(
        tmp_path,
        ("in/b10.png", png("red")),
        ("in/b2.png", png()),
        ("in/b2.txt", "two"),
        ("in/.DS_Store", b"x"),
        ("__MACOSX/in/._b2.png", b"x"),
        ("in/notes.pdf", b"%PDF"),
    )
    intake = take(path, room=9)
    assert [(p.name, p.caption) for p in intake.images] == [("b2.png", "two"), ("b10.png", "")]
    assert fates(intake)["notes.pdf"] == "refused"
    assert intake.images[0].read() == png()
    assert list(tmp_path.iterdir()) == [path]  # nothing is unpacked


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link.png")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ([("../evil.png", png())], "outside"),
        ([("a/../../evil.png", png())], "outside"),
        ([("..\\evil.png", png())], "outside"),
        ([("/etc/evil.png", png())], "outside"),
        ([("C:/evil.png", png())], "outside"),
        ([(link(), "/etc/passwd")], "link"),
        ([("bomb.png", bytes(30_000_000))], "unpacks"),
        ([("A.png", png()), ("a.png", png())], "twice"),
        ([(f"{i}.png", b"") for i in range(10_001)], "members"),
        ([("a.txt", b"x")], "no images"),
    ],
)
def test_a_hostile_zip_is_refused_whole(tmp_path: Path, files: Any, word: str) -> None:
    if word != "no images":
        files = [("good.png", png("red")), *files]
    assert word in refused(zipped(tmp_path, *files))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    assert "twice" in refused(zipped(tmp_path, ("a.png", png()), ("a.png", png("red"))))


def encrypted(content: bytearray) -> None:
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1


def with_contents_of_a_gigabyte(content: bytearray) -> None:
    at = content.rindex(b"PK\x05\x06") + 12
    content[at : at + 4] = struct.pack("<I", 1 << 30)


def with_a_million_members(content: bytearray) -> None:
    at = content.rindex(b"PK\x05\x06")
    content[at:at] = b"PK\x06\x07" + bytes(16)


@pytest.mark.parametrize(
    ("spoil", "word", "read"),
    [
        (encrypted, "encrypted", True),
        (with_contents_of_a_gigabyte, "members", False),
        (with_a_million_members, "ZIP64", False),
    ],
)
def test_a_zip_that_is_no_ordinary_one_is_refused_where_possible_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, word: str, read: bool
) -> None:
    path = zipped(tmp_path, ("a.png", png()))
    content = bytearray(path.read_bytes())
    spoil(content)
    path.write_bytes(content)
    if not read:
        monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was read"))
    assert word in refused(path)


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.png", png()), ("b.png", png("red")))
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(content)
    assert fates(take(path, room=9)) == {"a.png": "refused", "b.png": "added"}


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"no archive at all", b"PK\x03\x04" * 9])
def test_what_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set.zip").write_bytes(content)
    assert "zip" in refused(tmp_path / "set.zip")


# -- the rest ---------------------------------------------------------------------------------


def test_numbers_sort_as_numbers() -> None:
    given = ["b", "a10", "a2", "A1", "a02", "9" * 5000, "", "é"]
    assert sorted(given, key=natural_key) == ["", "9" * 5000, "A1", "a02", "a2", "a10", "b", "é"]


def test_a_folder_is_taken_without_loading_anything_heavy(tmp_path: Path, write: Write) -> None:
    write("a.png")
    code = (
        "import sys; from phoenix_nbtrain.dataset.intake import take;"
        "from phoenix_nbtrain.dataset import edits, frames, checks, pairing, caption_edits;"
        "assert len(take(sys.argv[1], room=1).images) == 1;"
        "heavy = {'PIL', 'numpy', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    )
    package = str(Path(phoenix_nbtrain.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        env={**os.environ, "PYTHONPATH": package},
    )
