"""Real widgets in a real browser, without Jupyter: a page's fake model talks to the kernel's half.

What the page sends is given to the widget in this process, and what the widget sends or sets goes
back to the page. A test can lose messages on the way.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from phoenix_nbtrain.draft import ImageRow, PairRow

PATIENCE = 30.0
"""Seconds."""

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>view</title>
<style>body { margin: 0; padding: 16px; background: #fff } body.dark { background: #0e1116 }</style>
</head><body><main id="here"></main></body></html>"""

_MODEL = """
async ({ esm, css, state }) => {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
  const handlers = new Map();
  const fire = (name, ...args) => [...(handlers.get(name) ?? [])].forEach((call) => call(...args));
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const model = {
    state, lost: 0, sent: [], mute: false, heard: [],
    get: (name) => model.state[name],
    set: (name, value) => { model.state[name] = value; fire(`change:${name}`); },
    on: (name, call) => handlers.set(name, [...(handlers.get(name) ?? []), call]),
    off: (name, call) => handlers.set(name, (handlers.get(name) ?? []).filter((c) => c !== call)),
    handlers: () => [...handlers.values()].reduce((n, list) => n + list.length, 0),
    async send(message) {
      model.sent.push(message);
      if (model.mute) return;
      this.deliver(await window.kernelHears(JSON.stringify(message)));
    },
    deliver({ states, replies }) {
      for (const [name, value] of states) { model.state[name] = value; fire(`change:${name}`); }
      for (const { content, buffers } of replies) {
        if (model.lost > 0) { model.lost -= 1; continue; }
        model.heard.push(content);
        fire("msg:custom", content, buffers.map(bytes));
      }
    },
  };
  window.model = model;
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const module = await import(url);
  window.end = await module.default.render({ model, el: document.getElementById("here") });
}
"""


