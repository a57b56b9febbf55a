"""Images dragged onto the pair table."""

from __future__ import annotations

from typing import Any

from browser.harness import Shown
from browser.pair_page import INSTRUCTION, SOURCE, TARGET, made, many
from trainings import EDIT, StagedTraining

DRAG = """(node, [kind, id, type]) => {
  const data = new DataTransfer();
  data.setData(type, id);
  return !node.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
IMAGE = "application/x-nbtrain-image"


def drag(place: Any, kind: str, image: str, of: str = IMAGE) -> bool:
    """Return whether the table takes it."""
    return bool(place.evaluate(DRAG, [kind, image, of]))


def test_a_dropped_image_takes_the_side_it_falls_on(table: Any) -> None:
    view = table(made())
    target = view.line(0).locator(TARGET)
    assert drag(target, "dragover", "img_4")
    assert "nbt-drop" in target.get_attribute("class")
    drag(target, "dragleave", "img_4")
    assert "nbt-drop" not in target.get_attribute("class")
    assert drag(target, "drop", "img_4")
    view.until(lambda: view.pairs[0].target == "img_4")
    view.side(0, "target").get_by_text("fox.png").wait_for()
    assert drag(view.line(0).locator(SOURCE), "drop", "img_4")
    view.line(0).get_by_text("the same image").wait_for()
    assert view.pairs[0].source == "img_1"


def test_elsewhere_it_begins_a_pair_whose_target_is_asked_for(table: Any) -> None:
    view = table(made())
    assert drag(view.line(0).locator(INSTRUCTION), "dragover", "img_4")
    assert view.page.locator(".nbt-section.nbt-drop").count() == 1
    assert drag(view.line(0).locator(INSTRUCTION), "drop", "img_4")
    view.page.get_by_role("combobox", name="Target of pair 3").wait_for()
    assert view.pairs[2].source == "img_4"
    assert view.page.locator(".nbt-drop").count() == 0


def test_an_empty_table_takes_the_first_image(table: Any) -> None:
    view = table(made(pairs=0))
    view.says("No pairs yet")
    assert drag(view.page.locator(".nbt-empty"), "drop", "img_1")
    view.page.get_by_role("combobox", name="Target of pair 1").wait_for()


def test_other_things_and_other_trainings_images_are_not_taken(table: Any) -> None:
    view = table(made())
    source = view.line(0).locator(SOURCE)
    assert not drag(source, "dragover", "x", "text/plain")
    assert drag(source, "drop", "img_of_another")
    view.says("That image is not in this training.")
    assert view.sent("edit") == []


def test_while_it_trains_nothing_is_dropped(table: Any) -> None:
    view = table(made(status="training"))
    assert not drag(view.line(0).locator(SOURCE), "dragover", "img_4")


def test_an_image_of_the_table_is_dragged_to_another_cell(table: Any) -> None:
    training = made()
    assert isinstance(training, StagedTraining) and training.type == EDIT
    view = table(training)
    view.page.locator(".nbt-thumb img:visible").first.wait_for()
    from_, to = view.line(0).locator(".nbt-thumb").nth(1), view.line(1).locator(TARGET)
    from_.drag_to(to)
    view.until(lambda: view.pairs[1].target == "img_0")


def handle(view: Shown, n: int) -> Any:
    view.line(n).hover()
    return view.line(n).locator(".nbt-grip")


def test_a_pair_is_dragged_by_its_handle_and_the_focus_goes_with_it(table: Any) -> None:
    view = table(many(5))
    handle(view, 0).drag_to(view.line(2), target_position={"x": 300, "y": 50})
    view.until(lambda: view.instructions() == ["1", "2", "0", "3", "4"])
    view.until(lambda: view.line(2).locator(":focus").count() == 1)
    assert view.rows_chosen() == [] and len(view.sent("edit")) == 1
    handle(view, 4).drag_to(view.line(0), target_position={"x": 300, "y": 5})
    view.until(lambda: view.instructions() == ["4", "1", "2", "0", "3"])
    for _ in range(2):
        view.button("Undo").click()
    view.until(lambda: view.instructions() == list("01234"))


def test_chosen_pairs_are_dragged_together_from_both_sides_of_where_they_go(
    table: Any,
) -> None:
    view = table(many(6))
    for n in (0, 3, 5):
        view.number(n).click(modifiers=["Control"])
    view.until(lambda: view.rows_chosen() == [0, 3, 5])
    handle(view, 5).drag_to(view.line(2), target_position={"x": 300, "y": 5})
    view.until(lambda: view.instructions() == ["1", "0", "3", "5", "2", "4"])
    view.until(lambda: view.rows_chosen() == [1, 2, 3])
    assert view.page.locator(".nbt-before, .nbt-after").count() == 0
    view.button("Undo").click()
    view.until(lambda: view.instructions() == list("012345"))


def test_while_it_trains_no_pair_is_moved(table: Any) -> None:
    view = table(made(status="training"))
    assert drag(handle(view, 0), "dragstart", "")  # not even begun
    handle(view, 0).drag_to(view.instruction(1))
    view.page.wait_for_timeout(100)
    assert view.sent("edit") == []
