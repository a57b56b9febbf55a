"""The views' bundles: text in a notebook, files that are watched for whoever works on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoenix_nbtrain.widgets import base
from phoenix_nbtrain.widgets.base import STATIC, bundle, bundle_text


def test_a_bundle_is_text() -> None:
    assert bundle("grid.js") == bundle_text("grid.js") == (STATIC / "grid.js").read_text("utf-8")


@pytest.mark.parametrize("script", sorted(STATIC.rglob("*.js")), ids=lambda path: path.stem)
def test_each_script_has_at_most_40_kib(script: Path) -> None:
    """Every saved notebook holds the text of its views."""
    assert 0 < script.stat().st_size <= 40 * 1024


def test_where_views_are_worked_on_anywidget_watches_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "RELOADS", True)
    assert bundle("grid.js") == STATIC / "grid.js"
