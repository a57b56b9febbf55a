"""Pairs from files and to them, and by the pictures' names, from the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.harness import browser, until
from browser.pair_page import line, made, table
from playwright.sync_api import Browser
from trainings import EDIT, image, training_of

__all__ = ["browser"]


def test_a_file_is_imported_and_each_line_says_what_became_of_it(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("source,target,instruction\nfox.png,cat.png,go\n<i>x</i>,cat.png,go\n")
    training = made()
    with table(browser, training) as view:
        view.page.get_by_role("button", name="Import…").click()
        field = view.page.get_by_role("textbox", name="File on the kernel's computer")
        field.fill(str(tmp_path / "gone.csv"))
        view.page.keyboard.press("Enter")
        view.page.get_by_text("gone.csv; ").wait_for()
        field.fill(str(path))
        view.page.keyboard.press("Enter")
        view.page.get_by_role("dialog").get_by_text("1 added, 1 refused.").wait_for()
        fates = view.page.get_by_role("region", name="What became of each line")
        assert "line 3" in fates.inner_text() and "<i>x</i> → cat.png" in fates.inner_text()
        assert view.page.locator("dialog i").count() == 0
        assert view.axe() == []
        view.page.keyboard.press("Escape")
        line(view, 2).get_by_text("go", exact=True).wait_for()
        assert len(training.state.draft.pairs) == 3


def test_pairs_are_exported_and_no_file_is_overwritten_unasked(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("mine")
    with table(browser, made()) as view:
        view.page.get_by_role("button", name="Export…").click()
        text = view.page.get_by_role("textbox", name="What is written")
        until(view, lambda: text.input_value().startswith("source,target,instruction"))
        view.page.get_by_role("button", name="JSON lines").click()
        until(view, lambda: text.input_value().startswith('{"source": "cat line.png"'))
        field = view.page.get_by_role("textbox", name="File on the kernel's computer")
        assert field.input_value() == "pairs.jsonl"
        assert view.axe() == []
        field.fill(str(path))
        view.page.get_by_role("button", name="Write file").click()
        view.page.get_by_text("pairs.jsonl exists with other content.").wait_for()
        assert path.read_text() == "mine"
        view.page.get_by_role("button", name="Overwrite it").click()
        view.page.get_by_text(f"Written: {path}").wait_for()
        assert path.read_text() == text.input_value()
        assert view.page.get_by_role("button", name="Overwrite it").count() == 0
        view.js(
            "() => window.addEventListener('copy', (e) => { window.got = e.clipboardData.getData('text/plain') })"
        )
        view.page.get_by_role("button", name="Copy").click()
        view.page.get_by_text("Copied.").wait_for()


def test_an_empty_table_pairs_pictures_by_their_names(browser: Browser) -> None:
    rows = [
        image(n, name=f"{stem}_{word}.png")
        for n, (stem, word) in enumerate(
            (stem, word) for stem in ("x", "y") for word in ("before", "after")
        )
    ]
    training = training_of(rows, type=EDIT)
    with table(browser, training) as view:
        view.page.get_by_role("button", name="Pair up by names").click()
        line(view, 1).wait_for()
        assert [row.triple[:2] for row in training.state.draft.pairs] == [
            ("img_0", "img_1"),
            ("img_2", "img_3"),
        ]
        assert view.page.get_by_role("button", name="Pair up by names").count() == 0
        assert "2 pairs made" in view.page.locator("[aria-live]").first.text_content()


def test_names_that_tell_of_no_pairs_say_so(browser: Browser) -> None:
    with table(browser, made(pairs=0)) as view:
        view.page.get_by_role("button", name="Pair up by names").click()
        view.page.get_by_text("The names tell of no pairs.").wait_for()
        assert view.axe() == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_dialogs_fit_a_narrow_page(browser: Browser, dark: bool) -> None:
    with table(browser, made(), width=360, dark=dark) as view:
        for name in ("Import…", "Export…"):
            view.page.get_by_role("button", name=name).click()
            view.page.get_by_role("dialog").wait_for()
            assert view.axe() == []
            assert view.js(
                "() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth; }"
            )
            view.page.keyboard.press("Escape")
