"""The image grid without a browser: what it is asked, what it answers, what it leaves behind."""

from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances
from trainings import EDIT, StagedTraining, image, images, pair, picture, training_of
from traitlets import TraitError

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.session.state import SyncState
from phoenix_nbtrain.widgets.base import bundle_text
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable
from phoenix_nbtrain.widgets.progress import ProgressPanel

Heard = list[tuple[dict[str, Any], list[bytes]]]


def opened(training: StagedTraining) -> tuple[ImageGrid, Heard]:
    grid = ImageGrid(training)
    heard: Heard = []
    grid.send = lambda content, buffers=None: heard.append((content, buffers or []))
    return grid, heard


def ask(grid: ImageGrid, **request: Any) -> None:
    grid._handle_custom_msg(request, [])


def set_caption(row: str, value: str) -> dict[str, Any]:
    return {"op": "set", "table": "images", "row": row, "column": "caption", "value": value}


def test_rows_come_in_pages_of_a_hundred() -> None:
    grid, heard = opened(training_of(images(130)))
    ask(grid, id="a", kind="rows", table="images", start=100, stop=9999)
    reply, _ = heard.pop()
    assert (reply["ok"], reply["total"], len(reply["rows"])) == (True, 130, 30)
    ask(grid, id="b", kind="rows", table="images", start=0, stop=9999)
    assert len(heard.pop()[0]["rows"]) == 100


def test_a_row_tells_what_a_tile_shows() -> None:
    rows = [image(1, "a fox", automatic_caption="an animal"), image(2, saved=False)]
    training = training_of(rows, [pair(1, 1, 2)])
    training.small.colours.put(str(rows[0].content_hash), "#aabbcc")
    grid, heard = opened(training)
    ask(grid, id="a", kind="rows", table="images", start=0, stop=100)
    first, second = heard.pop()[0]["rows"]
    badges, picture = first.pop("badges"), first.pop("version")
    assert first == {
        "image_id": "img_1",
        "name": "picture-1.png",
        "caption": "a fox",
        "automatic_caption": "an animal",
        "width": 1024,
        "height": 768,
        "bytes": 123_456,
        "state": "saved",
        "reason": "",
        "theirs": None,
        "gone": False,
        "colour": "#aabbcc",
    }
    assert [b["text"] for b in badges] == ["small", "source of pair 1"]
    assert (second["state"], second["colour"]) == ("kept", "")
    assert [b["text"] for b in second["badges"]] == ["no caption", "small", "target of pair 1"]
    assert second["badges"][0]["tone"] == "warn" and second["badges"][1]["tone"] == "hint"
    assert picture != second["version"]


def badges_of(training: StagedTraining) -> list[list[str]]:
    grid, heard = opened(training)
    ask(grid, id="a", kind="rows", table="images", start=0, stop=100)
    return [[b["text"] for b in row["badges"]] for row in heard.pop()[0]["rows"]]


def test_what_the_checks_find_is_a_badge_of_its_image() -> None:
    wide = {"width": 2048, "height": 2048}
    rows = [image(n, f"sticker, a thing {n}") for n in range(3)]
    rows += [image(3, "stickerr, a cat"), image(4, "sticker, a thing 0"), image(5, "sticker, x")]
    rows[5] = replace(rows[5], content_hash=rows[1].content_hash)
    rows = [replace(row, **wide) for row in rows]
    assert badges_of(training_of(rows)) == [
        ["same caption"], [], [], ["trigger word"], ["same caption"], ["twice"],
    ]  # fmt: skip


def test_a_type_that_learns_from_pairs_misses_pairs_and_no_captions() -> None:
    rows = [replace(image(n), width=2048, height=2048) for n in range(4)]
    pairs = [pair(1, 0, 1), pair(2, 2, 1)]
    training = training_of(rows, pairs, type=EDIT)
    assert badges_of(training) == [
        ["source of pair 1"], ["2 pairs"], ["source of pair 2"], ["in no pair"],
    ]  # fmt: skip
    assert ImageGrid(training).summary["counts"]["attention"] == 1


def test_attention_counts_what_was_refused_lacks_a_caption_or_is_found_at_fault() -> None:
    rows = [image(1, "a fox"), image(2, ""), image(3, "a cat", refusal="too large")]
    grid, _ = opened(training_of(rows))
    assert grid.summary["counts"]["attention"] == 2


