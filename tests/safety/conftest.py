"""The service that loses replies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from safety.lossy import Lossy, serving

from phoenix_nbtrain.local.workers import Workers


@pytest.fixture
def phoenix(icons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lossy]:
    """A service with a model ``m``, in which no training moves on."""
    monkeypatch.setattr(Workers, "ensure", lambda _: None)
    with serving(tmp_path / "service", next(icons.glob("*.png"))) as phoenix:
        phoenix.seed("m")
        yield phoenix
