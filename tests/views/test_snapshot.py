"""The snapshot without a browser: what is put out, when, and what it says."""

from __future__ import annotations

import gc
import io
import re
import weakref
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from trainings import EDIT, STYLE, StagedTraining, have, image, images, pair, training_of
from views.notebook import Elements, Notebook, open_notebook

import phoenix_nbtrain as nbt
from phoenix_nbtrain.dataset.frames import images_frame, pairs_frame
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state import (
    EpochSamples,
    Run,
    SyncState,
    Thumbnail,
)
from phoenix_nbtrain.text import shown
from phoenix_nbtrain.widgets.form import ConfigForm
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.launch import LaunchPanel
from phoenix_nbtrain.widgets.pairs import PairTable
from phoenix_nbtrain.widgets.picker.image_picker import ImagePicker
from phoenix_nbtrain.widgets.progress import ProgressPanel
from phoenix_nbtrain.widgets.snapshot import markup, snapshot
from phoenix_nbtrain.widgets.snapshot.snapshot import BYTES_MAX, FIRST_SECONDS
from phoenix_nbtrain.widgets.studio import Studio

SETTLE = FIRST_SECONDS + 1
"""Time in which every change that is due has come."""
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "<script>top.__pwn=1</script>",
    "<select><iframe></select><img src=x: onerror=alert(1)>",
    "<button data-commandlinker-command=x>",
    "[x](javascript:alert(1))",
    "fox\u202egnp.exe",
    "cafe\u0301.png",
    "half \udc80 a letter",
    "</style></td></table></div><b onclick=alert(1)>",
    '" onload="alert(1)" x="',
    "$\\href{javascript:alert(1)}{x}$ and \\(y\\)",
    "<!-- --><![CDATA[ &lt;b&gt; &#60;i&#62;",
    "\0\x1b[31m\r\n\u2028",
    "👨‍👩‍👧 — naïve",
    "x" * 70_000,
)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which a snapshot failed: that goes to the log only."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelname == "ERROR"] == []


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    yield
    nbt.options.snapshots = None


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return open_notebook(monkeypatch)


