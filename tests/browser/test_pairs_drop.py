"""Pictures dragged onto the pair table."""

from __future__ import annotations

from typing import Any

from browser.harness import Shown, browser, until
from browser.pair_page import (
    INSTRUCTION,
    SOURCE,
    TARGET,
    instruction,
    instructions,
    line,
    made,
    many,
    number,
    rows_chosen,
    side,
    table,
)
from playwright.sync_api import Browser
from trainings import EDIT, StagedTraining

__all__ = ["browser"]

DRAG = """(node, [kind, id, type]) => {
  const data = new DataTransfer();
  data.setData(type, id);
  return !node.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
PICTURE = "application/x-nbtrain-image"


def drag(place: Any, kind: str, image: str, of: str = PICTURE) -> bool:
    """Return whether the table takes it."""
    return bool(place.evaluate(DRAG, [kind, image, of]))


def test_a_dropped_picture_takes_the_side_it_falls_on(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        target = line(view, 0).locator(TARGET)
        assert drag(target, "dragover", "img_4")
        assert "nbt-drop" in target.get_attribute("class")
        drag(target, "dragleave", "img_4")
        assert "nbt-drop" not in target.get_attribute("class")
        assert drag(target, "drop", "img_4")
        until(view, lambda: training.state.draft.pairs[0].target == "img_4")
        side(view, 0, "target").get_by_text("fox.png").wait_for()
        assert drag(line(view, 0).locator(SOURCE), "drop", "img_4")
        line(view, 0).get_by_text("the same picture").wait_for()
        assert training.state.draft.pairs[0].source == "img_1"


def test_elsewhere_it_begins_a_pair_whose_target_is_asked_for(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        assert drag(line(view, 0).locator(INSTRUCTION), "dragover", "img_4")
        assert view.page.locator(".nbt-section.nbt-drop").count() == 1
        assert drag(line(view, 0).locator(INSTRUCTION), "drop", "img_4")
        view.page.get_by_role("combobox", name="Target of pair 3").wait_for()
        assert training.state.draft.pairs[2].source == "img_4"
        assert view.page.locator(".nbt-drop").count() == 0


def test_an_empty_table_takes_the_first_picture(browser: Browser) -> None:
    training = made(pairs=0)
    with table(browser, training) as view:
        view.page.get_by_text("No pairs yet").wait_for()
        assert drag(view.page.locator(".nbt-empty"), "drop", "img_1")
        view.page.get_by_role("combobox", name="Target of pair 1").wait_for()


def test_other_things_and_other_trainings_pictures_are_not_taken(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        source = line(view, 0).locator(SOURCE)
        assert not drag(source, "dragover", "x", "text/plain")
        assert drag(source, "drop", "img_of_another")
        view.page.get_by_text("That picture is not in this training.").wait_for()
        assert view.sent("edit") == []


def test_while_it_trains_nothing_is_dropped(browser: Browser) -> None:
    with table(browser, made(status="training")) as view:
        assert not drag(line(view, 0).locator(SOURCE), "dragover", "img_4")


def test_a_picture_of_the_table_is_dragged_to_another_cell(browser: Browser) -> None:
    training = made()
    assert isinstance(training, StagedTraining) and training.type == EDIT
    with table(browser, training) as view:
        view.page.locator(".nbt-thumb img:visible").first.wait_for()
        from_, to = line(view, 0).locator(".nbt-thumb").nth(1), line(view, 1).locator(TARGET)
        from_.drag_to(to)
        until(view, lambda: training.state.draft.pairs[1].target == "img_0")


def handle(view: Shown, n: int) -> Any:
    line(view, n).hover()
    return line(view, n).locator(".nbt-grip")


def test_a_pair_is_dragged_by_its_handle_and_the_focus_goes_with_it(browser: Browser) -> None:
    training = many(5)
    with table(browser, training) as view:
        handle(view, 0).drag_to(line(view, 2), target_position={"x": 300, "y": 50})
        until(view, lambda: instructions(training) == ["1", "2", "0", "3", "4"])
        until(view, lambda: line(view, 2).locator(":focus").count() == 1)
        assert rows_chosen(view) == [] and len(view.sent("edit")) == 1
        handle(view, 4).drag_to(line(view, 0), target_position={"x": 300, "y": 5})
        until(view, lambda: instructions(training) == ["4", "1", "2", "0", "3"])
        for _ in range(2):
            view.page.get_by_role("button", name="Undo").click()
        until(view, lambda: instructions(training) == list("01234"))


def test_chosen_pairs_are_dragged_together_from_both_sides_of_where_they_go(
    browser: Browser,
) -> None:
    training = many(6)
    with table(browser, training) as view:
        for n in (0, 3, 5):
            number(view, n).click(modifiers=["Control"])
        until(view, lambda: rows_chosen(view) == [0, 3, 5])
        handle(view, 5).drag_to(line(view, 2), target_position={"x": 300, "y": 5})
        until(view, lambda: instructions(training) == ["1", "0", "3", "5", "2", "4"])
        until(view, lambda: rows_chosen(view) == [1, 2, 3])
        assert view.page.locator(".nbt-before, .nbt-after").count() == 0
        view.page.get_by_role("button", name="Undo").click()
        until(view, lambda: instructions(training) == list("012345"))


def test_while_it_trains_no_pair_is_moved(browser: Browser) -> None:
    training = made(status="training")
    with table(browser, training) as view:
        assert drag(handle(view, 0), "dragstart", "")  # not even begun
        handle(view, 0).drag_to(instruction(view, 1))
        view.page.wait_for_timeout(100)
        assert view.sent("edit") == []
