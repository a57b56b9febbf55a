"""A launcher over a Phoenix in memory, with a clock that stands still until it is moved."""

from __future__ import annotations

from pathlib import Path

import pytest
from clocks import SetClock
from fake_service import FakeService

from phoenix_nbtrain.launch import Launcher, Order
from phoenix_nbtrain.store.journal import Journal


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.seed()
    return service


@pytest.fixture
def journal(tmp_path: Path, clock: SetClock) -> Journal:
    return Journal(tmp_path / "journal.sqlite3", clock=clock)


@pytest.fixture
def launcher(service: FakeService, journal: Journal, clock: SetClock) -> Launcher:
    return Launcher(service, journal, clock=clock, sleep=clock.pass_)


@pytest.fixture
def wanted(service: FakeService) -> Order:
    return Order(model_id=next(iter(service.models)), parameters={"n": 1}, fingerprint="f")