def chromium() -> str | None:
    """Return this computer's own browser; without one, Playwright may have its own.

    The one without windows first: it opens a page in half the time of the one that draws its own
    toolbars for each.
    """
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Missing in CI is a failure; elsewhere the test is skipped.

    One per module, not per session: while Playwright is up, this thread counts as inside an event
    loop, and tests of other things could start none.
    """
    path = chromium()
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            reason = "No Chromium: apt install chromium, or playwright install chromium."
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        running = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield running
        running.close()


def until(where: Any, holds: Callable[[], Any], what: str = "it") -> Any:
    """Wait for something to hold on a page, or in what has a page, and return it.

    Patient, since a machine that is busy with other things may take its time; whatever must be
    quick is measured in the benchmarks.
    """
    page: Page = getattr(where, "page", where)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        page.wait_for_timeout(30)
    raise AssertionError(f"{what} did not come to be")


def axe(where: Any, selector: str) -> list[str]:
    """Return the serious and critical accessibility faults of a part of a page."""
    page: Page = getattr(where, "page", where)
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("async (s) => (await window.axe.run(s)).violations", selector)
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:200]} {v['nodes'][0]['failureSummary'][:300]}"
        for v in found
        if v["impact"] in ("serious", "critical")
    ]


def shot(where: Any, name: str) -> None:
    """Keep an image of a page, where NBTRAIN_SCREENSHOTS names a folder."""
    folder = os.environ.get("NBTRAIN_SCREENSHOTS")
    if folder:
        getattr(where, "page", where).screenshot(path=Path(folder) / f"{name}.png")


class Shown:
    """A widget on a page."""

    training: Any
    """The training that it shows, where a fixture made it."""

    def __init__(self, page: Page, widget: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._console)
        page.route("**/*", lambda route: route.abort())  # nothing is ever fetched
        page.set_content(_PAGE)
        page.expose_function("kernelHears", self._hear)
        self.take(widget)

    def take(self, widget: Any) -> None:
        """Show a widget on the page, where none is or the one before has ended."""
        self.widget = widget
        self._replies: list[dict[str, Any]] = []
        self._states: list[tuple[str, Any]] = []
        widget.send = self._keep
        names = [n for n in ("summary", "selected", "density") if n in widget.keys]
        widget.observe(self._changed, names=names)
        state = {n: getattr(widget, n) for n in names}
        self.js(_MODEL, {"esm": widget._esm, "css": widget._css, "state": state})

    def tell(self) -> None:
        """Bring what the widget sent or set by itself to the page."""
        self.page.evaluate("(news) => window.model.deliver(news)", self._news())

    def js(self, code: str, arg: Any = None) -> Any:
        """Evaluate in the page."""
        return self.page.evaluate(code, arg)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Return what the page asked the kernel."""
        return [m for m in self.js("() => window.model.sent") if m["kind"] == kind]

    @property
    def images(self) -> Sequence[ImageRow]:
        """What the kernel holds."""
        return self.training.state.draft.images

    @property
    def pairs(self) -> Sequence[PairRow]:
        return self.training.state.draft.pairs

    def until(self, holds: Callable[[], Any], what: str = "it") -> Any:
        """Wait for something to hold, and return it."""
        return until(self, holds, what)

    def press(self, *keys: str) -> None:
        """Press these keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str, *keys: str) -> None:
        """Type a text, then press these keys."""
        self.page.keyboard.type(text)
        self.press(*keys)

    def button(self, name: str, **how: Any) -> Locator:
        return self.page.get_by_role("button", name=name, **how)

    def says(self, text: str, **how: Any) -> None:
        """Wait for a text to be on the page."""
        self.page.get_by_text(text, **how).wait_for()

    @property
    def dialog(self) -> Locator:
        return self.page.locator("dialog")

    def closed(self) -> None:
        """Close the dialog that is open."""
        self.press("Escape")
        self.until(lambda: self.dialog.count() == 0)

    def scroll(self, y: int) -> None:
        self.js("(y) => { document.querySelector('.nbt-scroll').scrollTop = y }", y)

    def count_keys(self) -> None:
        """Count the keys from now on that reach the notebook."""
        self.js(
            """() => { window.keys = [];
            document.body.addEventListener('keydown', (e) => keys.push(e.key)) }"""
        )

    def keys(self) -> list[str]:
        """Return the keys that reached the notebook."""
        return self.js("() => window.keys")

    def unguarded(self) -> list[str]:
        """Return what takes the focus and would let its keys reach the notebook."""
        return self.js(
            """() => [...document.querySelectorAll('#here button, #here [tabindex]')]
            .filter((n) => !n.hasAttribute('data-lm-suppress-shortcuts')).map((n) => n.outerHTML)"""
        )

    def count_urls(self) -> None:
        """Count in `live` the images that the page holds from now on."""
        self.js(
            """() => { window.live = 0;
            const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
            URL.createObjectURL = (b) => (window.live += 1, make.call(URL, b));
            URL.revokeObjectURL = (u) => (window.live -= 1, drop.call(URL, u)); }"""
        )

    def axe(self) -> list[str]:
        """Return the serious and critical accessibility faults."""
        return axe(self, "#here")

    def _hear(self, message: str) -> dict[str, Any]:
        self.widget._handle_custom_msg(json.loads(message), [])
        return self._news()

    def _news(self) -> dict[str, Any]:
        news = {"states": self._states, "replies": self._replies}
        self._states, self._replies = [], []
        return news

    def _keep(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        encoded = [base64.b64encode(b).decode() for b in buffers or []]
        self._replies.append({"content": json.loads(json.dumps(content)), "buffers": encoded})

    def _changed(self, change: Any) -> None:
        self._states.append((change["name"], change["new"]))

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)


View = TypeVar("View", bound=Shown)


@contextmanager
def shown(
    browser: Browser,
    widget: Any,
    of: type[View] = Shown,  # type: ignore[assignment]
    *,
    width: int = 1080,
    height: int = 900,
    dark: bool = False,
) -> Iterator[View]:
    """Show a widget on a page of its own; errors on the page fail the test."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    try:
        view = of(page, widget)
        if dark:
            view.js("() => document.body.classList.add('dark')")
        yield view
        assert view.errors == []
    finally:
        context.close()
        widget.close()