def order_of(heard: Heard) -> list[str]:
    return [row["image_id"] for row in heard.pop()[0]["rows"]]


def test_search_attention_and_order_are_the_kernels() -> None:
    rows = [
        image(0, "a fox", name="img10.png"),
        image(1, "", name="img2.png", automatic_caption="a red wolf"),
        image(2, "a red cat", name="img1.png"),
    ]
    grid, heard = opened(training_of(rows))

    def asked(**wish: Any) -> tuple[int, list[str]]:
        ask(grid, id="a", kind="rows", table="images", start=0, stop=100, **wish)
        reply, _ = heard.pop()
        return reply["total"], [row["image_id"] for row in reply["rows"]]

    assert asked(sort="name") == (3, ["img_2", "img_1", "img_0"])
    assert asked(search="RED") == (2, ["img_1", "img_2"])
    assert asked(search="red", sort="name") == (2, ["img_2", "img_1"])
    assert asked(attention=True) == (1, ["img_1"])
    # It is mended, and stays in its place as long as the page holds it there.
    ask(grid, id="b", kind="edit", base=1, ops=[set_caption("img_1", "a wolf")])
    heard.clear()
    assert asked(attention=True) == (0, [])
    assert asked(attention=True, keep=[["img_1", 0]]) == (1, ["img_1"])


def test_an_order_gives_the_ids_of_rows_that_were_never_looked_at() -> None:
    grid, heard = opened(training_of(images(300)))
    ask(grid, id="a", kind="order", table="images", start=40, stop=290)
    assert heard.pop()[0]["ids"] == [f"img_{n}" for n in range(40, 290)]
    ask(grid, id="b", kind="order", table="images", search="number 29", sort="name")
    assert heard.pop()[0]["ids"] == [f"img_{n}" for n in (29, 129, 229, *range(290, 300))]


def test_rows_are_given_by_their_ids_wherever_they_stand_and_those_gone_are_left_out() -> None:
    grid, heard = opened(training_of(images(300)))
    ask(grid, id="a", kind="rows", table="images", ids=["img_250", "img_gone", "img_3"])
    assert order_of(heard) == ["img_250", "img_3"]


def test_a_screenful_of_ten_thousand_is_all_that_travels() -> None:
    grid, heard = opened(training_of(images(10_000)))
    ask(grid, id="a", kind="rows", table="images", start=0, stop=50, sort="name")
    reply, _ = heard.pop()
    assert reply["total"] == 10_000 and len(json.dumps(reply)) < 25_000


def test_an_edit_is_taken_and_a_bad_one_comes_back_with_what_stands() -> None:
    training = training_of([image(1, "a fox")])
    grid, heard = opened(training)
    ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "a red fox")])
    assert heard.pop()[0] == {"id": "a", "ok": True, "revision": 2, "accepted": [0], "refused": []}
    assert training.state.draft.images[0].caption == "a red fox"
    ask(grid, id="b", kind="edit", base=1, ops=[set_caption("img_1", "a blue fox")])
    reply = heard.pop()[0]
    assert reply["ok"] and reply["accepted"] == []
    assert reply["refused"][0]["value"] == "a red fox"
    assert 0 < len(reply["refused"][0]["reason"]) <= 200


def test_an_edit_sent_twice_is_applied_once_and_answered_twice() -> None:
    training = training_of([image(1, "")])
    grid, heard = opened(training)
    for _ in range(2):
        ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "a fox")])
    assert training.edits == 1
    assert heard[0] == heard[1] and heard[0][0]["accepted"] == [0]


def test_an_edit_sent_twice_while_it_waits_is_answered_when_it_is_done() -> None:
    training = training_of([image(1, "")])
    grid, heard = opened(training)
    training.runner.hold = True
    for _ in range(2):
        ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "a fox")])
    assert heard == []
    training.runner.release()
    assert training.edits == 1 and len(heard) == 1


def test_the_last_256_replies_are_remembered_and_no_more() -> None:
    grid, _ = opened(training_of([image(1, "")]))
    for n in range(400):
        ask(grid, id=f"r{n}", kind="edit", base=1, ops=[set_caption("img_1", "")])
    assert len(grid._replies) == 256
    assert "r399" in grid._replies and "r143" not in grid._replies


