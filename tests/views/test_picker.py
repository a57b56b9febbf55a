"""The image picker: files of the kernel's computer, with names that stay text."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image
from trainings import StagedTraining, image, images, picture, training_of
from views.panels import alive, everything, quiet, said

from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.widgets.picker.folder_grid import FolderGrid
from phoenix_nbtrain.widgets.picker.folder_panel import FolderPanel
from phoenix_nbtrain.widgets.picker.image_picker import LISTED, ImagePicker

__all__ = ["quiet"]

HOSTILE = "<img src=x onerror=alert(1)>.png"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / HOSTILE).write_bytes(b"")
    (tmp_path / "notes.doc").write_bytes(b"")
    return tmp_path


def opened() -> tuple[StagedTraining, ImagePicker]:
    training = training_of()
    return training, ImagePicker(training)


def browse(picker: ImagePicker) -> object:
    picker._browse.click()
    return picker._chooser


def listed(picker: ImagePicker) -> list[str]:
    return [label for label, _ in picker._chooser._dircontent.options]


def add(picker: ImagePicker, path: object) -> None:
    picker._path.value = str(path)
    picker._add.click()


def names(training: StagedTraining) -> list[str]:
    return [row.name for row in training.state.draft.images]


def test_a_typed_path_is_added_without_waiting_and_each_fate_is_told(folder: Path) -> None:
    (folder / "fox.png").write_bytes(picture("fox"))
    training, picker = opened()
    training.runner.hold = True
    picker._path.set_state({"value": str(folder)})
    picker._add.click()
    picker._add.click()
    assert len(training.runner.held) == 1
    assert picker._add.disabled
    assert "Reading" in picker._report.value
    training.runner.release()
    told = picker._report.value
    assert "1 added, 2 refused." in told
    assert "&lt;img src=x onerror=alert(1)&gt;.png</b> refused: " in told
    assert "fox.png</b> added" in told
    assert "<img" not in told
    assert (picker._path.value, picker._add.disabled) == ("", False)


def test_only_a_single_image_is_added_although_it_was_removed_before(folder: Path) -> None:
    one = folder / "pictures" / "one.PNG"
    one.write_bytes(picture("one"))
    with ZipFile(folder / "all.zip", "w") as archive:
        archive.write(one, "one.PNG")
    training = training_of()
    training.add_images(one)
    training.remove("one.PNG")
    picker = ImagePicker(training)
    for path, there in (("all.zip", []), ("pictures", []), ("pictures/one.PNG", ["one.PNG"])):
        add(picker, folder / path)
        assert names(training) == there


def test_a_failure_is_told_with_its_remedy_and_the_path_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    picker = ImagePicker(training_of())
    picker._path.value = "~/<b>nowhere"
    picker._path._handle_custom_msg({"event": "submit"}, [])
    assert f"{folder.name}/&lt;b&gt;nowhere" in picker._report.value  # ~ is the home folder
    assert "Check the path." in picker._report.value
    assert "<b>nowhere" not in picker._report.value
    assert picker._path.value == "~/<b>nowhere"


def test_add_without_a_path_asks_for_one() -> None:
    training, picker = opened()
    training.runner.hold = True
    picker._add.click()
    assert training.runner.held == []
    assert "first" in picker._report.value


def test_a_long_report_counts_all_and_lists_some(folder: Path) -> None:
    for n in range(500):
        (folder / "pictures" / f"{n}.png").write_bytes(b"")
    picker = ImagePicker(training_of())
    add(picker, folder / "pictures")
    assert "500 refused" in picker._report.value
    assert picker._report.value.count("<li>") == LISTED + 1
    assert "and 300 more" in picker._report.value


def test_the_listing_is_made_when_asked_for_and_leaves_the_state_once_chosen(
    folder: Path,
) -> None:
    picker = ImagePicker(training_of())
    assert "onerror" not in said(picker)
    before = alive()
    chooser = browse(picker)
    assert any(HOSTILE in label for label in listed(picker))
    assert not any("notes.doc" in label for label in listed(picker))
    assert not chooser._select.disabled  # the whole folder can be taken
    chooser._dircontent.value = next(v for v in chooser._dircontent.options if "pictures" in v[1])[
        1
    ]
    chooser._select.click()
    assert picker._path.value == str((folder / "pictures").resolve())
    assert picker._chooser is None
    assert "onerror" not in said(picker)
    assert picker.folder_panel is not None  # to choose from
    assert picker.folder_panel.folder.path == (folder / "pictures").resolve()
    picker._shut()
    assert alive() == before


def test_choosing_a_file_names_it_and_cancelling_names_nothing(folder: Path) -> None:
    picker = ImagePicker(training_of())
    chooser = browse(picker)
    chooser._dircontent.value = HOSTILE
    assert "<img" not in chooser._label.value
    chooser._select.click()
    assert picker._path.value == str(folder.resolve() / HOSTILE)
    chooser = browse(picker)
    chooser._cancel.click()
    assert picker._chooser is None
    assert picker._path.value == str(folder.resolve() / HOSTILE)


def test_browse_again_closes_it(folder: Path) -> None:
    before = alive()
    picker = ImagePicker(training_of())
    open_now = alive()
    browse(picker)
    browse(picker)
    assert (picker._chooser, alive()) == (None, open_now)
    picker.close()
    assert alive() == before


def test_control_characters_in_a_name_are_shown_and_undecodable_names_are_not_sent(
    folder: Path,
) -> None:
    (folder / "a\u202egnp.png").write_bytes(b"")
    bad = os.fsencode(str(folder)) + b"/\x80.png"
    try:
        os.close(os.open(bad, os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes no such name")
    picker = ImagePicker(training_of())
    browse(picker)
    assert "a\\u202egnp.png" in listed(picker)
    assert not any("\udc80" in label or "udc80" in label for label in listed(picker))
    said(picker).encode("utf-8")


def test_a_folder_that_vanishes_is_told(folder: Path) -> None:
    picker = ImagePicker(training_of())
    chooser = browse(picker)
    (folder / "pictures").rmdir()
    chooser._set_form_values(str(folder / "pictures"), "")
    assert "cannot be listed" in picker._report.value
    assert chooser._pathlist.value == str(folder)


def test_two_pickers_share_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = ImagePicker(training_of()), ImagePicker(training_of())
    monkeypatch.chdir(folder / "pictures")
    three = ImagePicker(training_of())
    for picker in (one, two, three):
        browse(picker)
    assert one._chooser.layout is not two._chooser.layout
    assert three._chooser.default_path == str(folder / "pictures")
    one.close()
    assert two._chooser.layout.comm is not None


def test_nothing_is_added_while_it_trains() -> None:
    training, picker = opened()
    training.runs()
    assert picker._add.disabled
    assert picker._browse.disabled


def test_closing_leaves_nothing_open_and_nothing_alive(folder: Path) -> None:
    before = alive()
    training, picker = opened()
    browse(picker)
    picker.close()
    assert alive() == before
    assert training.hears == 0
    gone = weakref.ref(picker)
    del picker
    gc.collect()
    assert gone() is None


def test_an_answer_after_closing_is_let_go(folder: Path) -> None:
    (folder / "fox.png").write_bytes(picture("fox"))
    training, picker = opened()
    training.runner.hold = True
    add(picker, folder / "fox.png")
    picker.close()
    training.runner.release()
    assert names(training) == ["fox.png"]
    assert "added" not in picker._report.value


# -- choosing some of a folder -----------------------------------------------------------------------


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of sixty images, each of its own colour, an image below and two other files."""
    path = tmp_path / "many"
    (path / "below").mkdir(parents=True)
    for n in range(60):
        Image.new("RGB", (8, 6), (n, 99, 7)).save(path / f"img{n}.png")
    Image.new("RGB", (8, 6), (1, 1, 1)).save(path / "below" / "deep.png")
    (path / "bad.png").write_bytes(b"<html>")
    for name in ("a.doc", "b.gif"):
        (path / name).write_bytes(b"")
    return path


