"""What every test gets: a memory of its own, and no credentials from outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read once, when numpy is loaded. Two matrix threads on a busy machine wait for each other most of
# the time, and the trainer's own process has one.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from phoenix_nbtrain.client import connect
from phoenix_nbtrain.images.drawings import draw_icons

CREDENTIALS = ("PHOENIX_NBTRAIN_", "SCENARIO_")
"""How the names begin of everything that says whose account, or which Phoenix, is meant."""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(CREDENTIALS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connect, "_default", None)
    yield
    if connect._default is not None:
        connect._default.close()


@pytest.fixture(scope="session")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of the project's own drawings, small."""
    return draw_icons(tmp_path_factory.mktemp("icons"), count=4, size=64)
