"""What tests of panels of widgets share: what a panel holds and says, and that it failed at nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which a view failed to show a change: that goes to the log only."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelname == "ERROR"] == []


def everything(widget: Any) -> Iterator[Any]:
    """Go over a widget and all it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def said(panel: Any) -> str:
    """Return all that a panel and its parts say, as their state holds it."""
    states = (dict(widget.get_state()) for widget in everything(panel))
    return "\n".join(
        repr({k: v for k, v in state.items() if k not in ("_esm", "_css")}) for state in states
    )


def alive() -> set[str]:
    """Return the ids of all widgets that are open."""
    return set(_instances)


def visible(widget: Any) -> bool:
    return widget.layout.display != "none"