def test_undo_and_redo_answer_with_the_revision() -> None:
    training = training_of([image(1, "a"), image(2, "b")])
    grid, heard = opened(training)
    delete = {"op": "delete", "table": "images", "row": "img_1"}
    ask(grid, id="a", kind="edit", base=1, ops=[delete])
    assert grid.summary["can_undo"] and grid.summary["total"] == 1
    ask(grid, id="b", kind="undo", base=2)
    assert [r.image_id for r in training.state.draft.images] == ["img_1", "img_2"]
    ask(grid, id="c", kind="redo", base=3)
    assert [reply["revision"] for reply, _ in heard] == [2, 3, 4]
    assert len(training.state.draft.images) == 1


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"id": "x"},
        {"id": "x" * 65, "kind": "rows", "table": "images", "start": 0, "stop": 1},
        {"id": 7, "kind": "rows"},
        {"id": "x", "kind": "format_disk"},
        {"id": "x", "kind": ["rows"]},
        {"id": "x", "kind": "rows", "table": "secrets", "start": 0, "stop": 1},
        {"id": "x", "kind": "rows", "table": "images", "start": -1, "stop": 1},
        {"id": "x", "kind": "rows", "table": "images", "start": "0", "stop": True},
        {"id": "x", "kind": "rows", "table": "images", "ids": "img_1"},
        {"id": "x", "kind": "rows", "table": "images", "ids": ["img_1"] * 101},
        {"id": "x", "kind": "rows", "table": "images", "start": 0, "stop": 1, "sort": "colour"},
        {"id": "x", "kind": "rows", "table": "images", "start": 0, "stop": 1, "search": 7},
        {"id": "x", "kind": "rows", "table": "images", "start": 0, "stop": 1, "sort": ["name"]},
        {"id": "x", "kind": "order", "table": "images", "search": "x" * 1001},
        {"id": "x", "kind": "order", "table": "images", "keep": {"img_1": 0}},
        {"id": "x", "kind": "order", "table": "images", "keep": [["img_1", -1]]},
        {"id": "x", "kind": "order", "table": "images", "keep": [[["img_1"], 1]]},
        {"id": "x", "kind": "order", "table": "secrets"},
        {"id": "x", "kind": "order", "table": {"images": 1}},
        {"id": "x", "kind": "density", "density": "huge"},
        {"id": "x", "kind": "density", "density": ["small"]},
        {"id": "x", "kind": "thumbnails", "ids": "img_1", "px": 100},
        {"id": "x", "kind": "thumbnails", "ids": ["img_1"] * 101, "px": 100},
        {"id": "x", "kind": "thumbnails", "ids": ["img_1"], "px": None},
        {"id": "x", "kind": "edit", "base": None, "ops": []},
        {"id": "x", "kind": "edit", "base": 1, "ops": "set"},
        {"id": "x", "kind": "edit", "base": 1, "ops": [1]},
        {"id": "x", "kind": "select", "ids": [1]},
    ],
)
def test_every_bad_request_is_answered_and_changes_nothing(request_: dict[str, Any]) -> None:
    training = training_of([image(1, "a fox")])
    before = training.state
    grid, heard = opened(training)
    grid._handle_custom_msg(request_, [])
    (reply, _) = heard.pop()
    assert reply["ok"] is False and heard == []
    assert 0 < len(reply["error"]["message"]) <= 200 and reply["error"]["remedy"]
    assert training.state is before


def test_a_message_that_is_no_object_is_answered_too() -> None:
    grid, heard = opened(training_of())
    grid._handle_custom_msg("rows", [])
    assert heard[0][0]["ok"] is False


def test_a_failure_of_the_draft_is_shown_with_its_remedy() -> None:
    training = training_of([image(1, "")])
    grid, heard = opened(training)
    training.breaks(StoreError("The drafts file is damaged.", remedy="Rename it."))
    ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "x")])
    error = heard.pop()[0]["error"]
    assert error == {"message": "The drafts file is damaged.", "remedy": "Rename it."}


def test_an_unforeseen_failure_is_answered_without_its_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    training = training_of([image(1, "")])
    grid, heard = opened(training)
    training.breaks(KeyError("https://storage.test/?signature=s3cret"))
    ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "x")])
    reply = heard.pop()[0]
    assert reply["ok"] is False and "s3cret" not in json.dumps(reply)
    assert "KeyError" in reply["error"]["message"] and caplog.records


