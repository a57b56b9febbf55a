"""What the pair table opens over itself: the comparison of two images, sentences for many, its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from browser.harness import Shown
from browser.pair_page import made, many


def stage(view: Shown, name: str) -> str:
    return view.js(
        "(name) => document.querySelector('.nbt-stage').style.getPropertyValue(name)", name
    )


def compared(view: Shown) -> None:
    view.line(0).get_by_role("button", name="Compare").click()
    view.until(lambda: view.page.locator(".nbt-stage img[src]").count() == 2)


def test_two_images_are_wiped_over_each_other(table: Any) -> None:
    view = table(made())
    compared(view)
    assert view.page.get_by_role("dialog").get_by_text("colour it").count() == 1
    slider = view.page.get_by_role("slider", name="How much of the source is shown")
    assert slider.evaluate("(n) => n === document.activeElement")
    view.press("ArrowRight")
    assert stage(view, "--nbt-at") == "50.5%"
    view.press("Home")
    assert stage(view, "--nbt-at") == "0%"
    box = view.page.locator(".nbt-stage").bounding_box()
    y = box["y"] + box["height"] / 2
    view.page.mouse.move(box["x"] + box["width"] * 0.25, y)
    view.page.mouse.down()
    assert stage(view, "--nbt-at").startswith("25")
    view.page.mouse.move(box["x"] + box["width"] * 0.75, y)
    view.page.mouse.up()
    assert stage(view, "--nbt-at").startswith("75")
    clip = view.page.locator(".nbt-target").evaluate("(n) => getComputedStyle(n).clipPath")
    assert "75" in clip
    (asked,) = [m for m in view.sent("thumbnails") if m["px"] == 2048]
    assert asked["ids"] == ["img_1", "img_0"]


def test_a_difference_is_seen_and_made_brighter(table: Any) -> None:
    view = table(made())
    compared(view)
    view.button("Difference").click()
    blend = "(n) => getComputedStyle(n).mixBlendMode"
    assert view.page.locator(".nbt-target").evaluate(blend) == "difference"
    slider = view.page.get_by_role("slider", name="How much brighter the difference is shown")
    slider.focus()
    view.press("ArrowRight")
    assert stage(view, "--nbt-bright") == "2"
    view.button("Side by side").click()
    assert view.page.get_by_role("slider").count() == 0
    assert view.page.locator(".nbt-target").evaluate(blend) == "normal"


def test_one_goes_from_pair_to_pair_and_back_to_the_cell(table: Any) -> None:
    training = made()
    rows = [*training.state.draft.images]
    rows[2] = replace(rows[2], width=512, height=512)
    training.change(draft=replace(training.state.draft, images=tuple(rows)))
    view = table(training)
    view.side(0, "source").get_by_text("cat line.png").wait_for()
    view.instruction(0).focus()
    view.press("Space")
    dialog = view.page.get_by_role("dialog")
    dialog.get_by_text("1 of 2").wait_for()
    dialog.get_by_text("1024 × 768", exact=True).wait_for()
    assert dialog.get_by_role("button", name="Previous").is_disabled()
    view.press("PageDown")
    dialog.get_by_text("2 of 2").wait_for()
    dialog.get_by_text(
        "The sizes differ: 1024 × 768 → 512 × 512, and so do the aspect ratios"
    ).wait_for()
    view.press("Escape")
    assert dialog.count() == 0
    view.until(lambda: view.instruction(1).evaluate("(n) => n === document.activeElement"))


def test_images_that_come_late_do_not_take_the_place_of_the_next_pairs(table: Any) -> None:
    view = table(made())
    view.js(
        """() => { const { send } = model; model.send = async function (message) {
          if (message.px === 2048 && !window.go) await new Promise((go) => (window.go = go));
          return send.call(this, message); } }"""
    )
    view.line(0).get_by_role("button", name="Compare").click()
    view.page.wait_for_function("() => window.go")
    view.press("PageDown")
    stage = view.page.locator(".nbt-stage img")
    view.until(lambda: stage.first.get_attribute("src"))
    shown = stage.first.get_attribute("src")
    view.js("() => window.go()")
    view.until(lambda: len([m for m in view.js("() => model.heard") if m.get("thumbnails")]) > 2)
    view.page.wait_for_timeout(100)
    assert stage.first.get_attribute("src") == shown


def test_a_closed_comparison_leaves_nothing_behind(table: Any) -> None:
    view = table(made())
    view.js(
        """() => {
          window.urls = new Set();
          const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
          URL.createObjectURL = (blob) => { const url = make.call(URL, blob); if (blob.type.startsWith("image")) urls.add(url); return url; };
          URL.revokeObjectURL = (url) => { urls.delete(url); drop.call(URL, url); };
        }"""
    )
    compared(view)
    kept = view.js("() => urls.size")
    view.button("Next").click()
    view.says("2 of 2")
    view.page.wait_for_timeout(200)
    assert view.js("() => urls.size") == kept
    view.press("Escape")
    view.until(lambda: view.js("() => urls.size") == kept - 2)
    compared(view)
    view.js("() => window.end()")
    assert view.js("() => urls.size") == 0
    assert view.page.locator("dialog").count() == 0


def test_an_image_that_is_gone_is_said_to_be(table: Any) -> None:
    view = table(made())
    view.training.edit([{"op": "delete", "table": "images", "row": "img_3"}])
    view.tell()
    view.line(1).get_by_text("its source image was removed").wait_for()
    compared(view)
    view.press("PageDown")
    view.says("One of the two images is no longer in the dataset.")


def chosen_two(view: Shown) -> None:
    view.number(1).click()
    view.number(2).click(modifiers=["Shift"])
    view.until(lambda: view.rows_chosen() == [1, 2])
    view.button("Template…").click()
    view.page.get_by_role("dialog").wait_for()


def test_a_sentence_is_seen_for_each_pair_before_it_is_written(table: Any) -> None:
    view = table(many(4))
    chosen_two(view)
    field = view.page.get_by_role("textbox", name="Template")
    field.fill("paint {source}, ")
    view.button("{n}").click()
    items = view.page.get_by_role("dialog").get_by_role("listitem")
    items.filter(has_text="paint picture-0, 3").wait_for()
    assert items.first.locator("del").inner_text() == "1"
    assert view.instructions() == ["0", "1", "2", "3"] and view.sent("edit") == []
    view.button("Apply to 2 pairs").click()
    view.until(
        lambda: view.instructions() == ["0", "paint picture-0, 2", "paint picture-0, 3", "3"],
    )
    assert len(view.sent("edit")) == 1
    view.button("Undo").click()
    view.until(lambda: view.instructions() == ["0", "1", "2", "3"])


def test_pairs_that_say_it_already_are_not_written_again(table: Any) -> None:
    view = table(many(4))
    chosen_two(view)
    view.page.get_by_role("textbox", name="Template").fill("2")
    view.button("Apply to 1 pair").click()
    view.until(lambda: view.instructions() == ["0", "2", "2", "3"])
    (sent,) = view.sent("edit")
    assert [op["row"] for op in sent["ops"]] == ["pair_1"]


def test_what_was_not_seen_yet_is_not_written(table: Any) -> None:
    view = table(many(4))
    chosen_two(view)
    view.button("Apply to 1 pair").wait_for()
    view.type("x")
    view.press("Enter")  # before its preview is there
    write = view.button("Apply to 2 pairs")
    write.wait_for()
    assert view.instructions() == ["0", "1", "2", "3"]
    view.press("Enter")
    view.until(lambda: view.instructions() == ["0", "x", "x", "3"])


def test_an_unknown_placeholder_says_which_there_are(table: Any) -> None:
    view = table(many(4))
    chosen_two(view)
    field = view.page.get_by_role("textbox", name="Template")
    field.fill("paint {file}")
    view.says("There is no {file}. There are {source}, {target}, {n}")
    assert field.get_attribute("aria-invalid") == "true"
    write = view.button("Apply")
    assert write.is_disabled()
    field.fill("paint <b>{n}</b>")
    view.page.get_by_role("listitem").filter(has_text="paint <b>2</b>").wait_for()
    assert view.page.locator("dialog b").count() == 0
    assert write.is_enabled()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 360])
def test_dialogs_are_sound_for_axe_and_fit(table: Any, dark: bool, width: int) -> None:
    view = table(made(), width=width, dark=dark)
    fits = "() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth; }"
    compared(view)
    for way in ("Wipe", "Difference", "Side by side"):
        view.button(way).click()
        assert view.axe() == [] and view.js(fits)
    view.press("Escape")
    view.number(0).click()
    view.button("Template…").click()
    view.page.get_by_role("listitem").first.wait_for()
    assert view.axe() == [] and view.js(fits)
    view.press("Escape")
    view.number(0).click()  # where it is narrow, what is selected takes the tools' place
    view.button("Keyboard shortcuts").click()
    view.says("from cell to cell")
    assert view.axe() == [] and view.js(fits)
    assert view.unguarded() == []