@pytest.fixture
def without_page(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    return open_notebook(monkeypatch, page=False)


def images_in(html: str) -> int:
    return html.count("<img src=")


def displayed(page: Notebook) -> StagedTraining:
    """Return a training of which a grid has been on the page for a while."""
    training = training_of(images(3))
    page.run("a", ImageGrid(training))
    training.runner.advance(SETTLE)
    return training


def caption(n: int, text: str) -> dict[str, Any]:
    return {
        "op": "set",
        "table": "images",
        "row": f"img_{n}",
        "column": "caption",
        "value": text,
    }


def unreachable() -> None:
    raise nbt.ServiceUnreachable("Reset.", sent=True)


@cache
def noise(px: int) -> bytes:
    """Return a photograph that no codec makes small."""
    rng = np.random.default_rng(px)
    out = io.BytesIO()
    pixels = rng.integers(0, 256, (px, px, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", quality=85, subsampling=1)
    return out.getvalue()


# -- how it is put out -------------------------------------------------------------------------------


def test_a_view_is_put_out_with_its_snapshot_below_it(page: Notebook) -> None:
    grid = ImageGrid(training_of(images(3)))
    page.run("a", grid)
    view, below = page.outputs["a"]
    assert view.data["application/vnd.jupyter.widget-view+json"]["model_id"] == grid.model_id
    # It is never renewed, so it says nothing that may change.
    assert view.data["text/plain"] == "ImageGrid: animal stickers"
    assert view.display_id == "" and below.display_id == grid.snapshot_class
    assert set(below.data) == {"text/html", "text/plain"}
    assert below.data["text/plain"].startswith("animal stickers · as of ")
    assert "Images: 3 images" in below.data["text/plain"]
    assert f'class="nbt-snapshot {grid.snapshot_class}' in below.html


def test_a_page_gets_words_first_and_the_images_when_the_view_has_drawn_its_own(
    page: Notebook,
) -> None:
    training = training_of(images(3))
    grid = ImageGrid(training)
    heard: list[Any] = []
    grid.send = lambda content, buffers=None: heard.append(content)
    page.run("a", grid)
    (first,) = page.snapshots("a")
    assert "nbt-young" in first and "number 2" in first and images_in(first) == 0
    assert training.small.asked == [] and heard == []
    training.runner.advance(FIRST_SECONDS)
    (second,) = page.snapshots("a")
    assert "nbt-young" not in second.partition("</style>")[0].partition("<style>")[0]
    assert images_in(second) == 3
    # Said from the kernel's side: a cell that goes on may keep it from answering.
    assert heard == [{"alive": True}]


def test_without_a_page_the_images_are_there_before_the_cell_ends(without_page: Notebook) -> None:
    without_page.run("a", ImageGrid(training_of(images(3))))
    (html,) = without_page.snapshots("a")
    assert images_in(html) == 3
    assert len(without_page.updates) == 1


def test_images_that_are_late_come_with_the_end_of_a_later_cell(
    without_page: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "CELL_SECONDS", 0.01)
    training = training_of(images(3))
    training.runner.hold = True
    without_page.run("a", ImageGrid(training))
    (html,) = without_page.snapshots("a")
    assert "number 2" in html and images_in(html) == 0
    training.runner.release()
    training.runner.hold = False
    without_page.run("b")
    assert images_in(without_page.snapshots("a")[0]) == 3


def test_without_a_page_the_end_of_each_cell_renews_what_has_changed(
    without_page: Notebook,
) -> None:
    training = training_of(images(3))
    without_page.run("a", ImageGrid(training))
    without_page.run("b", before=lambda: training.edit([caption(1, "a fox")]))
    assert (
        "a fox" in without_page.snapshots("a")[0] and images_in(without_page.snapshots("a")[0]) == 3
    )
    renewed = len(without_page.updates)
    without_page.run("c")
    assert len(without_page.updates) == renewed


def ended_run(training: StagedTraining, samples: tuple[str, ...] = ()) -> None:
    """End a run whose last reading was in the middle."""
    for sample in samples:
        have(training.service, sample, noise(32))
    run = Run(run_id="run_1", status="trained", seconds=7.0, epoch=8, epochs=8)
    drawn = (EpochSamples(epoch=8, asset_ids=samples),) if samples else ()
    model = replace(training.state.model, status="trained")
    training.change(run=replace(run, samples=drawn), model=model)


def in_the_middle(training: StagedTraining) -> None:
    training.runner.advance(0)  # the panel has looked for a run by itself
    model = replace(training.state.model, status="training")
    run = Run(run_id="run_1", status="training", stage="training", epoch=5, epochs=8)
    training.change(run=replace(run, remaining_seconds=0.1), model=model)


def test_a_cell_of_a_page_never_waits_for_a_snapshot(page: Notebook) -> None:
    training = displayed(page)
    training.edit([caption(1, "a fox")])
    training.runner.hold = True
    page.run("b")
    (html,) = page.snapshots("a")
    assert "a fox" in html and images_in(html) == 3
    assert "1 not on the service yet" in page.outputs["a"][1].data["text/plain"]


@pytest.mark.parametrize("paged", [True, False])
def test_the_last_state_is_there_when_its_cell_ends(
    monkeypatch: pytest.MonkeyPatch, paged: bool
) -> None:
    monkeypatch.setattr(snapshot, "CELL_SECONDS", 0.01)
    notebook = open_notebook(monkeypatch, page=paged)
    training = training_of(images(3))
    notebook.run("a", ProgressPanel(training), before=lambda: in_the_middle(training))
    assert "epoch 5 of 8 · last seen" in notebook.snapshots("a")[0]
    training.runner.hold = True  # the samples are late
    notebook.run("b", before=lambda: ended_run(training, ("asset_s",)))
    below = notebook.outputs["a"][1]
    assert "trained in 7 s" in below.html and "trained in 7 s" in below.data["text/plain"]
    assert "epoch 5" not in below.html + "".join(
        o.data["text/plain"] for o in notebook.outputs["a"]
    )
    training.runner.hold = False
    training.runner.release()
    training.runner.advance(SETTLE)
    notebook.run("c")
    assert images_in(notebook.snapshots("a")[0]) == 1


def test_what_came_between_cells_and_nobody_took_is_put_out_again(without_page: Notebook) -> None:
    training = training_of(images(3))

    def cell() -> None:
        without_page.deaf = True
        ended_run(training)
        training.runner.advance(SETTLE)
        without_page.deaf = False

    without_page.run("a", ProgressPanel(training), before=lambda: in_the_middle(training))
    without_page.run("b", before=cell)
    assert "trained in 7 s" in without_page.snapshots("a")[0]


def test_where_there_is_no_kernel_the_view_is_put_out_alone(
    page: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phoenix_nbtrain.widgets.snapshot.notebook_cell.request", lambda: None)
    page.run("a", ImageGrid(training_of(images(3))))
    assert len(page.outputs["a"]) == 1


def test_a_snapshot_that_fails_leaves_the_view_displayed_once(
    page: Notebook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    grid = ImageGrid(training_of(images(3)))
    monkeypatch.setattr(ImageGrid, "snapshot", lambda self, state: 1 / 0)
    monkeypatch.setattr(ImageGrid, "__repr__", object.__repr__)
    page.run("a", grid)
    assert len(page.outputs["a"]) == 1
    assert "static snapshot" in caplog.text
    caplog.clear()


# -- when it is renewed ------------------------------------------------------------------------------


def test_it_is_renewed_after_a_save_and_not_with_each_keystroke(page: Notebook) -> None:
    training = displayed(page)
    before = len(page.updates)
    for n in range(30):
        training.edit([caption(1, "a fox"[: 1 + n % 5])])
        training.runner.advance(0.5)
    assert len(page.updates) == before
    training.edit([caption(1, "a red fox")])
    while_sending: list[int] = []
    training.service.before["update_asset"] = lambda: while_sending.append(len(page.updates))
    training.runner.advance(SETTLE)
    assert while_sending == [before]
    assert len(page.updates) == before + 1
    assert "a red fox" in page.snapshots("a")[0]


def test_what_cannot_be_saved_now_is_in_the_snapshot_all_the_same(page: Notebook) -> None:
    training = displayed(page)
    training.service.before["update_asset"] = unreachable
    training.edit([caption(1, "a fox")])
    training.runner.advance(SETTLE)
    assert "a fox" in page.snapshots("a")[0]
    assert "1 not on the service yet" in page.snapshots("a")[0]


def test_each_save_renews_it_once_and_the_last_change_always_comes(page: Notebook) -> None:
    training = displayed(page)
    before, saves = len(page.updates), 12
    for n in range(saves):
        for words in ("a", "a f", f"a fox, {n}"):
            training.edit([caption(1, words)])
        training.sync()
        assert f"a fox, {n}" in page.snapshots("a")[0]
    assert len(page.updates) == before + saves
    training.runner.advance(100 * SETTLE)
    assert len(page.updates) == before + saves


def test_images_that_are_late_are_not_asked_for_with_each_change(page: Notebook) -> None:
    training = training_of(images(3))
    page.run("a", ImageGrid(training))
    training.runner.hold = True
    training.runner.advance(SETTLE)
    for done in range(20):
        training.change(sync=SyncState(phase="failed", message=f"try {done}"))
    assert len(training.small.asked) == 3
    training.runner.hold = False
    training.runner.release()
    assert images_in(page.snapshots("a")[0]) == 3


def test_images_come_though_words_of_a_later_cell_were_faster(page: Notebook) -> None:
    training = training_of(images(3))
    page.run("a", ImageGrid(training))
    training.runner.hold = True
    training.runner.advance(SETTLE)
    held, training.runner.held, training.runner.hold = training.runner.held, [], False
    training.change(sync=SyncState(phase="sending"))
    page.run("b", before=lambda: training.edit([caption(1, "a fox")]))
    assert "a fox" in page.snapshots("a")[0] and images_in(page.snapshots("a")[0]) == 0
    training.runner.held = held
    training.runner.release()
    assert "a fox" in page.snapshots("a")[0] and images_in(page.snapshots("a")[0]) == 3


def test_what_looks_the_same_is_not_put_out_again(page: Notebook) -> None:
    training = displayed(page)
    before = len(page.updates)
    training.change(draft=replace(training.state.draft, revision=9))
    training.price()
    training.runner.advance(SETTLE)
    assert len(page.updates) == before


def test_it_follows_a_run_at_its_beginning_and_its_end_only(page: Notebook) -> None:
    training = training_of(images(3))
    page.run("a", ProgressPanel(training))
    training.runner.advance(SETTLE)
    run = Run(run_id="run_1", status="training", stage="training", progress=0.0)
    training.change(run=run, model=replace(training.state.model, status="training"))
    training.runner.advance(SETTLE)
    before = len(page.updates)
    for n in range(60):
        training.change(run=replace(run, progress=n / 60, epoch=n))
        training.runner.advance(1)
    assert len(page.updates) == before
    have(training.service, "asset_s", noise(32))
    ended = replace(
        run,
        status="trained",
        seconds=7.0,
        losses=((1, 0.05), (80, 0.02)),
        samples=(EpochSamples(epoch=8, asset_ids=("asset_s",)),),
    )
    training.change(run=ended, model=replace(training.state.model, status="trained"))
    training.runner.advance(SETTLE)
    (html,) = page.snapshots("a")
    assert "trained in 7 s" in html and "0.0500 → 0.0200 in 80 steps" in html
    assert images_in(html) == 1
    assert "colours and textures only" in html


def test_an_older_snapshot_that_comes_late_does_not_replace_a_newer_one(page: Notebook) -> None:
    training = training_of(images(3))
    page.run("a", ImageGrid(training))
    training.runner.hold = True
    training.runner.advance(FIRST_SECONDS)
    older, training.runner.held = training.runner.held, []
    training.runner.hold = False
    training.edit([caption(1, "a fox")])
    training.sync()
    training.runner.advance(SETTLE)
    assert "a fox" in page.snapshots("a")[0]
    before = len(page.updates)
    training.runner.held = older
    training.runner.release()
    assert len(page.updates) == before and "a fox" in page.snapshots("a")[0]


def test_a_cell_that_is_run_again_has_one_snapshot_and_the_old_one_rests(page: Notebook) -> None:
    training = training_of(images(3))
    old, new = ImageGrid(training), ImageGrid(training)
    page.run("a", old)
    training.runner.advance(SETTLE)
    page.run("a", new)
    training.runner.advance(SETTLE)
    assert len(page.snapshots("a")) == 1
    page.updates.clear()
    training.edit([caption(1, "a fox")])
    training.sync()
    training.runner.advance(SETTLE)
    assert [output.display_id for output in page.updates] == [new.snapshot_class]
    page.run("a", old)  # an old view is displayed again
    training.runner.advance(SETTLE)
    assert "a fox" in page.snapshots("a")[0]


def test_two_views_of_one_cell_and_one_view_in_two_cells_are_all_renewed(page: Notebook) -> None:
    training = training_of(images(3))
    one, two = ImageGrid(training), ImageGrid(training)

    def all_follow(words: str) -> None:
        training.runner.advance(SETTLE)
        training.edit([caption(1, words)])
        training.sync()
        training.runner.advance(SETTLE)
        snapshots = [*page.snapshots("a"), *page.snapshots("b")]
        assert all(words in html for html in snapshots)

    page.run("a", one, two)
    page.run("b")
    all_follow("a fox")
    page.run("b", one)
    all_follow("a dog")
    page.run("b", two)  # one of the two places of `one` is gone
    all_follow("a cat")
    assert len(page.snapshots("a")) == 2 and len(page.snapshots("b")) == 1


def test_a_closed_view_leaves_its_snapshot_as_it_is_and_is_let_go(page: Notebook) -> None:
    training = training_of(images(3))
    grid = ImageGrid(training)
    page.run("a", grid)
    grid.close()
    training.edit([caption(1, "a fox")])
    training.sync()
    training.runner.advance(SETTLE)
    assert page.updates == [] and training.hears == 0
    assert snapshot._displayed == {}
    gone = weakref.ref(grid)
    del grid
    gc.collect()
    assert gone() is None


# -- options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "local", "snapshots", "pictures"),
    [
        (None, True, 1, 3),
        (None, False, 1, 0),
        ("full", False, 1, 3),
        ("text", True, 1, 0),
        ("off", True, 0, 0),
    ],
)
def test_what_is_kept_in_a_notebook_is_for_the_person_to_say(
    without_page: Notebook, chosen: Any, local: bool, snapshots: int, pictures: int
) -> None:
    nbt.options.snapshots = chosen
    training = training_of(images(3), is_local=local)
    without_page.run("a", ImageGrid(training))
    kept = without_page.snapshots("a")
    assert len(kept) == snapshots
    assert sum(map(images_in, kept)) == pictures
    assert all("number 2" in html and "picture-2.png" in html for html in kept)


def test_a_changed_option_holds_from_the_next_snapshot_on(page: Notebook) -> None:
    training = displayed(page)
    assert images_in(page.snapshots("a")[0]) == 3
    nbt.options.snapshots = "text"
    training.edit([caption(1, "a fox")])
    training.sync()
    training.runner.advance(SETTLE)
    assert images_in(page.snapshots("a")[0]) == 0 and "a fox" in page.snapshots("a")[0]
    nbt.options.snapshots = "off"
    before = len(page.updates)
    training.edit([caption(1, "a dog")])
    training.sync()
    training.runner.advance(SETTLE)
    assert len(page.updates) == before


@pytest.mark.parametrize("value", ["all", "Full", True, 1, "", ["full"], b"full"])
def test_an_option_says_what_it_takes(value: Any) -> None:
    with pytest.raises(InputError, match=r"full.*text.*off"):
        nbt.options.snapshots = value
    assert nbt.options.snapshots is None


def test_there_is_no_other_option() -> None:
    with pytest.raises(InputError, match="Did you mean snapshots"):
        nbt.options.snapshot = "full"  # type: ignore[attr-defined]  # the mistake is meant
    assert repr(nbt.options) == "<options: snapshots=None>"


# -- what it says ------------------------------------------------------------------------------------


def rows_of(draw: st.DrawFn) -> tuple[tuple[ImageRow, ...], tuple[PairRow, ...]]:
    count = draw(st.integers(0, 60))
    flags = st.tuples(
        st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", "too large"])
    )
    rows = tuple(
        image(n, "a caption" if captioned else "", saved=saved, sending=sending, refusal=refusal)
        for n, (captioned, saved, sending, refusal) in enumerate(
            draw(st.lists(flags, min_size=count, max_size=count))
        )
    )
    both = st.tuples(
        st.integers(0, 70), st.integers(0, 70), st.sampled_from(["", "do it"]), st.booleans()
    )
    pairs = tuple(
        replace(pair(n, source, target, words), refusal="no such image" if refused else "")
        for n, (source, target, words, refused) in enumerate(draw(st.lists(both, max_size=40)))
    )
    return rows, pairs


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    rows, pairs = rows_of(draw)
    served = tuple(p.triple for p in pairs if draw(st.booleans()))
    return Draft(revision=1, images=rows, pairs=pairs, served_pairs=served)


def said(words: str, what: str) -> int:
    """Return the number that stands before ``what``."""
    found = re.search(rf"(?:^| · )([\d,]+) {what}(?: · |$)", words)
    return int(found[1].replace(",", "")) if found else 0


@settings(max_examples=150)
@given(drafts())
def test_its_numbers_are_those_of_the_frames(draft: Draft) -> None:
    images_, pairs_ = images_frame(draft), pairs_frame(draft)
    sheet, table = markup.images(draft), markup.pairs(draft)
    assert said(sheet.words, "images?") == len(images_)
    assert said(sheet.words, "without a caption") == (images_["caption"] == "").sum()
    assert said(sheet.words, "refused") == (images_["state"] == "refused").sum()
    waiting = images_["state"].isin(["kept", "sending"]).sum()
    assert said(sheet.words, "not on the service yet") == waiting
    assert said(table.words, "pairs?") == len(pairs_)
    assert said(table.words, "without an instruction") == (pairs_["instruction"] == "").sum()
    assert said(table.words, "refused") == (pairs_["state"] == "refused").sum()
    waiting = pairs_["state"].isin(["kept", "sending"]).sum()
    assert said(table.words, "not on the service yet") == waiting
    tiles = Elements(sheet.body(None))
    assert sum(tag == "td" for tag, _ in tiles.elements) == min(len(images_), 24)
    more = max(0, len(images_) - 24)
    assert (f"and {more} more image" in tiles.text) == (more > 0)
    lines = Elements(table.body(None))
    assert sum(tag == "tr" for tag, _ in lines.elements) == (min(len(pairs_), 20) + 1) * bool(
        len(pairs_)
    )


def test_a_contact_sheet_and_pairs_say_what_is_missing(without_page: Notebook) -> None:
    rows = [
        image(1, "a fox"),
        replace(image(2, ""), automatic_caption="some dog"),
        image(3, ""),
        replace(image(4, "a cat"), refusal="It is too large."),
    ]
    pairs = [pair(1, 1, 2), pair(2, 3, 9), pair(3, 1, 4, ""), replace(pair(4, 1, 1), source="")]
    training = training_of(rows, pairs, type=EDIT)
    without_page.run("a", ImageGrid(training), PairTable(training))
    grid, table = (Elements(html).text for html in without_page.snapshots("a"))
    assert "4 images · 2 without a caption · 1 refused" in grid
    for words in ("a fox", "some dog", "no caption", "refused"):
        assert words in grid
    for words in ("no longer in the dataset", "not chosen yet", "no instruction", "colour it"):
        assert words in table


def test_an_image_that_cannot_be_made_is_said_to_be_missing(without_page: Notebook) -> None:
    training = training_of(images(3))
    del training.service.contents["asset_1"]
    without_page.run("a", ImageGrid(training))
    (html,) = without_page.snapshots("a")
    assert images_in(html) == 2 and html.count("no image") == 1


def test_every_view_says_something(without_page: Notebook) -> None:
    training = training_of(images(3), [pair(1, 0, 1)], type=EDIT)
    training.price()
    wanted = {
        ImageGrid: ["Images", "3 images"],
        PairTable: ["Pairs", "1 pair"],
        ConfigForm: ["Settings", "1 pair × 20 repeats", "Rank", "64 · default"],
        LaunchPanel: ["Cost", "1,296 simulated CU"],
        ProgressPanel: ["Training", "not started"],
        ImagePicker: ["Images", "3 images"],
    }
    wanted[Studio] = [w for view, words in wanted.items() if view is not ImagePicker for w in words]
    for view, words in wanted.items():
        shown_ = view(training)
        without_page.run("a", shown_)
        (html,) = without_page.snapshots("a")
        text = Elements(html).text
        for word in ("animal stickers", "Local Phoenix · nothing is charged", "as of ", *words):
            assert word in text, (view, word)
        assert repr(shown_).startswith(f"{view.__name__}: animal stickers · ")
        shown_.close()


@pytest.mark.parametrize("view", [ImageGrid, PairTable, Studio])
def test_it_stays_small_whatever_is_in_it(without_page: Notebook, view: Any) -> None:
    rows = [image(n, '"' * 5000, name='"' * 300) for n in range(50)]
    pairs = [pair(n, n, 49 - n, '"' * 5000) for n in range(50)]
    training = training_of(rows, pairs, type=EDIT, name='"' * 64)
    training.small.small = lambda _, px: Thumbnail(mime="image/jpeg", content=noise(px))
    training.edit(
        [
            {
                "op": "set",
                "table": "config",
                "row": "sample_prompts",
                "column": "value",
                "value": ['"' * 9000] * 4,
            }
        ]
    )
    without_page.run("a", view(training))
    (html,) = without_page.snapshots("a")
    assert len(html.encode()) <= BYTES_MAX
    wanted = {ImageGrid: 24, PairTable: 40, Studio: 64}[view]
    assert images_in(html) == wanted
    # Not much smaller than it must be.
    assert len(html.encode()) >= BYTES_MAX / 3


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_names_captions_and_instructions_stay_text(without_page: Notebook, words: str) -> None:
    rows = [image(1, words, name=words), image(2, words, name="b.png")]
    training = training_of(rows, [pair(1, 1, 2, words)], type=EDIT, name=words[:64])
    training.change(
        run=Run(run_id="run_1", status="trained", samples=(EpochSamples(epoch=1, asset_ids=()),))
    )
    without_page.run("a", Studio(training))
    (html,) = without_page.snapshots("a")
    assert_only_ours(html)
    one_line = " ".join(words.split())
    text = Elements(html).text
    assert text.count(shown(one_line, 240)) >= 3 and shown(one_line, 60) in text
    html.encode("utf-8")


@settings(max_examples=200)
@given(st.lists(st.text(alphabet=st.characters(codec=None), max_size=30), min_size=3, max_size=3))
def test_any_text_stays_text(words: list[str]) -> None:
    name, said_, more = words
    draft = Draft(
        images=(image(1, said_, name=name), replace(image(2, ""), automatic_caption=more)),
        pairs=(pair(1, 1, 2, more),),
    )
    training = training_of(draft.images, draft.pairs, type=EDIT, name=name)
    parts = [markup.images(draft), markup.pairs(draft), markup.facts(name, said_, [(more, name)])]
    made = {row.image_id: Thumbnail(mime="image/jpeg", content=b"x") for row in draft.images}
    html = markup.as_html(training, parts, made, as_of="now", classes="nbt-snapshot-0")
    assert_only_ours(html)
    text = Elements(html).text
    for word in words:
        assert any(shown(" ".join(word.split()), most) in text for most in (60, 64, 240))


OURS = {
    "div": {"class", "align"},
    "style": set(),
    "p": set(),
    "b": set(),
    "i": set(),
    "br": set(),
    "small": set(),
    "span": set(),
    "table": {"class"},
    "tbody": set(),
    "tr": set(),
    "th": {"colspan"},
    "td": {"valign", "width"},
    "img": {"src", "width", "height", "alt"},
}


def assert_only_ours(html: str) -> None:
    """No element, attribute, address or formula is there but those that the snapshot is made of."""
    parsed = Elements(html)
    for tag, attributes in parsed.elements:
        assert tag in OURS and set(attributes) <= OURS[tag], (tag, attributes)
        for name in ("class", "align", "valign", "width", "height", "colspan"):
            assert re.fullmatch(r"[\w% -]*", attributes.get(name) or ""), (tag, attributes)
        source = attributes.get("src")
        assert source is None or re.fullmatch(
            r"data:image/(jpeg|png|webp);base64,[A-Za-z0-9+/=]+", source
        )
    style, body = html.partition("</style>")[::2]
    assert "</" not in style.partition("<style>")[2]
    # MathJax reads these wherever they stand in a run of text; alone in an element they say nothing.
    assert not re.search(r"[$\\]", re.sub(r'<span>[$\\]</span>|alt="[^"]*"', "", body))


def test_it_holds_no_address_no_path_and_no_key(without_page: Notebook, tmp_path: Path) -> None:
    signed = "https://there.example/a.png?Signature=s3cret"
    rows = [replace(image(1, "a fox", name="a.png"), url=signed, asset_id="asset_1")]
    training = training_of(rows, [pair(1, 1, 1)], type=EDIT)
    sources = {"op": "set", "table": "config", "row": "sample_sources", "column": "value"}
    training.edit([{**sources, "value": [str(tmp_path / "mine.png")]}])
    training.change(
        problem=f"could not read {tmp_path}", sync=SyncState(phase="failed", message=signed)
    )
    without_page.run("a", Studio(training), *(v(training) for v in (ImageGrid, ImagePicker)))
    for html in without_page.snapshots("a"):
        for hidden in ("s3cret", "there.example", str(tmp_path), "mine.png", "asset_1"):
            assert hidden not in html
    assert "1 image" in without_page.snapshots("a")[0]


def test_samples_carry_their_prompts(without_page: Notebook) -> None:
    training = training_of(images(2), type=STYLE)
    wire = {"samplePrompts": ["a mushroom", "a star"]}
    samples = ("asset_a", "asset_b", "asset_c")
    for sample in samples:
        have(training.service, sample, noise(16))
    training.change(
        model=replace(training.state.model, parameters=wire),
        run=Run(
            run_id="run_1",
            status="trained",
            samples=(EpochSamples(epoch=3, asset_ids=samples),),
        ),
    )
    without_page.run("a", ProgressPanel(training))
    (html,) = without_page.snapshots("a")
    assert images_in(html) == 3
    assert "epoch 3" in html and "a mushroom" in html and "a star" in html
