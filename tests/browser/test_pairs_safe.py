"""The pair table for everybody: hostile texts, a screen reader, the system's own colours, no motion, many pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser.harness import Shown
from browser.pair_page import made, many
from trainings import EDIT, image, pair, training_of

HOSTILE = [
    "<img src=x onerror=window.pwned=1>.png",
    "<script>window.pwned=1</script>",
    "<select><iframe></select><img src=x: onerror=window.pwned=1>",
    '<button data-commandlinker-command="notebook:delete-cell">x</button>',
    "[x](javascript:window.pwned=1)",
]
MADE_OF_TEXT = """() => [window.pwned ?? null, document.querySelectorAll(
  "#here :is(script, iframe, select, img[src^=x], a, [data-commandlinker-command], b)").length]"""


def inert(view: Shown) -> None:
    view.page.wait_for_timeout(50)
    assert view.js(MADE_OF_TEXT) == [None, 0]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_instructions_stay_text_wherever_they_are_shown(
    table: Any, text: str, tmp_path: Path
) -> None:
    training = training_of(
        [image(1, text, name=text), image(2, name="fine.png")], [pair(1, 1, 2, text * 3)], type=EDIT
    )
    path = tmp_path / "pairs.jsonl"
    path.write_text(f'{{"source": {text!r}, "target": "<b>{text}"}}'.replace("'", '"'))
    view = table(training)
    page = view.page
    view.instruction(0).get_by_text(text * 3).wait_for()  # and in full, in its tooltip
    assert (view.instruction(0).get_attribute("title") or text * 3) == text * 3
    assert view.side(0, "source").locator(".nbt-name").inner_text() == text
    view.side(0, "target").click()
    page.get_by_role("option").filter(has_text=text).wait_for()
    inert(view)

    # Refused: said in the row, announced, and offered again in the field.
    page.get_by_role("combobox").fill("<b>" + text)
    view.press("Enter")
    view.line(0).locator("[data-state=refused] .nbt-word").get_by_text("<b>").wait_for()
    assert "<b>" in (page.locator("[aria-live]").first.text_content() or "")
    inert(view)

    # Compared, written over many, imported, exported.
    view.line(0).get_by_role("button", name="Compare").click()
    page.get_by_role("dialog").get_by_text(f"source: {text}").wait_for()
    assert page.locator(".nbt-said").inner_text() == text * 3
    inert(view)
    view.press("Escape")
    view.number(0).click()
    view.button("Template…").click()
    page.get_by_role("textbox", name="Template").fill("paint {source_caption} {source}")
    page.locator(".nbt-change ins").get_by_text(f"paint {text}").wait_for()
    assert page.locator(".nbt-change del").inner_text() == text * 3
    inert(view)
    view.press("Escape")
    view.button("Import…").click()
    page.get_by_role("textbox", name="File on").fill(str(path))
    view.press("Enter")
    view.until(lambda: page.locator(".nbt-fate, dialog .nbt-reason:not(:empty)").count())
    inert(view)
    view.press("Escape")
    view.button("Export…").click()
    written = page.get_by_role("textbox", name="File contents")
    view.until(lambda: "fine.png" in written.input_value())
    inert(view)
    view.press("Escape")


def test_a_name_that_turns_its_letters_round_is_shown_as_it_is_written(table: Any) -> None:
    name = "photo\u202egnp.exe"
    rows = [image(1, name=name), image(2, name="fine.png")]
    view = table(training_of(rows, [pair(1, 1, 2)], type=EDIT))
    assert view.side(0, "source").locator(".nbt-name").inner_text() == r"photo\u202egnp.exe"
    view.side(0, "target").click()
    view.page.get_by_role("option").filter(has_text=r"photo\u202egnp.exe").wait_for()
    view.press("Escape")
    view.line(0).get_by_role("button", name="Compare").click()
    view.says(r"source: photo\u202egnp.exe")


def test_an_instruction_of_64_kib_is_cut_on_the_screen_and_whole_in_the_field(
    table: Any,
) -> None:
    long = "paint " * 10_922
    view = table(training_of([image(1), image(2)], [pair(1, 1, 2, long)], type=EDIT))
    assert view.line(0).bounding_box()["height"] == 60
    view.instruction(0).click()
    assert view.page.locator("textarea").input_value() == long
    assert view.page.locator("textarea").bounding_box()["height"] <= 200
    view.press("Escape")
    view.line(0).get_by_role("button", name="Compare").click()
    dialog = view.page.get_by_role("dialog")
    dialog.get_by_text("1 of 1").wait_for()
    assert dialog.bounding_box()["height"] <= 900


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_serious_for_axe_in_any_state(table: Any, dark: bool) -> None:
    view = table(made(), dark=dark)
    page = view.page
    view.instruction(0).click()
    assert view.axe() == []
    view.press("Escape")
    view.side(0, "source").click()
    view.type("giraffe")
    page.get_by_text("No image has that name.").wait_for()
    assert view.axe() == []
    view.press("Enter")
    view.line(0).get_by_text("There is no image giraffe").wait_for()
    view.paste("a\tb\tc\td")
    page.get_by_text("The block has 4 columns").wait_for()
    assert view.axe() == []
    view.press("Shift+ArrowDown")
    view.until(lambda: page.locator(".nbt-in").count() == 2)
    assert view.axe() == []
    view.press("Escape")
    for name in ("Import…", "Export…", "Keyboard shortcuts"):
        view.button(name).click()
        page.get_by_role("dialog").wait_for()
        assert view.axe() == []
        view.press("Escape")


@pytest.mark.parametrize("dark", [False, True])
def test_with_the_systems_own_colours_focus_selection_and_refusals_are_seen(
    table: Any, dark: bool
) -> None:
    style = "(n) => { const s = getComputedStyle(n); return [s.outlineStyle, s.backgroundColor]; }"
    view = table(made(), dark=dark)
    view.page.emulate_media(forced_colors="active")
    plain = view.instruction(0).evaluate(style)
    assert plain[0] == "none"
    assert view.instruction(1).evaluate(style)[0] == "dashed"  # it has none yet
    view.instruction(0).focus()
    view.press("Shift+ArrowLeft")
    view.until(lambda: view.page.locator(".nbt-in").count() == 2)
    assert view.side(0, "target").evaluate(style)[0] == "solid"  # the focus
    assert view.instruction(0).evaluate(style)[1] != plain[1]
    view.press("Shift+Space")
    view.until(lambda: view.rows_chosen() == [0])
    assert view.number(0).evaluate(style)[1] != view.number(1).evaluate(style)[1]
    view.press("Enter")
    assert view.page.locator(":focus").evaluate(style)[0] == "solid"
    view.press("Escape")
    view.line(0).get_by_role("button", name="Compare").click()
    slider = view.page.get_by_role("slider")
    slider.press("ArrowRight")
    assert slider.evaluate(style)[0] == "solid"


def test_where_motion_is_not_wanted_nothing_moves(table: Any) -> None:
    moving = """() => [...document.querySelectorAll("#here *")].filter((node) => {
      const { transitionDuration, animationName } = getComputedStyle(node);
      return animationName !== "none" || transitionDuration.split(", ").some((time) => time !== "0s");
    }).map((node) => node.outerHTML.slice(0, 90))"""
    view = table(made())
    assert view.js(moving) != []  # a colour that fades, where it may
    view.page.emulate_media(reduced_motion="reduce")
    assert view.js(moving) == []
    view.line(0).get_by_role("button", name="Compare").click()
    view.page.get_by_role("slider").wait_for()
    assert view.js(moving) == []


def test_of_many_pairs_only_a_screenful_is_on_the_page_and_the_last_one_is_edited(
    table: Any,
) -> None:
    view = table(many(1400))
    page = view.page
    grid = page.locator("[role=grid]")
    assert grid.get_attribute("aria-rowcount") == "1401"
    small = view.js("() => document.querySelectorAll('#here *').length")
    view.instruction(0).focus()
    view.press("Control+End")
    view.line(1399).locator(":focus").wait_for()
    assert view.line(1399).get_attribute("aria-rowindex") == "1401"
    view.press("Home", "ArrowRight", *["ArrowRight"] * 2)
    view.line(1399).get_by_text("1399", exact=True).wait_for()
    view.press("Enter")
    page.locator("textarea").fill("the last of all")
    view.press("Enter")
    view.until(lambda: view.instructions()[-1] == "the last of all")
    view.press(*["PageUp"] * 5, "Control+Home")
    view.line(0).locator(":focus").wait_for()
    view.line(0).get_by_text("0", exact=True).wait_for()
    assert view.page.locator(".nbt-pair").count() < 25
    assert view.js("() => document.querySelectorAll('#here *').length") < 2 * small
    asked = view.sent("rows")
    assert sum(m["table"] == "pairs" for m in asked) < 1400 / 50  # by far not every page
