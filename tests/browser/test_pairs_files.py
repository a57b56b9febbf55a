"""Pairs from files and to them, and by the images' names, from the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser.pair_page import made
from trainings import EDIT, image, training_of


def test_a_file_is_imported_and_each_line_says_what_became_of_it(
    table: Any, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("source,target,instruction\nfox.png,cat.png,go\n<i>x</i>,cat.png,go\n")
    view = table(made())
    view.button("Import…").click()
    field = view.page.get_by_role("textbox", name="File on the kernel's computer")
    field.fill(str(tmp_path / "gone.csv"))
    view.press("Enter")
    view.says("gone.csv does not exist")
    field.fill(str(path))
    view.press("Enter")
    view.page.get_by_role("dialog").get_by_text("1 added, 1 refused.").wait_for()
    fates = view.page.get_by_role("region", name="Result for each line")
    assert "line 3" in fates.inner_text() and "<i>x</i> → cat.png" in fates.inner_text()
    assert view.page.locator("dialog i").count() == 0
    assert view.axe() == []
    view.press("Escape")
    view.line(2).get_by_text("go", exact=True).wait_for()
    assert len(view.pairs) == 3


def test_pairs_are_exported_and_no_file_is_overwritten_unasked(table: Any, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("mine")
    view = table(made())
    view.button("Export…").click()
    text = view.page.get_by_role("textbox", name="File contents")
    view.until(lambda: text.input_value().startswith("source,target,instruction"))
    view.button("JSON lines").click()
    view.until(lambda: text.input_value().startswith('{"source": "cat line.png"'))
    field = view.page.get_by_role("textbox", name="File on the kernel's computer")
    assert field.input_value() == "pairs.jsonl"
    assert view.axe() == []
    field.fill(str(path))
    view.button("Write file").click()
    view.says("pairs.jsonl exists with different content.")
    assert path.read_text() == "mine"
    view.button("Overwrite").click()
    view.says(f"Written: {path}")
    assert path.read_text() == text.input_value()
    assert view.button("Overwrite").count() == 0
    view.js(
        "() => window.addEventListener('copy', (e) => { window.got = e.clipboardData.getData('text/plain') })"
    )
    view.button("Copy").click()
    view.says("Copied.")


def test_an_empty_table_pairs_images_by_their_names(table: Any) -> None:
    rows = [
        image(n, name=f"{stem}_{word}.png")
        for n, (stem, word) in enumerate(
            (stem, word) for stem in ("x", "y") for word in ("before", "after")
        )
    ]
    view = table(training_of(rows, type=EDIT))
    view.button("Pair up by names").click()
    view.line(1).wait_for()
    assert [row.triple[:2] for row in view.pairs] == [
        ("img_0", "img_1"),
        ("img_2", "img_3"),
    ]
    assert view.button("Pair up by names").count() == 0
    assert "2 pairs made" in view.page.locator("[aria-live]").first.text_content()


def test_names_that_tell_of_no_pairs_say_so(table: Any) -> None:
    view = table(made(pairs=0))
    view.button("Pair up by names").click()
    view.says("The names don't suggest any pairs.")
    assert view.axe() == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_dialogs_fit_a_narrow_page(table: Any, dark: bool) -> None:
    view = table(made(), width=360, dark=dark)
    for name in ("Import…", "Export…"):
        view.button(name).click()
        view.page.get_by_role("dialog").wait_for()
        assert view.axe() == []
        assert view.js(
            "() => { const d = document.querySelector('dialog'); return d.scrollWidth <= d.clientWidth; }"
        )
        view.press("Escape")
