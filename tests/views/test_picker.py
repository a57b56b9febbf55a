"""The image picker: files of the kernel's computer, with names that stay text."""

from __future__ import annotations

import gc
import os
import weakref
from pathlib import Path

import pytest
from views.buying import Buying, alive, quiet, said

from phoenix_nbtrain.dataset.report import FileFate
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.training.adding import AddReport
from phoenix_nbtrain.widgets.picker import LISTED, ImagePicker

__all__ = ["quiet"]

HOSTILE = "<img src=x onerror=alert(1)>.png"


def report(*fates: tuple[str, str, str]) -> AddReport:
    return AddReport(rows=tuple(FileFate(name=n, fate=f, reason=r) for n, f, r in fates))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / HOSTILE).write_bytes(b"")
    (tmp_path / "notes.doc").write_bytes(b"")
    return tmp_path


def browse(picker: ImagePicker) -> object:
    picker._browse.click()
    return picker._chooser


def listed(picker: ImagePicker) -> list[str]:
    return [label for label, _ in picker._chooser._dircontent.options]


def test_a_typed_path_is_added_without_waiting_and_each_fate_is_told(folder: Path) -> None:
    training = Buying()
    picker = ImagePicker(training)
    picker._path.set_state({"value": str(folder)})
    picker._add.click()
    picker._add.click()
    assert training.calls == [("add", str(folder))]
    assert picker._add.disabled
    assert "Reading" in picker._report.value
    training.adding.set_result(
        report((HOSTILE, "refused", "is no picture"), ("fox.png", "added", ""))
    )
    told = picker._report.value
    assert "1 added, 1 refused." in told
    assert "&lt;img src=x onerror=alert(1)&gt;.png</b> refused: is no picture" in told
    assert "fox.png</b> added" in told
    assert "<img" not in told
    assert (picker._path.value, picker._add.disabled) == ("", False)


def test_a_failure_is_told_with_its_remedy_and_the_path_stays() -> None:
    training = Buying()
    picker = ImagePicker(training)
    picker._path.value = "~/nowhere"
    picker._path._handle_custom_msg({"event": "submit"}, [])
    assert training.calls == [("add", str(Path("~/nowhere").expanduser()))]
    training.adding.set_exception(InputError("There is no <b>.", remedy="Name another."))
    assert "There is no &lt;b&gt;. Name another." in picker._report.value
    assert picker._path.value == "~/nowhere"


def test_add_without_a_path_asks_for_one() -> None:
    training = Buying()
    picker = ImagePicker(training)
    picker._add.click()
    assert training.calls == []
    assert "first" in picker._report.value


def test_a_long_report_counts_all_and_lists_some() -> None:
    training = Buying()
    picker = ImagePicker(training)
    picker._path.value = "x"
    picker._add.click()
    training.adding.set_result(report(*[(f"{n}.txt", "refused", "no") for n in range(500)]))
    assert "500 refused" in picker._report.value
    assert picker._report.value.count("<li>") == LISTED + 1
    assert "and 300 more" in picker._report.value


def test_the_listing_is_made_when_asked_for_and_leaves_the_state_once_chosen(
    folder: Path,
) -> None:
    picker = ImagePicker(Buying())
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
    assert alive() == before
    assert "onerror" not in said(picker)


def test_choosing_a_file_names_it_and_cancelling_names_nothing(folder: Path) -> None:
    picker = ImagePicker(Buying())
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
    picker = ImagePicker(Buying())
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
    picker = ImagePicker(Buying())
    browse(picker)
    assert "a\\u202egnp.png" in listed(picker)
    assert not any("\udc80" in label or "udc80" in label for label in listed(picker))
    said(picker).encode("utf-8")


def test_a_folder_that_vanishes_is_told(folder: Path) -> None:
    picker = ImagePicker(Buying())
    chooser = browse(picker)
    (folder / "pictures").rmdir()
    chooser._set_form_values(str(folder / "pictures"), "")
    assert "cannot be listed" in picker._report.value
    assert chooser._pathlist.value == str(folder)


def test_two_pickers_share_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = ImagePicker(Buying()), ImagePicker(Buying())
    monkeypatch.chdir(folder / "pictures")
    three = ImagePicker(Buying())
    for picker in (one, two, three):
        browse(picker)
    assert one._chooser.layout is not two._chooser.layout
    assert three._chooser.default_path == str(folder / "pictures")
    one.close()
    assert two._chooser.layout.comm is not None


def test_nothing_is_added_while_it_trains() -> None:
    training = Buying()
    picker = ImagePicker(training)
    training.runs()
    assert picker._add.disabled
    assert picker._browse.disabled


def test_closing_leaves_nothing_open_and_nothing_alive(folder: Path) -> None:
    before = alive()
    training = Buying()
    picker = ImagePicker(training)
    browse(picker)
    picker.close()
    assert alive() == before
    assert training.subscribers == []
    gone = weakref.ref(picker)
    del picker
    gc.collect()
    assert gone() is None


def test_an_answer_after_closing_is_let_go() -> None:
    training = Buying()
    picker = ImagePicker(training)
    picker._path.value = "x"
    picker._add.click()
    picker.close()
    training.adding.set_result(report(("a", "added", "")))
    assert "added" not in picker._report.value
