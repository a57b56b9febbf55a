"""A training for the panels: the views' fake one, with a price, a start and a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances
from views.fakes import FakeTraining, images

from phoenix_nbtrain.session.adding import AddReport
from phoenix_nbtrain.session.browsing import Folder
from phoenix_nbtrain.session.state import (
    Estimate,
    LaunchState,
    PriceState,
    Run,
    Thumbnail,
)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which a panel failed to show a change: that goes to the log only."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelname == "ERROR"] == []


def estimate(amount: int = 1296, **more: Any) -> Estimate:
    given = {
        "model_id": "model_1",
        "amount": Decimal(amount),
        "unit": "simulated CU",
        "details": {"train-model": Decimal(amount)},
        "fingerprint": "f",
        "served": "s",
    }
    return Estimate(**{**given, **more})


class Buying(FakeTraining):
    """It counts what it is asked, and does nothing by itself."""

    unit = "simulated CU"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[Any] = []
        self.added: Future[AddReport] = Future()
        said = self.calls.append
        self.purchase = SimpleNamespace(
            price_soon=lambda: said("estimate"),
            start_shown=lambda estimate_id: said(("start", estimate_id)),
            stop=lambda: said("stop"),
        )
        self.watch = SimpleNamespace(begin=lambda: said("watch"))
        self.adding = SimpleNamespace(add=self._add)
        self.samples: dict[str, bytes] = {}

    def _add(self, source: object, *, again: bool = False) -> None:
        self.calls.append(("add again" if again else "add", source))

    def behind(self, name: str, command: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if name != "add":
            return super().behind(name, command, *args, **named)
        command(*args, **named)
        return self.added

    def browse(self, folder: str, *, recursive: bool = False) -> Folder:
        self.calls.append(("browse", folder, recursive))
        live: Any = self  # a runner and a state are all that a folder needs of one
        return Folder(folder, recursive=recursive, live=live)

    def starts(self) -> list[str]:
        return [call[1] for call in self.calls if call[0] == "start"]

    def price(self, given: Estimate | None = None, **more: Any) -> Estimate:
        """Show a price, by default one that can be accepted."""
        given = given or estimate()
        count = len(self.state.draft.images)
        shown = {"phase": "shown", "covers": count, "of": count, "acceptable": True, **more}
        self.change(price=PriceState(estimate=given, **shown))
        return given

    def runs(self, status: str = "training", **more: Any) -> None:
        """Show a run."""
        run = Run(run_id="run_1", status=status, **more)
        self.change(model=replace(self.state.model, status=status), run=run)

    def launching(self, phase: str, message: str = "", **more: Any) -> None:
        self.change(launch=LaunchState(phase=phase, message=message, **more))

    def _thumbnail(self, image_id: str, px: int) -> Thumbnail:
        if image_id in self.samples:
            return Thumbnail(mime="image/png", content=self.samples[image_id])
        return super()._thumbnail(image_id, px)


def ready(count: int = 24, **more: Any) -> Buying:
    """Return a training of ``count`` saved images with a price."""
    training = Buying(images(count), **more)
    training.price()
    return training


def everything(widget: Any) -> Iterator[Any]:
    """Go over a widget and all it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def said(panel: Any) -> str:
    """Return all that a panel and its parts say, as their state holds it."""
    parts = []
    for widget in everything(panel):
        state = dict(widget.get_state())
        state.pop("_esm", None)
        state.pop("_css", None)
        parts.append(repr(state))
    return "\n".join(parts)


def alive() -> set[str]:
    """Return the ids of all widgets that are open."""
    return set(_instances)


def visible(widget: Any) -> bool:
    return widget.layout.display != "none"
