"""A launcher over a Phoenix in memory, with a clock that stands still until it is moved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clocks import SetClock
from fake_service import FakeService

from phoenix_nbtrain.launch import Launcher, Order, download_order
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
def journal(tmp_path, clock) -> Journal:
    return Journal(tmp_path / "journal.sqlite3", clock=clock)


@pytest.fixture
def launcher(service, journal, clock) -> Launcher:
    return Launcher(service, journal, clock=clock, sleep=clock.pass_)


@pytest.fixture
def wanted(service) -> Order:
    return Order(model_id=next(iter(service.models)), parameters={"n": 1}, fingerprint="f")


@pytest.fixture
def other(wanted) -> Order:
    """A training of the same model with other parameters."""
    return replace(wanted, parameters={"n": 2}, fingerprint="g")


@pytest.fixture
def take(service, launcher, wanted) -> Order:
    """A download of the weights of a training that was bought and has ended."""
    launcher.launch(wanted, max_cost=2000)
    return download_order(service.finish(wanted.model_id))