def test_thumbnails_are_answered_once_the_last_is_there() -> None:
    training = training_of(images(3))
    grid, heard = opened(training)
    training.runner.hold = True
    ask(grid, id="a", kind="thumbnails", ids=["img_0", "img_gone", "img_2"], px=128)
    assert heard == []
    training.runner.release()
    reply, buffers = heard.pop()
    assert heard == [] and len(buffers) == 2
    good, bad, last = reply["thumbnails"]
    assert (good["image_id"], good["mime"], good["buffer"]) == ("img_0", "image/png", 0)
    assert bad == {"image_id": "img_gone", "error": "There is no image img_gone."}
    assert last["buffer"] == 1 and buffers[1].startswith(b"\x89PNG")


def test_images_that_nobody_looks_at_any_more_are_not_made_and_their_request_is_answered() -> None:
    training = training_of(images(4))
    grid, heard = opened(training)
    training.runner.hold = True
    ask(grid, id="a", kind="thumbnails", ids=["img_0", "img_1"], px=128)
    ask(grid, id="b", kind="thumbnails", ids=["img_2"], px=128)
    ask(grid, id="c", kind="cancel", of="a")
    (first, buffers), (second, _) = heard
    assert first == {
        "id": "a", "ok": True,
        "thumbnails": [
            {"image_id": "img_0", "cancelled": True}, {"image_id": "img_1", "cancelled": True}
        ],
    }  # fmt: skip
    assert buffers == [] and second == {"id": "c", "ok": True}
    training.runner.release()
    assert training.small.made == 1 and [reply["id"] for reply, _ in heard] == ["a", "c", "b"]
    for of in ("a", "b", "never", None, 7):  # done, unknown or no id at all
        ask(grid, id="d", kind="cancel", of=of)
        assert heard.pop()[0] == {"id": "d", "ok": True}


def test_images_asked_for_twice_are_made_and_answered_once() -> None:
    training = training_of(images(2))
    grid, heard = opened(training)
    training.runner.hold = True
    for _ in range(2):
        ask(grid, id="a", kind="thumbnails", ids=["img_0"], px=128)
    training.runner.release()
    assert training.small.made == 1 and len(heard) == 1
    ask(grid, id="a", kind="thumbnails", ids=["img_0"], px=128)  # its reply was lost
    training.runner.release()
    assert len(heard) == 2


def test_a_closed_grid_wants_no_images_any_more() -> None:
    training = training_of(images(2))
    grid, heard = opened(training)
    training.runner.hold = True
    ask(grid, id="a", kind="thumbnails", ids=["img_0", "img_1"], px=128)
    grid.close()
    training.runner.release()
    assert training.small.made == 0 and heard == []


def test_the_density_is_the_views_own_and_can_be_set() -> None:
    grid, heard = opened(training_of(images(1)))
    ask(grid, id="a", kind="density", density="small")
    assert grid.density == "small" and heard.pop()[0] == {"id": "a", "ok": True}
    with pytest.raises(TraitError):
        grid.density = "huge"


def test_no_thumbnails_are_an_answer() -> None:
    grid, heard = opened(training_of())
    ask(grid, id="a", kind="thumbnails", ids=[], px=128)
    assert heard.pop()[0] == {"id": "a", "ok": True, "thumbnails": []}


def test_a_path_to_replace_an_image_by_is_taken_as_people_write_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "better.png").write_bytes(picture("better"))
    training = training_of(images(2))
    grid, heard = opened(training)
    ask(grid, id="a", kind="replace", row="img_1", path="  ~/better.png ")
    assert heard.pop()[0]["ok"]
    taken = training.state.draft.image["img_1"]
    assert taken.asset_id is None and (taken.width, taken.height) == (8, 8)
    for path in ("  ", "x" * 5000):
        ask(grid, id=path[:9], kind="replace", row="img_1", path=path)
        assert heard.pop()[0]["error"]["message"].startswith("No file is named.")


def test_the_selection_goes_both_ways_and_holds_only_what_is_there() -> None:
    training = training_of(images(3))
    grid, heard = opened(training)
    ask(grid, id="a", kind="select", ids=["img_2", "img_0", "img_2", "img_gone"])
    assert grid.selected == ["img_2", "img_0"] == heard.pop()[0]["selected"]
    grid.selected = ["img_1", "img_2"]
    ask(
        grid, id="b", kind="edit", base=1,
        ops=[{"op": "delete", "table": "images", "row": "img_1"}],
    )  # fmt: skip
    assert grid.selected == ["img_2"]


