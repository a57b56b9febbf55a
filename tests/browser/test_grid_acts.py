"""What is done with several images at once, in a real browser over a fake model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.harness import Shown, shot
from trainings import EDIT, image, images, pair, picture, training_of

from phoenix_nbtrain.session.state import SyncState

HOSTILE = "<img src=x onerror=window.pwned=1>"


def act(view: Shown, name: str) -> None:
    view.page.get_by_role("group", name="Selected images").get_by_role("button", name=name).click()


def changes(view: Shown) -> list[list[str]]:
    """What the preview says: name, before, after."""
    lines = view.dialog.locator(".nbt-changes li .nbt-change-words").all()
    return [line.locator("div").all_inner_texts() for line in lines]


def test_captions_are_set_for_all_selected_in_one_step_and_seen_before(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, ""), image(3, "a dog")]))
    view.select(0, 1)
    act(view, "Caption…")
    assert view.dialog.get_attribute("aria-label") == "Captions of 2 images"
    change = view.dialog.get_by_role("button", name="Change")
    assert change.is_disabled()
    view.type("an animal")  # the field has the focus
    view.dialog.get_by_text("2 of 2 will change").wait_for()
    assert changes(view) == [
        ["picture-1.png", "a fox", "an animal"],
        ["picture-2.png", "no caption", "an animal"],
    ]
    view.dialog.get_by_role("button", name="Change 2 captions").click()
    view.until(lambda: view.captions() == ["an animal", "an animal", "a dog"])
    assert len(view.sent("edit")) == 1 and view.training.edits == 1
    assert view.dialog.count() == 0
    said = view.page.get_by_role("status").filter(has_text="2 captions changed.")
    said.get_by_role("button", name="Undo").click()
    view.until(lambda: view.captions() == ["a fox", "", "a dog"])
    assert said.count() == 0


@pytest.mark.parametrize(
    ("way", "typed", "before", "after"),
    [
        ("Prefix", "sticker", "a fox", "sticker, a fox"),
        ("Prefix", "sticker,", ", a fox", "sticker, a fox"),
        ("Prefix", "a photo of ", "a fox", "a photo of a fox"),
        ("Prefix", "Style:", "a fox", "Style: a fox"),
        ("Prefix", "sticker", "", "sticker"),
        ("Prefix", "sticker", "stickers of a fox", "sticker, stickers of a fox"),
        ("Suffix", "side view", "a fox", "a fox, side view"),
        ("Suffix", "side view", "A fox.", "A fox. side view"),
        ("Suffix", " at dawn", "a fox,", "a fox at dawn"),
        ("Suffix", ", at dawn", "a fox", "a fox, at dawn"),
        ("Suffix", "!", "a fox", "a fox!"),
        ("Suffix", "side view", "", "side view"),
    ],
)
def test_what_is_added_is_joined_as_people_would(
    grid: Any, way: str, typed: str, before: str, after: str
) -> None:
    view = grid(training_of([image(1, before)]))
    view.select(0)
    act(view, "Caption…")
    view.dialog.get_by_text(way, exact=True).click()
    view.dialog.locator("textarea").fill(typed)
    view.dialog.get_by_text("1 of 1 will change").wait_for()
    view.press("Control+Enter")
    view.until(lambda: view.captions() == [after])


@pytest.mark.parametrize(
    ("way", "typed", "has"),
    [
        ("Prefix", "sticker", "sticker, a fox"),
        ("Prefix", "sticker", "a fox, sticker, red"),
        ("Prefix", "a photo of", "a photo of a fox"),
        ("Suffix", "side view", "a fox, side view"),
        ("Suffix", "side view", "a fox in side view"),
    ],
)
def test_a_caption_that_has_it_already_stays_as_it_is(
    grid: Any, way: str, typed: str, has: str
) -> None:
    view = grid(training_of([image(1, has)]))
    view.select(0)
    act(view, "Caption…")
    view.dialog.get_by_text(way, exact=True).click()
    view.dialog.locator("textarea").fill("something else")
    view.dialog.get_by_text("1 of 1 will change").wait_for()
    view.dialog.locator("textarea").fill(typed)
    view.dialog.get_by_text("0 of 1 will change").wait_for()
    assert view.dialog.get_by_role("button", name="Change").is_disabled()


def test_words_are_found_and_replaced_in_any_case_or_in_theirs(grid: Any) -> None:
    training = training_of([image(1, "A Fox, a fox (1.0) fox"), image(2, "a dog"), image(3, "$&")])
    view = grid(training)
    view.select(0, 1, 2)
    act(view, "Caption…")
    view.dialog.get_by_text("Find and replace", exact=True).click()
    find = view.dialog.get_by_label("Find", exact=True)
    find.fill("fox")
    view.dialog.get_by_label("Replace with").fill("$& wolf")
    view.dialog.get_by_text("1 of 3 will change").wait_for()
    assert changes(view)[0][2] == "A $& wolf, a $& wolf (1.0) $& wolf"
    view.dialog.get_by_label("Match case").check()
    view.until(lambda: changes(view)[0][2] == "A Fox, a $& wolf (1.0) $& wolf")
    find.fill("(1.0)")  # letters, not a pattern
    view.until(lambda: changes(view)[0][2] == "A Fox, a fox $& wolf fox")
    find.fill(".")
    view.until(lambda: changes(view)[0][2] == "A Fox, a fox (1$& wolf0) fox")
    find.fill("fox (")
    view.dialog.get_by_label("Replace with").fill("")
    view.dialog.get_by_role("button", name="Change 1 caption").click()
    view.until(lambda: view.captions()[0] == "A Fox, a 1.0) fox")
    assert view.captions()[1:] == ["a dog", "$&"]


def test_captions_are_taken_away_by_setting_an_empty_one(grid: Any) -> None:
    view = grid(training_of([image(1, "same"), image(2, "same")]))
    view.select(0, 1)
    view.press("c")
    # What all of them say is where one begins, and nothing changes until something is typed.
    view.dialog.get_by_text("0 of 2 will change").wait_for()
    view.press("Delete")
    view.dialog.get_by_text("2 of 2 will change").wait_for()
    assert [line[2] for line in changes(view)] == ["no caption", "no caption"]
    view.press("Control+Enter")
    view.until(lambda: view.captions() == ["", ""])


def test_a_caption_that_would_be_too_long_is_named_and_left(grid: Any) -> None:
    view = grid(training_of([image(1, "x" * 65_530), image(2, "a dog")]))
    view.select(0, 1)
    act(view, "Caption…")
    view.dialog.get_by_text("Prefix", exact=True).click()
    view.dialog.locator("textarea").fill("sticker")
    view.dialog.get_by_text("1 of 2 will change · 1 cannot").wait_for()
    assert "64 KiB" in view.dialog.locator(".nbt-refused .nbt-reason").inner_text()
    view.press("Control+Enter")
    view.until(lambda: view.captions()[1] == "sticker, a dog")
    assert view.captions()[0] == "x" * 65_530


def test_a_caption_that_somebody_changed_since_the_preview_is_not_overwritten(
    grid: Any,
) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, "a dog")]))
    view.select(0, 1)
    act(view, "Caption…")
    view.dialog.locator("textarea").fill("mine")
    theirs = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
    view.training.edit([{**theirs, "value": "theirs"}])
    view.dialog.get_by_role("button", name="Change 2 captions").click()
    view.until(lambda: view.captions() == ["theirs", "mine"])
    view.says("1 caption not changed: It changed in the meantime")
    view.until(lambda: view.tile(0).get_attribute("aria-invalid") == "true")
    view.tile(0).locator(".nbt-reason").click()
    assert view.page.locator("textarea").input_value() == "mine"  # kept, to go on with


def test_a_caption_on_its_way_counts_in_the_preview(grid: Any) -> None:
    training = training_of([image(1, "a fox"), image(2, "a dog")])
    view = grid(training)
    view.caption(0).click()
    view.page.locator("textarea").fill("a red fox")
    training.runner.hold = True
    select_all(view)
    view.press("c")
    training.runner.hold = False
    training.runner.release()
    view.tell()
    view.dialog.get_by_text("Suffix", exact=True).click()
    view.dialog.locator("textarea").fill("at dawn")
    view.until(lambda: [line[2] for line in changes(view)] == [
        "a red fox, at dawn", "a dog, at dawn",
    ])  # fmt: skip


def select_all(view: Shown) -> None:
    view.tile(0).locator(".nbt-pic").click()
    view.press("Control+a")
    view.until(lambda: view.page.locator("[aria-selected=true]").count() == 2)


def test_escape_closes_the_dialog_changes_nothing_and_gives_the_focus_back(
    grid: Any,
) -> None:
    view = grid(training_of(images(3)))
    view.select(1, 2)
    view.press("c")
    view.dialog.locator("textarea").fill("gone")
    view.press("Escape")
    view.until(lambda: view.dialog.count() == 0)
    assert view.js("() => document.activeElement.className").startswith("nbt-tile")
    assert view.sent("edit") == [] and len(view.widget.selected) == 2


def test_two_selected_are_paired_in_the_order_of_selection(grid: Any) -> None:
    view = grid(training_of(images(4), type=EDIT))
    view.select(2, 0)
    act(view, "Pair")
    said = view.page.get_by_role("status").filter(has_text="1 pair made.")
    said.wait_for()
    (made,) = view.pairs
    assert (made.source, made.target) == ("img_2", "img_0")
    view.tile(2).get_by_text("source of pair 1").wait_for()
    said.get_by_role("button", name="Undo").click()
    view.until(lambda: view.pairs == ())
    view.select(1, 2, 3)
    view.press("p")
    view.says("The names of these 3 images don't suggest any pairs.")
    view.select(1)
    assert not view.button("Pair", exact=True).is_visible()


def test_more_are_paired_by_their_names_once_however_often_it_is_sent(grid: Any) -> None:
    rows = [image(n, name=f"{c}_{s}.png") for n, (c, s) in enumerate(
        [("cat", "in"), ("dog", "in"), ("cat", "out"), ("dog", "out"), ("fox", "in")]
    )]  # fmt: skip
    view = grid(training_of(rows, type=EDIT))
    view.select(0, 1, 2, 3, 4)
    view.js(
        """() => { const { model } = window, { send } = model;
        model.send = (m) => {
          if (m.kind === "pair" && !window.once) window.once = model.lost = 1;
          return send.call(model, m);
        } }"""
    )
    act(view, "Pair")
    view.says("2 pairs made; without a partner: fox_in.png.")
    first, again = view.sent("pair")
    assert first == again and len(view.pairs) == 2


def test_a_type_without_pairs_offers_none(grid: Any) -> None:
    view = grid(training_of(images(3)))
    view.select(0, 1)
    assert not view.button("Pair", exact=True).is_visible()
    view.press("p")
    view.page.wait_for_timeout(100)
    assert view.sent("pair") == []


def test_removed_images_come_back_by_the_note_that_tells_of_it(grid: Any) -> None:
    view = grid(training_of(images(4), [pair(1, 0, 1)]))
    view.select(0, 3)
    act(view, "Remove")
    view.until(lambda: len(view.images) == 2)
    said = view.page.get_by_role("status").filter(has_text="2 images removed.")
    said.get_by_role("button", name="Undo").click()
    view.until(lambda: len(view.images) == 4)
    # The note is gone with its button; the focus is not.
    assert view.js("() => document.activeElement.closest('.nbt-tile') !== null")


def test_an_image_is_replaced_by_a_file_of_the_kernels(
    grid: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("no image", encoding="utf-8")
    Path("better.png").write_bytes(picture("better"))
    training = training_of([image(1, "a fox"), image(2, "a dog")])
    view = grid(training)
    view.select(1)
    act(view, "Replace…")
    path = view.dialog.get_by_role("textbox")
    path.fill("notes.txt")
    view.press("Enter")
    reason = view.dialog.get_by_role("alert")
    view.until(lambda: "not a supported image" in reason.inner_text())
    assert path.get_attribute("aria-invalid") == "true"
    assert view.js("() => document.activeElement.tagName") == "INPUT"
    path.fill("better.png")
    assert reason.inner_text() == ""
    asked = len(view.sent("thumbnails"))
    view.dialog.get_by_role("button", name="Replace").click()
    view.until(lambda: view.dialog.count() == 0)
    assert training.state.draft.image["img_2"].width == 8
    assert training.state.draft.image["img_2"].caption == "a dog"
    view.until(lambda: len(view.sent("thumbnails")) > asked)
    view.button("Undo", exact=True).click()
    view.until(lambda: training.state.draft.image["img_2"].width == 1024)


def test_the_keys_are_listed_on_a_question_mark(grid: Any) -> None:
    view = grid(training_of(images(2)))
    view.tile(0).locator(".nbt-pic").click()
    view.press("?")
    view.dialog.get_by_text("Keyboard shortcuts", exact=True).wait_for()
    assert view.dialog.locator("dt").count() >= 10
    view.press("Escape")
    view.until(lambda: view.dialog.count() == 0)


def test_while_it_trains_nothing_can_be_done_to_the_selected(grid: Any) -> None:
    view = grid(training_of(images(3), status="training", type=EDIT))
    view.select(0, 1)
    for name in ("Caption…", "Pair", "Remove"):
        assert view.button(name, exact=True).is_disabled()
    view.press("c", "p", "Delete")
    view.page.wait_for_timeout(100)
    assert view.dialog.count() == 0
    assert view.sent("edit") == view.sent("pair") == []


def test_a_part_that_cannot_be_had_is_told_and_asked_for_again(grid: Any) -> None:
    view = grid(training_of(images(2)))
    view.select(0, 1)
    answer = view.widget._answer_part

    def broken(*_: object) -> None:
        raise RuntimeError("no")

    view.widget._answer_part = broken
    view.press("c")
    view.says("This could not be opened: That did not work")
    view.widget._answer_part = answer
    view.press("c")
    view.dialog.wait_for()


def test_hostile_words_stay_text_in_the_dialogs(grid: Any) -> None:
    view = grid(training_of([image(1, HOSTILE, name=HOSTILE), image(2, HOSTILE)]))
    view.select(0, 1)
    view.press("c")
    view.dialog.locator("textarea").fill(HOSTILE + "!")
    view.until(lambda: len(changes(view)) == 2)
    assert changes(view)[0] == [HOSTILE, HOSTILE, HOSTILE + "!"]
    view.press("Escape")
    view.select(0)
    act(view, "Replace…")
    view.dialog.get_by_role("textbox").fill(HOSTILE)
    view.press("Enter")
    view.until(lambda: HOSTILE in view.dialog.get_by_role("alert").inner_text())
    assert view.js("() => window.pwned") is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 360])
def test_the_dialogs_are_no_hindrance_to_anyone(grid: Any, dark: bool, width: int) -> None:
    training = training_of([image(1, "a fox"), image(2, ""), image(3, "x" * 65_530)], type=EDIT)
    view = grid(training, width=width, dark=dark)
    view.select(0, 1, 2)
    view.press("c")
    view.dialog.get_by_text("Prefix", exact=True).click()
    view.dialog.locator("textarea").fill("sticker")
    view.dialog.get_by_text("2 of 3 will change · 1 cannot").wait_for()
    assert view.axe() == []
    wide = "() => document.querySelector('dialog').scrollWidth <= window.innerWidth"
    assert view.js(wide)
    view.press("Escape", "?")
    view.dialog.get_by_text("Keyboard shortcuts", exact=True).wait_for()
    assert view.axe() == [] and view.js(wide)
    view.press("Escape")
    view.select(0)
    act(view, "Replace…")
    view.dialog.wait_for()
    assert view.axe() == [] and view.js(wide)


def removed(view: Shown) -> Any:
    """Remove an image, and return the note that says so."""
    view.select(0)
    view.press("Delete")
    said = view.page.locator(".nbt-told", has_text="1 image removed.")
    said.wait_for()
    return said


def test_undo_in_a_note_is_gone_with_what_it_would_undo(grid: Any) -> None:
    view = grid(training_of(images(3)))
    said = removed(view)
    view.press("Control+z")
    view.until(lambda: len(view.images) == 3)
    view.until(lambda: said.count() == 0)
    said = removed(view)
    view.training.edit([caption_of(1, "another change")])
    view.tell()
    view.until(lambda: said.count() == 0)
    assert len(view.images) == 2


def test_undo_in_a_note_takes_no_other_change_back_however_late_the_page_hears(
    grid: Any,
) -> None:
    view = grid(training_of(images(3)))
    said = removed(view)
    undo = said.get_by_role("button", name="Undo").element_handle()
    view.training.edit([caption_of(1, "another change")])
    # As if the page had not heard of it: the notice may have gone by now.
    undo.dispatch_event("click")
    view.says("Something else has changed since then.")
    assert view.images[0].caption == "another change"
    assert len(view.images) == 2


def test_undo_in_a_note_waits_while_it_trains(grid: Any) -> None:
    training = training_of(images(3))
    view = grid(training)
    undo = removed(view).get_by_role("button", name="Undo")
    assert undo.is_enabled()
    training.change(model=replace(training.state.model, status="training"))
    view.tell()
    view.until(undo.is_disabled)
    training.change(model=replace(training.state.model, status="trained"))
    view.tell()
    view.until(undo.is_enabled)
    undo.click()
    view.until(lambda: len(view.images) == 3)


def caption_of(n: int, text: str) -> dict[str, Any]:
    return {"op": "set", "table": "images", "row": f"img_{n}", "column": "caption", "value": text}


@pytest.mark.parametrize("dark", [False, True])
def test_what_the_service_refused_has_a_button_that_sends_it_again(grid: Any, dark: bool) -> None:
    training = training_of([image(7, "a fox", refusal="Not today."), *images(2)])
    view = grid(training, dark=dark)
    retry = view.button("Retry 1 refused")
    retry.wait_for()
    assert view.axe() == []
    shot(view, f"retry-{'dark' if dark else 'light'}")
    retry.click()
    view.until(lambda: not view.images[0].refusal)
    view.tell()
    view.until(lambda: not retry.is_visible())
    assert view.page.locator(".nbt-foot:focus").count() == 1  # not the notebook: "d d"
    training = training_of(images(1))
    training.change(sync=SyncState(phase="failed", message="The key is wrong."))
    view = grid(training)
    view.button("Retry", exact=True).click()
    view.until(lambda: training.state.sync.phase == "idle")


def test_a_choice_between_two_texts_is_nothing_to_retry(grid: Any) -> None:
    rows = (image(1, "mine", refusal="Someone else wrote", theirs="theirs"),)
    view = grid(training_of(rows))
    view.tile(0).get_by_role("button", name="Keep mine").wait_for()
    assert view.button("Retry").count() == 0
