"""Grid and table while JupyterLab changes its theme: they follow at once, and can be read in each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from browser.harness import Browser, axe, browser, until
from browser.lab import Lab, Notebook, lab, pictures

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

THEMES = ("JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast")

READ = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const over = (top, under) => { // what shows where one colour lies on another
        const a = top[3] ?? 1;
        return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a));
    };
    const light = (c) => {
        const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (node) => {
        const layers = [];
        for (let n = node; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
        return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
    };
    const dim = [];
    let read = 0;
    for (const node of document.querySelectorAll(".nbt *")) {
        const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!own || node.closest(":disabled, .nbt-hidden, style") || !node.checkVisibility({ visibilityProperty: true })) continue;
        const back = behind(node);
        const front = over(parse(getComputedStyle(node).color), back);
        const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
        read += 1;
        if ((a + 0.05) / (b + 0.05) < 4.5) dim.push(`${node.className}: ${node.textContent.slice(0, 40)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
    }
    return [read, dim];
}"""
"""How many texts there are in the views, and which of them stand out less than 4.5 : 1."""

LOOK = """() => [...document.querySelectorAll(".nbt")].map((view) => {
    const s = getComputedStyle(view);
    return [s.backgroundColor, s.color, s.colorScheme];
})"""


def change(notebook: Notebook, theme: str) -> None:
    notebook.js("await app.commands.execute('apputils:change-theme', { theme: argument });", theme)
    said = "() => document.body.dataset.jpThemeName"
    until(notebook, lambda: notebook.page.evaluate(said) == theme, f"the theme {theme}")
    notebook.page.wait_for_timeout(300)  # colours of buttons go over in 0.12 s


def shot(notebook: Notebook, name: str) -> None:
    folder = os.environ.get("NBTRAIN_SCREENSHOTS")
    if folder:
        notebook.page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_views_follow_the_theme_at_once_and_are_read_in_each(
    browser: Browser, lab: Lab, pictures: Path
) -> None:
    opening = f"""
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("themes", type="flux.2-dev-edit-lora")
training.add_images({pictures.name!r}, recursive=True)
training.pair_up("line", "colour", instruction="colour the line drawing")
training.sync()
"""
    lab.write("themes.ipynb", [opening, "nbt.ImageGrid(training)", "nbt.PairTable(training)"])
    with lab.open(browser, "themes.ipynb", height=2000) as notebook:
        page = notebook.page
        notebook.run_all()
        grid, table = notebook.cell(1), notebook.cell(2)
        grid.locator(".nbt-pic[data-image=shown]").first.wait_for()
        table.locator(".nbt-instruction").first.wait_for()
        grid.locator(".nbt-tile:visible .nbt-pic").nth(1).click()
        grid.locator(".nbt-tile:visible .nbt-cap").first.click()
        typed = page.get_by_label("Caption of")
        typed.fill("half a sen")
        page.evaluate("() => { window.sameDocument = true }")

        looks: dict[str, Any] = {}
        for theme in (*THEMES, THEMES[0]):
            change(notebook, theme)
            shot(notebook, f"theme-{theme.replace(' ', '-').lower()}")
            look = page.evaluate(LOOK)
            assert looks.setdefault(theme, look) == look  # and back again
            assert len(look) == 2 and look[0] == look[1]
            read, dim = page.evaluate(READ)
            assert read >= 60 and dim == []
            assert axe(notebook, ".nbt") == []
        assert [looks[theme][0][0] for theme in THEMES] == [
            "rgb(255, 255, 255)",
            "rgb(20, 24, 30)",
            "rgb(0, 0, 0)",
        ]
        assert [looks[theme][0][2] for theme in THEMES] == ["light", "dark", "dark"]
        # Nothing was reloaded or made anew: what was being typed is typed on.
        assert page.evaluate("() => window.sameDocument") is True
        page.keyboard.type("tence")
        assert typed.input_value() == "half a sentence"
        page.keyboard.press("Escape")