def laid_open(picker: ImagePicker, folder: Path) -> FolderPanel:
    picker._path.value = str(folder)
    picker._show.click()
    assert picker.folder_panel is not None
    return picker.folder_panel


def ask(grid: FolderGrid, kind: str, **more: Any) -> dict[str, Any]:
    """Return the reply to a request."""
    replies: list[dict[str, Any]] = []
    grid.send = lambda content, buffers=None: replies.append(content)
    grid._handle_custom_msg({"id": "1", "kind": kind, "table": "images", **more}, [])
    (reply,) = replies
    return reply


def choose(folder_panel: FolderPanel, *names: str) -> list[str]:
    ids = [i for name in names for i, f in folder_panel.folder.files.items() if f.name == name]
    assert ask(folder_panel.grid, "select", ids=ids)["ok"]
    return ids


def test_a_folder_is_laid_open_and_nothing_is_added(many: Path) -> None:
    training = training_of(images(20))
    picker = ImagePicker(training)
    folder_panel = laid_open(picker, many)
    assert len(training.state.draft.images) == 20
    assert "many" in said(folder_panel) and "61 images · 2 other files" in said(folder_panel)
    page = ask(folder_panel.grid, "rows", start=0, stop=5)
    assert [row["name"] for row in page["rows"]] == [
        "bad.png", "img0.png", "img1.png", "img2.png", "img3.png",
    ]  # fmt: skip
    bad, first = page["rows"][:2]
    assert (page["total"], page["revision"]) == (61, training.state.draft.revision)
    assert "web page" in bad["reason"]
    assert (first["width"], first["height"], first["reason"]) == (8, 6, "")
    assert first["caption"] == "8 × 6 · 1 kB"
    assert folder_panel.grid.summary["picking"]
    assert "30 of 50 slots left" in folder_panel.grid.summary["sync"]["message"]