def test_the_summary_follows_what_happens() -> None:
    training = training_of([image(1, "a fox"), image(2, saved=False)])
    grid, _ = opened(training)
    summary = grid.summary
    assert summary["title"] == "animal stickers" and summary["type"] == "flux.2-dev-lora"
    assert summary["where"] == "Local Phoenix · nothing is charged" and summary["local"]
    assert (summary["total"], summary["counts"]["uncaptioned"]) == (2, 1)
    assert not summary["training"]
    version = summary["version"]
    training.sending()  # no revision of the draft, but rows look different
    assert grid.summary["version"] > version and grid.summary["revision"] == summary["revision"]


@pytest.mark.parametrize(
    ("sync", "saved", "words"),
    [
        (SyncState(), True, "All changes saved"),
        (SyncState(), False, "1 change saved locally"),
        (SyncState(phase="waiting"), False, "1 change saved locally, syncing…"),
        (SyncState(phase="sending"), False, "Saving 1…"),
        (SyncState(phase="sending", done=3, total=12), False, "Uploading images: 3 of 12"),
        (SyncState(phase="sending", done=12, total=12), False, "Saving 1…"),
        (
            SyncState(phase="failed"),
            False,
            "Saved locally; the service can't be reached",
        ),
        (SyncState(phase="failed", message="Kept here. No key."), False, "Kept here. No key."),
        (SyncState(phase="blocked"), False, "Saved locally until the training ends"),
    ],
)
def test_the_summary_says_where_the_draft_is(sync: SyncState, saved: bool, words: str) -> None:
    training = training_of([image(1, "a", saved=saved)])
    grid, _ = opened(training)
    training.change(sync=sync)
    assert grid.summary["sync"] == {
        "phase": sync.phase,
        "message": words,
        "share": sync.done / sync.total if sync.total else 0,
    }


def test_half_a_character_in_a_caption_does_not_take_the_page_down() -> None:
    grid, heard = opened(training_of([image(1, "half \udc80", name="\udc80.png")]))
    ask(grid, id="a", kind="rows", table="images", start=0, stop=100)
    json.dumps(heard.pop()[0], ensure_ascii=False).encode("utf-8")


def test_a_closed_grid_hears_nothing_says_nothing_and_is_gone() -> None:
    training = training_of([image(1, "")])
    before = set(_instances)
    grid, heard = opened(training)
    training.runner.hold = True
    ask(grid, id="a", kind="edit", base=1, ops=[set_caption("img_1", "a fox")])
    grid.close()
    assert training.hears == 0
    training.runner.release()
    training.change(problem="late")
    ask(grid, id="b", kind="rows", table="images", start=0, stop=1)
    assert heard == []
    assert training.state.draft.images[0].caption == "a fox"  # the edit itself is not lost
    grid.close()  # twice does no harm
    gone = weakref.ref(grid)
    del grid
    gc.collect()
    assert gone() is None
    assert set(_instances) <= before


def test_the_saved_state_holds_no_rows_and_no_secrets() -> None:
    training = training_of([image(1, "a caption of mine")])
    training.service.api_key = "s3cret"  # type: ignore[attr-defined]
    grid, _ = opened(training)
    state = {k: v for k, v in grid.get_state().items() if k not in ("_esm", "_css", "layout")}
    text = json.dumps(state)
    for hidden in ("s3cret", "a caption of mine", "asset_1", "picture-1"):
        assert hidden not in text
    assert {k for k in state if not k.startswith("_")} == {
        "summary",
        "selected",
        "density",
        "tabbable",
        "tooltip",
        "snapshot_class",
    }


@pytest.mark.parametrize("view", [ImageGrid, PairTable, ProgressPanel])
def test_a_saved_notebook_holds_little_of_each_module(view: type) -> None:
    assert len(view._esm.encode()) <= 40 * 1024  # type: ignore[attr-defined]  # anywidget's
    assert "@param" not in view._esm  # type: ignore[attr-defined]


def test_dark_is_one_set_of_colours_however_it_is_chosen() -> None:
    blocks = bundle_text("panels.css").split("{")
    dark = [
        sorted(rule for rule in block.split("}")[0].split(";") if rule.startswith("--nbt-"))
        for block in blocks
        if "color-scheme:dark" in block
    ]
    assert len(dark) == 2 and dark[0] == dark[1] and len(dark[0]) > 10
