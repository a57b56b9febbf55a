"""What tests of the launch protocol do with a launch: lose its reply, and read what became of it."""

from __future__ import annotations

import pytest
from fake_service import FakeService

from phoenix_nbtrain import locks
from phoenix_nbtrain.errors import LaunchUncertain, ServiceUnreachable, StoreError
from phoenix_nbtrain.launch import Launcher, Order

__all__ = ["locks_tell_nothing", "lose", "read"]


def lose(service: FakeService, launcher: Launcher, wanted: Order) -> None:
    """Send a launch that never arrives, and hear nothing."""

    def reset() -> None:
        raise ServiceUnreachable("Reset.", sent=True)

    service.before["trigger_training"] = reset
    with pytest.raises(LaunchUncertain):
        launcher.launch(wanted, max_cost=2000)
    service.before.clear()


def read(service: FakeService, launcher: Launcher, wanted: Order) -> str:
    """Read the model, and return the state of its launch then."""
    found = launcher.reconcile(service.get_model(wanted.model_id))
    return found.state if found else "none"


def locks_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only time tell who is at work, as where lock files cannot be looked into."""

    def unreadable(_: object) -> bool:
        raise StoreError("It cannot be looked into.")

    monkeypatch.setattr(locks, "is_locked", unreadable)