def test_search_and_sort_are_the_kernels(many: Path) -> None:
    (many / "img7.png").write_bytes((many / "img7.png").read_bytes() + bytes(5_000))
    folder_panel = laid_open(ImagePicker(training_of()), many)
    found = ask(folder_panel.grid, "rows", start=0, stop=100, search="IMG1", sort="added")
    assert [row["name"] for row in found["rows"]] == [
        "img1.png",
        *(f"img1{n}.png" for n in range(10)),
    ]
    order = ask(folder_panel.grid, "order", sort="size")["ids"]
    assert folder_panel.folder.files[order[0]].name == "bad.png"
    assert folder_panel.folder.files[order[-1]].name == "img7.png"


def test_exactly_the_chosen_files_are_added_and_their_fates_told(many: Path) -> None:
    training, picker = opened()
    folder_panel = laid_open(picker, many)
    assert folder_panel._add.disabled
    choose(folder_panel, "img3.png", "img40.png")
    assert (folder_panel._add.description, folder_panel._add.disabled) == ("Add 2 images", False)
    assert "48 more fit." in folder_panel._said.value
    training.runner.hold = True
    folder_panel._add.click()
    folder_panel._add.click()
    assert folder_panel._add.disabled and picker._add.disabled and len(training.runner.held) == 1
    training.runner.release()
    assert names(training) == ["img3.png", "img40.png"]
    assert "2 added." in picker._report.value
    assert folder_panel.grid.selected == []
    assert picker.folder_panel is folder_panel
    assert folder_panel._add.disabled


def test_more_than_fit_are_not_added_and_how_many_too_many_is_said(many: Path) -> None:
    training = training_of(images(45))
    folder_panel = laid_open(ImagePicker(training), many)
    choose(folder_panel, *(f"img{n}.png" for n in range(12)))
    assert folder_panel._add.disabled
    assert "12 are selected but only 5 fit: deselect 7." in folder_panel._said.value
    folder_panel._add.click()
    assert len(training.state.draft.images) == 45
    training.change(draft=replace(training.state.draft, images=images(38)))
    assert not folder_panel._add.disabled


def test_a_full_training_says_so(many: Path) -> None:
    folder_panel = laid_open(ImagePicker(training_of(images(50))), many)
    assert folder_panel.grid.summary["sync"]["phase"] == "failed"
    assert "full" in folder_panel.grid.summary["sync"]["message"]


def test_what_is_there_already_or_cannot_be_taken_is_marked_and_not_counted(many: Path) -> None:
    content = (many / "img1.png").read_bytes()
    row = image(1, name="img1.png")
    sent = metadata.strip(content)
    row = replace(
        row, width=8, height=6, bytes=len(sent), content_hash=hashlib.sha256(sent).hexdigest()
    )
    training = training_of([row])
    folder_panel = laid_open(ImagePicker(training), many)
    rows = {r["name"]: r for r in ask(folder_panel.grid, "rows", start=0, stop=4)["rows"]}
    assert [b["text"] for b in rows["img1.png"]["badges"]] == ["in the training"]
    assert rows["img2.png"]["badges"] == []
    choose(folder_panel, "img1.png", "img2.png", "bad.png")
    assert folder_panel._add.description == "Add 1 image"
    assert "2 of the selected are already there, or cannot be added." in folder_panel._said.value
    before = folder_panel.grid.summary["version"]
    training.change(draft=replace(training.state.draft, images=()))
    assert folder_panel.grid.summary["version"] > before  # so the page asks again
    rows = {r["name"]: r for r in ask(folder_panel.grid, "rows", start=0, stop=4)["rows"]}
    assert rows["img1.png"]["badges"] == []


