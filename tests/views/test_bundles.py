"""The views' bundles: text in a notebook, files that are watched for whoever works on them."""

from __future__ import annotations

import pytest

from phoenix_nbtrain.widgets import base
from phoenix_nbtrain.widgets.base import STATIC, bundle, bundle_text


def test_a_bundle_is_text() -> None:
    assert bundle("grid.js") == bundle_text("grid.js") == (STATIC / "grid.js").read_text("utf-8")


def test_where_views_are_worked_on_anywidget_watches_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "RELOADS", True)
    assert bundle("grid.js") == STATIC / "grid.js"
