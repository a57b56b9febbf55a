"""Fixtures of the local Phoenix's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.local.local_phoenix import Phoenix

from phoenix_nbtrain.local.workers import Workers


@pytest.fixture
def phoenix(tmp_path, monkeypatch) -> Iterator[Phoenix]:
    """A local Phoenix that starts no process: jobs wait until a test works them off."""
    monkeypatch.setattr(Workers, "ensure", lambda self: None)
    yield Phoenix(tmp_path / "phoenix")


@pytest.fixture
def live(tmp_path) -> Iterator[Phoenix]:
    """A local Phoenix as it is, with a real worker process."""
    found = Phoenix(tmp_path / "phoenix")
    yield found
    found.end_workers()