def test_the_folders_within_are_looked_into_when_asked_for(many: Path) -> None:
    _training, picker = opened()
    folder_panel = laid_open(picker, many)
    deeper = next(
        w for w in everything(folder_panel) if getattr(w, "description", "").startswith("Include")
    )
    deeper.click()
    assert picker.folder_panel is not folder_panel
    assert "62 images" in said(picker.folder_panel)
    assert "below/deep.png" in [f.inside for f in picker.folder_panel.folder.files.values()]


def test_thumbnails_and_cancels_reach_the_folder(many: Path) -> None:
    folder_panel = laid_open(ImagePicker(training_of()), many)
    good, bad = choose(folder_panel, "img3.png", "bad.png")
    reply = ask(folder_panel.grid, "thumbnails", ids=[good, bad], px=64)
    assert reply["thumbnails"][0]["mime"] == "image/jpeg"
    assert "web page" in reply["thumbnails"][1]["error"]
    assert ask(folder_panel.grid, "cancel", of="1")["ok"]
    row = ask(folder_panel.grid, "rows", ids=[good])["rows"][0]
    assert row["colour"] == "#036307"


def test_nothing_can_be_edited_in_it(many: Path) -> None:
    folder_panel = laid_open(ImagePicker(training_of()), many)
    for kind in ("edit", "undo", "redo"):
        assert not ask(folder_panel.grid, kind, ops=[], base=0)["ok"]


def test_hostile_names_of_files_stay_text(many: Path) -> None:
    (many / HOSTILE).write_bytes((many / "img1.png").read_bytes())
    other = many.parent / "<b onclick=x>"
    many.rename(other)
    picker = ImagePicker(training_of())
    folder_panel = laid_open(picker, other)
    assert "<b onclick" not in folder_panel.children[0].children[0].value
    assert "&lt;b onclick=x&gt;" in folder_panel.children[0].children[0].value
    (row,) = ask(folder_panel.grid, "rows", start=0, stop=5, search="onerror")["rows"]
    assert row["name"] == HOSTILE


def test_an_undecodable_name_is_shown_and_says_why_it_cannot_be_taken(many: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(many) + b"/\x80.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes no such name")
    folder_panel = laid_open(ImagePicker(training_of()), many)
    rows = ask(folder_panel.grid, "rows", start=0, stop=100)["rows"]
    bad = next(row for row in rows if row["name"] == "?.png")
    assert "half a character" in bad["reason"]
    json.dumps(rows).encode("utf-8")


def test_a_file_or_a_missing_folder_is_told(many: Path) -> None:
    picker = ImagePicker(training_of())
    for path, words in (
        (many / "img1.png", "is not a folder"),
        (many / "nowhere", "does not exist"),
    ):
        picker._path.value = str(path)
        picker._show.click()
        assert words in picker._report.value
        assert picker.folder_panel is None
    picker._path.value = ""
    picker._show.click()
    assert "Enter a folder" in picker._report.value


def test_a_folder_without_images_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "only" / "folders").mkdir(parents=True)
    picker = ImagePicker(training_of())
    folder_panel = laid_open(picker, tmp_path / "only")
    assert "0 images · 1 folder" in said(folder_panel)
    assert folder_panel.grid.layout.display == "none"


def test_a_folder_that_is_listed_too_late_is_not_laid_open(many: Path) -> None:
    training, picker = opened()
    training.runner.hold = True
    picker._path.value = str(many)
    picker._show.click()
    assert "Looking into" in picker._report.value
    picker._browse.click()
    training.runner.release()
    assert picker.folder_panel is None
    assert picker._chooser is not None


def test_closing_frees_what_was_laid_open(many: Path) -> None:
    before = alive()
    training, picker = opened()
    open_now = alive()
    folder_panel = laid_open(picker, many)
    next(w for w in everything(folder_panel) if getattr(w, "description", "") == "Close").click()
    assert picker.folder_panel is None
    assert alive() == open_now
    laid_open(picker, many)
    picker.close()
    assert alive() == before
    assert training.hears == 0
    gone = weakref.ref(picker)
    del picker, folder_panel
    gc.collect()
    assert gone() is None
