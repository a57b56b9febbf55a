"""An image opened large: turning over, zooming, writing its caption, and back again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from browser.harness import Shown
from trainings import image, images, pair, training_of


def opened(view: Shown, n: int) -> Any:
    view.tile(n).locator(".nbt-pic").dblclick()
    viewer = view.page.locator("dialog.nbt-viewer")
    viewer.wait_for()
    return viewer


def title(view: Shown) -> str:
    return str(view.page.locator(".nbt-viewer .nbt-dialog-title").inner_text())


def scale(view: Shown) -> float:
    return float(
        view.js("() => new DOMMatrix(document.querySelector('.nbt-sight').style.transform).a")
    )


def place(view: Shown) -> tuple[float, float]:
    x, y = view.js(
        """() => { const m = new DOMMatrix(document.querySelector('.nbt-sight').style.transform);
        return [m.e, m.f] }"""
    )
    return x, y


def percent(view: Shown) -> str:
    return str(view.page.locator(".nbt-percent").inner_text())


def test_a_double_click_opens_it_and_escape_gives_the_focus_back(grid: Any) -> None:
    view = grid(training_of(images(24)))
    viewer = opened(view, 2)
    assert title(view) == "picture-2.png"
    viewer.get_by_text("3 of 24").wait_for()
    assert view.widget.selected == ["img_2"]  # one click of the two, not both
    view.until(lambda: view.sent("thumbnails")[-1]["px"] >= 1024)
    viewer.get_by_alt_text("picture-2.png").wait_for()
    view.press("ArrowRight", "ArrowRight")
    view.until(lambda: title(view) == "picture-4.png")
    view.press("Escape")
    view.until(lambda: viewer.count() == 0)
    focused = view.js("() => document.activeElement.querySelector('.nbt-name').textContent")
    assert focused == "picture-4.png"


@pytest.mark.parametrize("key", ["o", "Control+Enter"])
def test_keys_and_a_button_open_it_too(grid: Any, key: str) -> None:
    view = grid(training_of(images(8)))
    view.select(3)
    view.press(key)
    view.until(lambda: title(view) == "picture-3.png")
    view.press("Escape")
    view.button("Open", exact=True).click()
    view.until(lambda: title(view) == "picture-3.png")


def test_arrows_turn_over_as_far_as_there_are_images_loaded_or_not(grid: Any) -> None:
    view = grid(training_of(images(3000)))
    viewer = opened(view, 0)
    assert not viewer.get_by_role("button", name="Previous image").is_visible()
    viewer.get_by_role("button", name="Next image").click()
    view.until(lambda: title(view) == "picture-1.png")
    viewer.locator(".nbt-stage").focus()
    view.press("End")
    view.until(lambda: title(view) == "picture-2999.png")
    viewer.get_by_text("3,000 of 3,000").wait_for()
    assert not viewer.get_by_role("button", name="Next image").is_visible()
    view.press("ArrowLeft", "PageUp")
    view.until(lambda: title(view) == "picture-2997.png")
    view.press("Home")
    view.until(lambda: title(view) == "picture-0.png")
    assert len(view.sent("rows")) < 12


def test_images_turned_past_are_not_made(grid: Any) -> None:
    view = grid(training_of(images(12)))
    viewer = opened(view, 0)
    viewer.get_by_alt_text("picture-0.png").wait_for()
    view.page.wait_for_timeout(300)
    view.training.runner.hold = True
    asked = len(view.sent("thumbnails"))
    for n in range(1, 8):
        view.press("ArrowRight")
        view.until(lambda n=n: title(view) == f"picture-{n}.png")  # type: ignore[misc]
    view.page.wait_for_timeout(300)
    late = view.sent("thumbnails")[asked:]
    assert 0 < len(late) <= 7
    dropped = {m["of"] for m in view.sent("cancel")}
    waiting = [m for m in late if m["id"] not in dropped]
    assert {i for m in waiting for i in m["ids"]} <= {"img_6", "img_7", "img_8"}


def test_it_zooms_by_keys_buttons_and_double_click(grid: Any) -> None:
    view = grid(training_of(images(3)), width=1000, height=700)
    viewer = opened(view, 0)
    view.until(lambda: percent(view) == "Fit" and 0 < scale(view) < 1)  # of 1024 × 768
    fit = scale(view)
    view.press("1")
    assert scale(view) == 1 and percent(view) == "100 %"
    view.press("+")
    assert scale(view) == pytest.approx(1.25) and percent(view) == "125 %"
    view.press("-", "0")
    assert scale(view) == pytest.approx(fit) and percent(view) == "Fit"
    viewer.get_by_role("button", name="Larger").click()
    assert scale(view) == pytest.approx(fit * 1.25)
    for _ in range(30):
        viewer.get_by_role("button", name="Smaller").click()
    assert scale(view) == pytest.approx(fit)  # never smaller than it fits
    stage = viewer.locator(".nbt-stage")
    stage.dblclick(position={"x": 300, "y": 200})
    assert percent(view) == "100 %"
    stage.dblclick(position={"x": 300, "y": 200})
    assert percent(view) == "Fit"


def test_the_wheel_zooms_at_the_pointer_and_a_drag_moves_the_image(grid: Any) -> None:
    view = grid(training_of(images(3)), width=1000, height=700)
    viewer = opened(view, 0)
    view.until(lambda: 0 < scale(view) < 1)
    box = viewer.locator(".nbt-stage").bounding_box()
    x, y = box["x"] + 200, box["y"] + 250

    def under() -> tuple[float, float]:
        at = place(view)
        return (x - box["x"] - at[0]) / scale(view), (y - box["y"] - at[1]) / scale(view)

    view.page.mouse.move(x, y)
    before, was = under(), scale(view)
    view.page.mouse.wheel(0, -1000)
    view.until(lambda: scale(view) > was * 2)
    assert under() == pytest.approx(before, abs=1)
    left, top = place(view)
    view.page.mouse.down()
    view.page.mouse.move(x - 60, y - 40, steps=3)
    view.page.mouse.up()
    assert place(view) == pytest.approx((left - 60, top - 40), abs=1)
    view.page.mouse.move(x + 400, y)  # let go: it does not follow any more
    assert place(view) == pytest.approx((left - 60, top - 40), abs=1)
    view.page.mouse.move(x, y)
    view.page.mouse.down()
    view.page.mouse.move(x + 5000, y + 5000, steps=2)
    view.page.mouse.up()
    assert place(view) == (0, 0)  # its edge is where the stage's is, and no further


def test_the_next_image_fits_again_and_is_asked_for_as_large_as_it_is_looked_at(
    grid: Any,
) -> None:
    rows = [
        replace(image(1, "a"), width=4000, height=3000),
        replace(image(2, "b"), width=500, height=400),
    ]
    view = grid(training_of(rows))
    opened(view, 0)
    view.until(lambda: view.sent("thumbnails")[-1]["px"] == 1024)
    view.press("1")
    view.until(lambda: view.sent("thumbnails")[-1]["px"] == 2048)
    view.press("ArrowRight")
    view.until(lambda: percent(view) == "Fit" and scale(view) == 1)  # small: as it is


def test_the_caption_is_written_beside_it_and_enter_goes_on(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, ""), image(3, "a dog")]))
    viewer = opened(view, 0)
    view.press("Enter")
    area = viewer.get_by_label("Caption")
    view.until(lambda: view.js("() => document.activeElement.tagName") == "TEXTAREA")
    area.fill("a red fox")
    view.press("ArrowRight")  # moves in the text, not to the next image
    assert title(view) == "picture-1.png"
    view.press("Enter")
    view.until(lambda: view.images[0].caption == "a red fox")
    assert title(view) == "picture-2.png" and area.input_value() == ""
    view.type("a cat", "PageDown")
    view.until(lambda: view.images[1].caption == "a cat")
    assert title(view) == "picture-3.png" and area.input_value() == "a dog"
    view.type("gone")
    view.press("Escape")  # out of the text, restored; the view stays open
    assert viewer.count() == 1 and area.input_value() == "a dog"
    view.press("Control+z")
    view.until(lambda: view.images[1].caption == "")
    view.press("Escape")
    view.until(lambda: viewer.count() == 0)
    assert view.images[2].caption == "a dog" and view.training.edits == 3


def test_closing_saves_what_was_typed(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox")]))
    viewer = opened(view, 0)
    viewer.get_by_label("Caption").fill("a red fox")
    viewer.get_by_role("button", name="Close").click()
    view.until(lambda: view.images[0].caption == "a red fox")


def test_a_refused_caption_says_why_beside_the_image_and_keeps_the_text(
    grid: Any,
) -> None:
    view = grid(training_of([image(1, "a fox")]))
    viewer = opened(view, 0)
    area = viewer.get_by_label("Caption")
    area.click()
    op = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
    view.training.edit([{**op, "value": "theirs"}])
    area.fill("mine")
    viewer.locator(".nbt-stage").click()
    viewer.get_by_role("status").get_by_text("changed in the meantime").wait_for()
    assert area.input_value() == "mine" and area.get_attribute("aria-invalid") == "true"
    area.fill("mine!")
    view.press("Enter")
    view.until(lambda: view.images[0].caption == "mine!")


@pytest.mark.parametrize("large", [True, False])
def test_a_caption_that_was_not_on_the_screen_yet_is_not_overwritten(
    grid: Any, large: bool
) -> None:
    view = grid(training_of([image(1, "a fox")]))
    view.tile(0).get_by_text("a fox").wait_for()
    viewer = opened(view, 0) if large else None
    view.page.wait_for_timeout(300)
    op = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
    view.training.edit([{**op, "value": "theirs"}])
    view.js("() => { window.model.lost = 1 }")  # of a newer draft it hears, not what it says
    view.tell()
    view.until(lambda: view.js("() => window.model.lost") == 0)
    if viewer is not None:
        viewer.get_by_label("Caption").click()
    else:
        view.tile(0).locator(".nbt-cap").click()
    area = view.page.locator("textarea:visible")
    assert area.input_value() == "a fox"
    area.fill("mine")
    view.press("Enter")
    view.page.get_by_text("changed in the meantime").first.wait_for()
    assert view.images[0].caption == "theirs"


def test_what_happens_elsewhere_shows_and_what_is_being_typed_stays(grid: Any) -> None:
    training = training_of([image(1, "a fox"), image(2, "b"), image(3, "c")])
    view = grid(training)
    viewer = opened(view, 0)
    area = viewer.get_by_label("Caption")
    op = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
    training.edit([{**op, "value": "theirs"}])
    view.tell()
    view.until(lambda: area.input_value() == "theirs")
    area.fill("half a sen")
    training.sending()
    view.tell()
    view.page.wait_for_timeout(200)
    assert area.input_value() == "half a sen"
    # The image goes: the words come back where they can be copied, and the next one is shown.
    training.edit([{"op": "delete", "table": "images", "row": "img_1"}])
    view.tell()
    view.until(lambda: title(view) == "picture-2.png")
    viewer.get_by_text("1 of 2").wait_for()
    view.press("Escape", "Escape")
    view.page.locator(".nbt-note").get_by_text("half a sen").wait_for()


def test_the_last_image_gone_closes_the_view(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox")]))
    viewer = opened(view, 0)
    view.training.edit([{"op": "delete", "table": "images", "row": "img_1"}])
    view.tell()
    view.until(lambda: viewer.count() == 0)


def test_facts_and_findings_stand_beside_it_and_space_selects(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, "", saved=False)], [pair(1, 1, 2)]))
    viewer = opened(view, 1)
    facts = viewer.locator(".nbt-facts")
    for text in ("1024 × 768 · 124 kB", "saved locally", "has no caption",
                 "is 1024 × 768 pixels", "target of pair 1"):  # fmt: skip
        facts.get_by_text(text).first.wait_for()
    view.press("ArrowLeft", "Space")
    view.until(lambda: view.widget.selected == ["img_2", "img_1"])
    viewer.get_by_role("button", name="Select", pressed=True).wait_for()
    viewer.get_by_role("button", name="Select").click()
    view.until(lambda: view.widget.selected == ["img_2"])


def test_while_it_trains_the_caption_can_be_read_only(grid: Any) -> None:
    view = grid(training_of(images(2), status="training"))
    viewer = opened(view, 0)
    area = viewer.get_by_label("Caption")
    assert not area.is_editable() and area.input_value() == "a thing, number 0"


def test_an_image_that_cannot_be_had_says_why(grid: Any) -> None:
    training = training_of(images(5))
    view = grid(training)
    viewer = opened(view, 0)
    draft = training.state.draft
    training.small.small = lambda *_: (_ for _ in ()).throw(ValueError("x"))
    view.press("End")
    viewer.get_by_text("That did not work (ValueError).").wait_for()
    assert training.state.draft is draft


def test_no_key_of_the_viewer_reaches_the_notebook(grid: Any) -> None:
    view = grid(training_of(images(3)))
    view.count_keys()
    opened(view, 0)
    view.press("d", "d", "a", "Enter", "x", "Escape", "ArrowRight", "Escape")
    assert view.keys() == []
    opened(view, 0)
    assert view.unguarded() == []


def test_the_viewer_lets_go_of_its_images(grid: Any) -> None:
    view = grid(training_of(images(30)))
    view.tile(0).locator("img").wait_for()
    view.page.wait_for_timeout(300)
    view.count_urls()
    viewer = opened(view, 0)
    for n in range(1, 14):
        view.press("ArrowRight")
        view.until(lambda n=n: title(view) == f"picture-{n}.png")  # type: ignore[misc]
        view.page.wait_for_timeout(60)
    assert view.js("() => window.live") <= 6 + 24
    before = view.js("() => window.live")
    view.press("Escape")
    view.until(lambda: viewer.count() == 0)
    assert view.js("() => window.live") <= before - 3
    assert view.js("() => window.model.handlers()") == 4


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 360])
def test_the_viewer_is_no_hindrance_to_anyone(grid: Any, dark: bool, width: int) -> None:
    training = training_of([image(1, ""), image(2, "b", refusal="too large")], [pair(1, 1, 2)])
    view = grid(training, width=width, dark=dark)
    viewer = opened(view, 0)
    viewer.get_by_alt_text("picture-1.png").wait_for()
    assert view.axe() == []
    view.press("ArrowRight")
    viewer.get_by_text("too large").first.wait_for()
    assert view.axe() == []
    assert view.js("() => document.querySelector('dialog').scrollWidth <= window.innerWidth")


def test_two_fingers_zoom_what_is_between_them_and_one_moves_it(grid: Any) -> None:
    view = grid(training_of(images(3)), width=1000, height=700)
    viewer = opened(view, 0)
    view.until(lambda: 0 < scale(view) < 1)
    box = viewer.locator(".nbt-stage").bounding_box()
    left, top = box["x"], box["y"]
    hand = view.page.context.new_cdp_session(view.page)
    hand.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, *fingers: tuple[float, float], first: int = 0) -> None:
        points = [{"x": left + x, "y": top + y, "id": n} for n, (x, y) in enumerate(fingers, first)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def under(x: float, y: float) -> tuple[float, float]:
        at = place(view)
        return (x - at[0]) / scale(view), (y - at[1]) / scale(view)

    fit, between = scale(view), under(300, 250)
    touch("touchStart", (280, 250), (320, 250))
    for apart in (20.01, 20.02, *range(22, 61, 2), 120):  # steps small and large
        touch("touchMove", (300 - apart, 250), (300 + apart, 250))
    view.until(lambda: scale(view) == pytest.approx(fit * 6, rel=0.01))
    assert under(300, 250) == pytest.approx(between, abs=1)
    # Both fingers go along: the image goes with them, as large as it is.
    touch("touchMove", (200, 280), (440, 280))
    view.until(lambda: under(320, 280) == pytest.approx(between, abs=1))
    assert scale(view) == pytest.approx(fit * 6, rel=0.01)
    # One is lifted: the other moves it on, from where it stands.
    touch("touchEnd", (440, 280), first=1)
    stood = place(view)
    touch("touchMove", (150, 240))
    view.until(lambda: place(view) == pytest.approx((stood[0] - 50, stood[1] - 40), abs=1))
    touch("touchEnd")
    # Together again: back to where it fits, and no smaller.
    touch("touchStart", (100, 250), (500, 250))
    touch("touchMove", (290, 250), (310, 250))
    view.until(lambda: percent(view) == "Fit" and scale(view) == pytest.approx(fit))
    touch("touchEnd")
    assert title(view) == "picture-0.png"
