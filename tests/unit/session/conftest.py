"""A training over a service in memory, with everything inline and time standing still."""

from __future__ import annotations

import pytest
from fake_service import FakeService
from training_types import Opened

from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training


@pytest.fixture
def service() -> FakeService:
    return FakeService(is_local=True)


@pytest.fixture
def runner() -> InlineRunner:
    return InlineRunner()


@pytest.fixture
def opened(service: FakeService, runner: InlineRunner) -> Opened:
    """Open the one training; ``again=True`` as a kernel that was just started would."""

    def open_(type: str = "flux.2-dev-lora", *, again: bool = False) -> Training:
        if again:
            _here.clear()
        return Training.open("icons", type=type, client=service, runner=runner)

    return open_
