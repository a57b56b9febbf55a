"""A file from the desktop that falls on a view: the page stays, and says where images are added."""

from __future__ import annotations

from typing import Any

import pytest
from browser.harness import browser, shot, shown
from playwright.sync_api import Browser
from trainings import EDIT, image, images, pair, training_of

from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

__all__ = ["browser"]

DROP = """([selector, kind, file]) => {
  const data = new DataTransfer();
  if (file) data.items.add(new File(["x"], "holiday.png", { type: "image/png" }));
  else data.setData("text/plain", "words");
  const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  return !document.querySelector(selector).dispatchEvent(event);
}"""
"""Whether the view takes what is dragged; what nobody takes, the browser opens."""


def views() -> dict[str, tuple[Any, str]]:
    rows = [image(n) for n in range(3)]
    return {
        "grid": (ImageGrid(training_of(images(3))), ".nbt-tile"),
        "grid without images": (ImageGrid(training_of()), ".nbt-empty"),
        "pair table": (PairTable(training_of(rows, [pair(1, 0, 1)], type=EDIT)), ".nbt-side"),
    }


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", views())
def test_a_file_is_swallowed_and_the_way_in_is_told(
    browser: Browser, name: str, dark: bool
) -> None:
    view_, place = views()[name]
    with shown(browser, view_, dark=dark) as view:
        view.page.locator(place).first.wait_for()
        assert view.js(DROP, [place, "dragover", True])
        assert view.page.get_by_role("alert").count() == 0
        for _ in range(2):
            assert view.js(DROP, [place, "drop", True])
        said = view.page.get_by_role("alert")
        said.get_by_text("Files cannot be dropped here.").wait_for()
        assert said.count() == 1 and "training.add_images()" in said.inner_text()
        shot(view, f"dropped-{name}-{'dark' if dark else 'light'}")
        assert view.axe() == []
        said.get_by_role("button", name="Dismiss").click()
        assert said.count() == 0
        assert view.sent("edit") == []


def test_words_that_are_dragged_are_none_of_its_business(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of(images(3)))) as view:
        view.page.locator(".nbt-tile").first.wait_for()
        assert not view.js(DROP, [".nbt-tile", "drop", False])
        assert view.page.get_by_role("alert").count() == 0
