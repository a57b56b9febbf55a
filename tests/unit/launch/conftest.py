"""A launcher over a Phoenix in memory, with a clock that stands still until it is moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_service import FakeService

from phoenix_nbtrain.launch import Launcher
from phoenix_nbtrain.store.journal import Journal


class Clock:
    """Time as the tests make it pass."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.create_model(name="m", type="flux.2-dev-lora")
    return service


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Journal:
    return Journal(tmp_path / "journal.sqlite3", clock=clock)


@pytest.fixture
def launcher(service: FakeService, journal: Journal, clock: Clock) -> Launcher:
    return Launcher(service, journal, clock=clock, sleep=clock.pass_)
