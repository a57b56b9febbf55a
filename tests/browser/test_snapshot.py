"""The snapshot in a browser: beside a view that lives or does not, and in an exported page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser.harness import Browser, browser
from nbconvert import HTMLExporter
from playwright.sync_api import Page
from trainings import EDIT, StagedTraining, image, pair, training_of
from views.notebook import open_notebook

from phoenix_nbtrain.widgets.base import bundle_text
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.studio import Studio

__all__ = ["browser"]

UNHEARD_MS = 5000
"""Longer than a view waits for its kernel before it folds itself."""

# -- a view and its snapshot -----------------------------------------------------------------------------

BESIDE = """<!doctype html><html lang="en"><head><style>__CSS__</style></head><body>
<div class="jp-OutputArea-child" id="view"><div id="el"><div class="nbt nbt-panel"><input id="field"><p id="body">view</p><i id="script"></i></div></div></div>
<div class="jp-OutputArea-child" id="output"><div class="nbt-snapshot nbt-snapshot-1">snapshot</div></div>
<div class="jp-OutputArea-child" id="other"><div class="nbt-snapshot nbt-snapshot-2">another's</div></div>
</body></html>"""

BEGIN = """async (esm) => {
  const heard = new Map();
  window.tell = (name) => [...(heard.get(name) ?? [])].forEach((call) => call());
  window.calls = () => [...heard.values()].flat().length;
  window.end = new AbortController();
  const model = {
    get: (name) => (name === "snapshot_class" ? "nbt-snapshot-1" : undefined),
    on: (name, call) => heard.set(name, [...(heard.get(name) ?? []), call]),
    off: (name, call) => heard.set(name, (heard.get(name) ?? []).filter((c) => c !== call)),
  };
  const view = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  view.default.render({ model, el: document.getElementById("script"), signal: window.end.signal });
}"""


@pytest.fixture
def beside(browser: Browser) -> Iterator[Page]:
    """A page with a view and its snapshot; time stands still until the test lets it pass."""
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.set_content(BESIDE.replace("__CSS__", bundle_text("panels.css")))
    page.evaluate(BEGIN, bundle_text("panels.js"))
    yield page
    context.close()


def visible(page: Page) -> set[str]:
    return {name for name in ("body", "output", "other") if page.locator(f"#{name}").is_visible()}


@pytest.mark.parametrize("news", ["msg:custom", "change:summary"])
def test_a_view_that_hears_from_its_kernel_hides_its_own_snapshot(beside: Page, news: str) -> None:
    assert visible(beside) == {"body", "output", "other"}
    beside.evaluate("(news) => tell(news)", news)
    assert visible(beside) == {"body", "other"}
    beside.clock.fast_forward(UNHEARD_MS)
    assert visible(beside) == {"body", "other"}


def test_a_view_that_hears_of_no_kernel_folds_and_unfolds_when_one_comes(beside: Page) -> None:
    beside.clock.fast_forward(UNHEARD_MS)
    assert visible(beside) == {"output", "other"}
    assert beside.locator(".nbt-alone").inner_text().startswith("The kernel is not responding.")
    beside.evaluate("() => tell('msg:custom')")
    assert visible(beside) == {"body", "other"}
    assert beside.locator(".nbt-alone").count() == 0


def test_what_is_being_typed_stays_in_sight(beside: Page) -> None:
    beside.locator("#field").focus()
    beside.clock.fast_forward(UNHEARD_MS)
    assert visible(beside) == {"body", "output", "other"}


def test_a_view_without_a_snapshot_does_not_fold(beside: Page) -> None:
    beside.evaluate("() => document.getElementById('output').remove()")
    beside.clock.fast_forward(UNHEARD_MS)
    assert visible(beside) == {"body", "other"}


def test_an_output_that_holds_a_view_besides_the_snapshot_is_not_hidden(beside: Page) -> None:
    # An Output widget: both are inside of one of the page's outputs.
    beside.evaluate(
        "() => document.getElementById('view').append(document.getElementById('output'))"
    )
    beside.evaluate("() => tell('msg:custom')")
    assert visible(beside) == {"body", "other"}


def test_a_view_that_goes_leaves_the_page_as_it_was(beside: Page) -> None:
    beside.evaluate("() => tell('msg:custom')")
    beside.evaluate("() => { end.abort(); document.getElementById('view').remove(); }")
    assert visible(beside) == {"output", "other"}
    assert beside.evaluate("() => calls()") == 0


# -- an exported page --------------------------------------------------------------------------------

BAD = [
    "<img src=x onerror=top.__pwn=1>.png",
    "<script>top.__pwn=1</script>",
    "<select><iframe></select><img src=x: onerror=top.__pwn=1>",
    "</style></td></table></div><b onclick=top.__pwn=1>",
    '" onload="top.__pwn=1" x="',
    "[x](javascript:alert(1))",
    "fox\u202egnp.exe",
]


def put_out(monkeypatch: pytest.MonkeyPatch, *views: Any) -> Any:
    """Return a notebook whose cells display these views, as it is saved without a page."""
    notebook = open_notebook(monkeypatch, page=False)
    document = nbformat.v4.new_notebook()
    for n, view in enumerate(views):
        notebook.run(f"{n}", view)
        outputs = [
            nbformat.v4.new_output("display_data", one.data) for one in notebook.outputs[f"{n}"]
        ]
        document.cells.append(nbformat.v4.new_code_cell(f"view_{n}", outputs=outputs))
        view.close()
    return document


@contextmanager
def exported(
    browser: Browser, document: Any, folder: Path, *, dark: bool = False, **more: Any
) -> Iterator[Page]:
    """Open the page that nbconvert makes; nothing is fetched for it."""
    path = folder / "page.html"
    exporter = HTMLExporter(theme="dark" if dark else "light")
    path.write_text(exporter.from_notebook_node(document)[0], encoding="utf-8")
    context = browser.new_context(color_scheme="dark" if dark else "light", **more)
    page = context.new_page()
    page.route("**/*", lambda r: r.continue_() if r.request.url.startswith("file:") else r.abort())
    try:
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        yield page
    finally:
        context.close()


def imaged(count: int) -> StagedTraining:
    rows = [image(n, f"a thing, number {n}") for n in range(count)]
    pairs = [pair(n, n, n + 1) for n in range(0, count - 1, 2)]
    return training_of(rows, pairs, type=EDIT)


def test_an_exported_page_shows_the_images_without_any_script(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = put_out(monkeypatch, ImageGrid(imaged(30)), Studio(imaged(8)))
    with exported(browser, document, tmp_path, java_script_enabled=False) as page:
        snapshots = page.locator(".nbt-snapshot")
        assert snapshots.count() == 2
        for n, expected in ((0, 24), (1, 16)):
            pictures = snapshots.nth(n).locator("img")
            assert pictures.count() == expected
            for one in pictures.all():
                assert one.is_visible()
                box = one.bounding_box()
                assert box is not None and box["width"] >= 40
        assert "and 6 more images" in snapshots.first.inner_text()
    # The same with script, which alone can tell whether they were decoded.
    with exported(browser, document, tmp_path) as page:
        widths = page.evaluate(
            "async () => { const all = [...document.querySelectorAll('.nbt-snapshot img')];"
            " await Promise.all(all.map((one) => one.decode()));"
            " return all.map((one) => one.naturalWidth) }"
        )
        assert len(widths) == 40 and min(widths) > 0


@pytest.mark.parametrize("words", BAD, ids=range(len(BAD)))
def test_nothing_fires_in_an_exported_page(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    rows = [image(1, words, name=words), image(2, "", name="b.png")]
    training = training_of(rows, [pair(1, 1, 2, words)], type=EDIT, name=words)
    studio = Studio(training_of(rows, [pair(1, 1, 2, words)], type=EDIT, name=words))
    document = put_out(monkeypatch, ImageGrid(training), studio)
    with exported(browser, document, tmp_path) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        for snapshot in page.locator(".nbt-snapshot").all():
            for one in snapshot.locator("b, td, div").all():
                one.dispatch_event("click")
        assert page.evaluate("() => window.__pwn") is None
        assert dialogs == []
        assert (
            page.locator(".nbt-snapshot :is(script, iframe, select, button, a, [onclick])").count()
            == 0
        )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1080])
def test_a_snapshot_fits_its_page_and_reads_well(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, dark: bool
) -> None:
    training = imaged(9)
    training.change(draft=training.state.draft.with_images({"img_3": image(3, "", name="x" * 59)}))
    document = put_out(monkeypatch, Studio(training))
    size = {"width": width, "height": 900}
    with exported(browser, document, tmp_path, dark=dark, viewport=size) as page:
        outside = page.evaluate(
            "() => [...document.querySelectorAll('.nbt-snapshot, .nbt-snapshot *')].filter((one) => {"
            "  const box = one.closest('.nbt-snapshot').getBoundingClientRect();"
            "  const mine = one.getBoundingClientRect();"
            "  return mine.width && (mine.right > box.right + 1 || box.right > innerWidth) })"
            ".map((one) => one.outerHTML.slice(0, 80))"
        )
        assert outside == []
        page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("async () => (await window.axe.run('.nbt-snapshot')).violations")
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []


def test_a_snapshot_reads_with_every_style_and_class_taken_away(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = put_out(monkeypatch, Studio(imaged(9)))
    with exported(browser, document, tmp_path, viewport={"width": 900, "height": 900}) as page:
        page.evaluate(
            "() => { const snapshot = document.querySelector('.nbt-snapshot');"
            " document.body.replaceChildren(snapshot);"
            " document.head.replaceChildren();"
            " for (const one of [snapshot, ...snapshot.querySelectorAll('*')]) {"
            "   if (one.matches('style')) one.remove();"
            "   for (const name of ['class', 'style', 'id']) one.removeAttribute(name); } }"
        )
        pictures = page.locator("img")
        assert pictures.count() == 17
        boxes = [one.bounding_box() for one in pictures.all()]
        # Four in a row, side by side and of the size that stands in their attributes.
        first = [box for box in boxes if box and abs(box["y"] - boxes[0]["y"]) < 2]
        assert len(first) == 4
        assert {round(max(b["width"], b["height"])) for b in boxes if b} == {120, 72}
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
