"""Two that changed one caption, images that are dragged, contrast, and nothing left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from trainings import StagedTraining, image, images, training_of


def disputed() -> StagedTraining:
    mine = replace(image(1, "mine"), theirs="theirs", refusal="Somebody else changed it, too.")
    return training_of([mine, image(2, "a dog")])


@pytest.mark.parametrize(
    ("button", "key", "kept"),
    [("Keep mine", "", "mine"), ("Take theirs", "", "theirs"), ("", "m", "mine"), ("", "t", "theirs")],
)  # fmt: skip
def test_where_two_changed_one_caption_both_are_shown_and_one_is_kept(
    grid: Any, button: str, key: str, kept: str
) -> None:
    view = grid(disputed())
    view.tile(0).get_by_text("Theirs: theirs").wait_for()
    assert view.caption(0).inner_text() == "mine"
    assert not view.tile(1).locator(".nbt-choice").is_visible()
    if button:
        view.tile(0).get_by_role("button", name=button).click()
    else:
        view.tile(0).locator(".nbt-pic img").click()
        view.press(key)
    view.until(lambda: view.images[0].theirs is None)
    assert view.images[0].caption == kept
    view.until(lambda: not view.tile(0).locator(".nbt-choice").is_visible())
    if button:
        assert view.widget.selected == []  # a click on a button selects nothing


def test_the_choice_stands_beside_the_large_image_too(grid: Any) -> None:
    view = grid(disputed())
    view.tile(0).locator(".nbt-pic img").dblclick(position={"x": 40, "y": 40})
    viewer = view.page.locator("dialog.nbt-viewer")
    viewer.get_by_text("Theirs: theirs").wait_for()
    assert view.axe() == []
    viewer.get_by_role("button", name="Take theirs").click()
    view.until(lambda: view.images[0].caption == "theirs")
    view.until(lambda: viewer.get_by_label("Caption").input_value() == "theirs")
    assert not viewer.get_by_role("button", name="Take theirs").is_visible()


def test_a_dragged_image_says_which_it_is_and_of_which_model(grid: Any) -> None:
    view = grid(training_of(images(4)))
    view.select(1, 2)
    dragged = """(n) => {
        const data = new DataTransfer();
        const cell = document.querySelectorAll(".nbt-tile")[n];
        const event = new DragEvent("dragstart", { dataTransfer: data, bubbles: true, cancelable: true });
        const went = cell.dispatchEvent(event);
        return [went, data.getData("application/x-nbtrain-image"), data.getData("text/plain")];
    }"""
    went, what, name = view.js(dragged, 2)
    assert went and what == "img_2 model_1" and name == "picture-2.png"
    view.caption(0).click()
    view.page.locator("textarea").wait_for()
    assert view.js(dragged, 0)[0] is False  # text is selected there, not the image moved


@pytest.mark.parametrize(
    ("theme", "colours"),
    [
        ("JupyterLab Light High Contrast", ("rgb(255, 255, 255)", "rgb(0, 0, 0)")),
        ("JupyterLab Dark High Contrast", ("rgb(0, 0, 0)", "rgb(255, 255, 255)")),
    ],
)
def test_high_contrast_is_the_hosts(grid: Any, theme: str, colours: tuple[str, str]) -> None:
    view = grid(training_of([image(1, "a"), image(2, ""), image(3, "c", refusal="no")]))
    view.js(
        """(theme) => { document.body.dataset.jpThemeName = theme;
        document.body.dataset.jpThemeLight = String(theme.includes("Light")); }""",
        theme,
    )
    view.select(0)
    style = view.js(
        """() => { const s = getComputedStyle(document.querySelector(".nbt"));
        return [s.backgroundColor, s.color] }"""
    )
    assert tuple(style) == colours
    assert view.axe() == []


def test_the_end_of_a_view_leaves_nothing_behind(grid: Any) -> None:
    view = grid(training_of(images(60)))
    view.js("() => window.end()")  # what it began before it was counted
    view.js(
        """async () => {
        const live = (window.live = { urls: new Set(), timers: new Set(), sizes: 0, keys: 0 });
        const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
        URL.createObjectURL = (b) => { const u = make.call(URL, b); live.urls.add(u); return u };
        URL.revokeObjectURL = (u) => { live.urls.delete(u); drop.call(URL, u) };
        for (const name of ["setInterval"]) {
          const own = window[name];
          window[name] = (...a) => { const id = own.apply(window, a); live.timers.add(id); return id };
        }
        const clear = window.clearInterval;
        window.clearInterval = (id) => { live.timers.delete(id); clear(id) };
        const Own = ResizeObserver;
        window.ResizeObserver = class extends Own {
          observe(n) { live.sizes += 1; super.observe(n) }
          disconnect() { live.sizes -= 1; super.disconnect() }
        };
        for (const node of [window, document, document.body]) {
          const [on, off] = [node.addEventListener, node.removeEventListener];
          node.addEventListener = (...a) => {
            live.keys += 1;
            a[2]?.signal?.addEventListener("abort", () => { live.keys -= 1 });
            on.apply(node, a);
          };
          node.removeEventListener = (...a) => { live.keys -= 1; off.apply(node, a) };
        }
        }"""
    )
    view.js(
        """async (esm) => {
        const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
        const module = await import(url);
        URL.revokeObjectURL(url);
        window.end = await module.default.render({ model, el: document.getElementById("here") });
        }""",
        view.widget._esm,
    )
    view.select(0, 1)
    view.press("o")
    view.page.locator("dialog.nbt-viewer img[src]").wait_for()
    view.page.wait_for_timeout(300)
    busy = view.js("() => [live.urls.size, live.timers.size, live.sizes]")
    assert busy[0] >= 12 and busy[1] >= 1 and busy[2] >= 2
    view.js("() => window.end()")
    left = view.js("() => [live.urls.size, live.timers.size, live.sizes, live.keys]")
    assert left == [0, 0, 0, 0]
    assert view.js("() => window.model.handlers()") == 0
    assert view.page.locator(".nbt, dialog").count() == 0
