"""Several views on one page, over a wire that loses, doubles, delays and reorders what it carries.

The page's time stands still until it is let pass, and every message waits here in between, so a run
of a seed is the same run every time. The kernel's half of each view is the real one, in this thread.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Browser, Page

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>views</title></head>
<body style="margin: 0; padding: 8px"></body></html>"""
SCRIPT = Path(__file__).with_name("several.js").read_text(encoding="utf-8")
TRAITS = ("summary", "selected")

LOST = DOUBLED = 0.06
DELAYED = 0.25
LATE = 6
"""Turns that a late message may take."""


@dataclass
class _Carried:
    due: int
    view: str
    content: dict[str, Any]


class Several:
    """Views of one training on one page."""

    def __init__(self, page: Page, widgets: Mapping[str, Any], rng: Random) -> None:
        self.page, self.widgets, self._rng = page, dict(widgets), rng
        self.faulty = True
        self.heard: Callable[[str, dict[str, Any], Callable[[], None]], None] = (
            lambda _view, _message, handle: handle()
        )
        """Called with each message that reaches the kernel, and how to have it handled."""
        self.meanwhile: Callable[[], object] = lambda: None
        """Called while a calm is waited for: time passes in the kernel, too."""
        self.log: list[dict[str, Any]] = []
        """What was typed, and what became of it on the page."""
        self.history: list[str] = []
        """Everything in its order, for whoever looks for the cause of a failure."""
        self._turn = 0
        self._up: list[_Carried] = []
        self._down: list[_Carried] = []
        self._traits: list[_Carried] = []
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        page.route("**/*", lambda route: route.abort())
        page.set_content(PAGE)
        page.evaluate(f"() => {{ {SCRIPT} }}")
        for name, widget in widgets.items():
            self._connect(name, widget)
            state = {trait: getattr(widget, trait) for trait in TRAITS if trait in widget.keys}
            given = {"name": name, "esm": widget._esm, "css": widget._css, "state": state}
            self.js("show", given)

    def _connect(self, name: str, widget: Any) -> None:
        def send(content: dict[str, Any], buffers: Sequence[bytes] | None = None) -> None:
            encoded = [base64.b64encode(b).decode() for b in buffers or ()]
            news = {"view": name, "content": json.loads(json.dumps(content)), "buffers": encoded}
            self._carry(self._down, name, news)

        def changed(change: Any) -> None:
            # The traits of a widget come in their order, however late.
            due = max([self._due(), *(c.due for c in self._traits if c.view == name)])
            news = {"view": name, "name": change["name"], "value": change["new"]}
            if not self._chance(LOST):
                self._traits.append(_Carried(due, name, news))

        widget.send = send
        widget.observe(changed, names=[trait for trait in TRAITS if trait in widget.keys])

    # -- the wire -------------------------------------------------------------------------------

    def _chance(self, of: float) -> bool:
        return self.faulty and self._rng.random() < of

    def _due(self) -> int:
        return self._turn + (self._rng.randint(1, LATE) if self._chance(DELAYED) else 0)

    def _carry(self, way: list[_Carried], view: str, content: dict[str, Any]) -> None:
        if self._chance(LOST):
            return
        way.append(_Carried(self._due(), view, content))
        if self._chance(DOUBLED):
            way.append(_Carried(self._due(), view, content))

    def _arrived(self, way: list[_Carried]) -> list[_Carried]:
        here = [c for c in way if c.due <= self._turn]
        way[:] = [c for c in way if c.due > self._turn]
        return here

    def _note(self, *what: object) -> None:
        self.history.append(f"{self._turn} {what}"[:1500])

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way but what views ask now and then, for good measure."""
        asked = [c for c in self._up if not c.content.get("idle")]
        return not (asked or self._down or self._traits)

    def turn(self, gestures: Sequence[dict[str, Any]] = (), *, ms: int = 20) -> None:
        """Bring what has arrived, let the hands work and time pass, and take what is sent."""
        self._turn += 1
        for carried in self._arrived(self._up):
            widget, message = self.widgets[carried.view], carried.content
            self._note("heard", carried.view, message)
            self.heard(
                carried.view,
                message,
                lambda widget=widget, message=message: widget._handle_custom_msg(message, []),
            )
        steps = [{"deliver": c.content} for c in self._arrived(self._traits)]
        among: list[dict[str, Any]] = [{"deliver": c.content} for c in self._arrived(self._down)]
        among += [{"gesture": gesture} for gesture in gestures]
        among += [{"pass": self._rng.choice((1, 17, 40))} for _ in range(self._rng.randint(0, 2))]
        for step in among:
            steps.insert(self._rng.randint(0, len(steps)), step)
        for step in steps:
            if "pass" not in step:
                self._note(*step.items())
        done = self.js("turn", [*steps, {"pass": ms}])
        for one in done["sent"]:
            self._note("sent", one)
            self._carry(self._up, one["view"], one["message"])
        for one in done["log"]:
            self._note("log", one)
        self.log += done["log"]

    def settle(self) -> None:
        """End the faults, and wait until every question is answered, the lost ones too."""
        self.faulty = False
        still = 0
        for _ in range(400):
            self.meanwhile()
            # Longer than the longest wait before something is sent again.
            self.turn(ms=70_000 if still else 200)
            still = still + 1 if self.quiet else 0
            if still == 3:
                return
        raise AssertionError("\n".join(["the views go on asking:", *self.history[-12:]]))

    def answered(self) -> None:
        """Wait until what was asked just now is answered; nothing is lost any more."""
        for _ in range(400):
            self.turn(ms=40)
            if self.quiet:
                return
        raise AssertionError("the views go on asking: " + "\n".join(self.history[-12:]))

    # -- the screen -----------------------------------------------------------------------------

    def js(self, code: str, *arguments: Any) -> Any:
        """Call a function of the page's ``several``."""
        # As text: Playwright would look at every value of it.
        call = f"async (a) => JSON.stringify(await window.several.{code}(...JSON.parse(a)) ?? null)"
        return json.loads(self.page.evaluate(call, json.dumps(arguments)))

    def walk(self, name: str) -> Iterator[None]:
        """Scroll a view from its top to its end, waiting for its rows at each stop."""
        top: float | None = 0
        while top is not None:
            top = self.js("go", name, top)
            self.answered()
            yield

    def screen(self, name: str) -> list[dict[str, Any]]:
        """Return what a person sees who reads a view from its top to its end."""
        found: dict[int, dict[str, Any]] = {}
        for _ in self.walk(name):
            found |= {int(at): row for at, row in self.js("read", name).items()}
        assert sorted(found) == list(range(len(found))), f"{name} leaves places empty"
        return [found[at] for at in sorted(found)]

    def around(self, name: str) -> dict[str, Any]:
        """Return what stands around a view's list."""
        said: dict[str, Any] = self.js("around", name)
        return said

    def rest(self) -> None:
        """Take the hands off, and read and let go of every refused text that is offered again."""
        for _ in range(2):  # the second time for fields that searches had hidden
            for name in self.widgets:
                self.js("rest", name)
            self.settle()
        for name in self.widgets:
            for _ in self.walk(name):
                self.js("offers", name)
        self.settle()


@contextmanager
def several(browser: Browser, widgets: Mapping[str, Any], rng: Random) -> Iterator[Several]:
    """Show widgets on one page; errors on the page fail the test."""
    context = browser.new_context(viewport={"width": 1080, "height": 1600})
    try:
        views = Several(context.new_page(), widgets, rng)
        yield views
        assert views.errors == []
    finally:
        context.close()
        for widget in widgets.values():
            widget.close()
