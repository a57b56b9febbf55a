"""Virtual scrolling in the grid and the pair table: few lines are in the page, and they are in reading order."""

from __future__ import annotations

from typing import Any

import pytest
from browser.harness import Shown, shown
from browser.pair_page import many
from playwright.sync_api import Browser
from trainings import image, training_of

from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

LINES = """() => [...document.querySelectorAll(".nbt-line[aria-rowindex]")]
  .map((line) => Number(line.getAttribute("aria-rowindex")))"""


def grid() -> Any:
    return ImageGrid(training_of([image(n) for n in range(400)]))


def pair_table() -> Any:
    return PairTable(many(400))


def settled(view: Shown, height: int) -> list[int]:
    """Scroll there, and return the numbers of the lines in the page, in the page's order."""
    before = view.js(LINES)
    view.scroll(height)
    return view.until(lambda: (lines := view.js(LINES)) != before and lines)


@pytest.mark.parametrize("made", [grid, pair_table])
def test_lines_are_used_again_and_stay_in_reading_order(browser: Browser, made: Any) -> None:
    with shown(browser, made()) as view:
        view.until(lambda: len(view.js(LINES)) > 3)
        first = view.js(LINES)
        view.js("() => document.querySelectorAll('.nbt-line').forEach((line) => (line.old = true))")
        for height in (900, 3000, 2600, 600):
            lines = settled(view, height)
            assert lines == sorted(lines)
            assert len(lines) <= len(first) + 6
        used = "() => [...document.querySelectorAll('.nbt-line')].filter((line) => line.old).length"
        assert view.js(used) > 0


@pytest.mark.parametrize("made", [grid, pair_table])
def test_the_line_that_has_the_focus_stays_in_the_page(browser: Browser, made: Any) -> None:
    with shown(browser, made()) as view:
        view.until(lambda: len(view.js(LINES)) > 3)
        view.page.locator(".nbt-scroll [tabindex='0']").first.focus()
        lines = settled(view, 3000)
        assert lines[0] <= 2 and lines[1] - lines[0] > 1
        assert view.js("() => document.activeElement.closest('.nbt-line') !== null")
        assert settled(view, 0)[:2] == [lines[0], lines[0] + 1]
