"""What tests of the launch protocol do with a launch."""

from __future__ import annotations

from typing import Any

import pytest
from fake_service import FakeService, Fault, down, lost

from phoenix_nbtrain import locks
from phoenix_nbtrain.errors import LaunchRefused, LaunchUncertain, StoreBusy, StoreError
from phoenix_nbtrain.launch import Launcher, Order
from phoenix_nbtrain.store.journal import Intent, IntentKind, Journal


def lose(
    service: FakeService,
    launcher: Launcher,
    wanted: Order,
    *,
    arrives: bool = False,
    unread: bool = False,
) -> None:
    """Send a launch and lose its reply; ``unread``: the model cannot be read afterwards, either."""

    def cut_off() -> None:
        if unread:
            service.before["get_model"] = down
        lost()

    (service.after if arrives else service.before)["trigger_training"] = cut_off
    with pytest.raises(LaunchUncertain):
        launcher.launch(wanted, max_cost=2000)
    service.before.clear()
    service.after.clear()


def refuse(
    service: FakeService,
    launcher: Launcher,
    wanted: Order,
    error: Fault,
    *,
    match: str | None = None,
) -> LaunchRefused:
    """Send a launch that the service answers with that error, and return how it is told."""
    service.before[f"trigger_{wanted.kind}"] = error
    with pytest.raises(LaunchRefused, match=match) as caught:
        launcher.launch(wanted, max_cost=2000)
    service.before.clear()
    return caught.value


def read(service: FakeService, launcher: Launcher, wanted: Order) -> str:
    """Read the model, and return the state of its launch then."""
    found = launcher.reconcile(service.get_model(wanted.model_id))
    return found.state if found else "none"


def states(journal: Journal, kind: IntentKind = "training") -> list[str]:
    """Return the states of the launches, the newest first."""
    return [intent.state for intent in journal.intents(kind=kind)]


def only(journal: Journal) -> Intent:
    """Return the one launch."""
    (intent,) = journal.intents()
    return intent


def cannot_note(journal: Journal, monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
    """Let the journal be in use whenever a launch is to be noted as in one of these states."""
    move = journal.move

    def busy(intent_id: str, to: Any, **rest: Any) -> bool:
        if to in states:
            raise StoreBusy("journal.sqlite3 is in use.", remedy="Try again.")
        return move(intent_id, to, **rest)

    monkeypatch.setattr(journal, "move", busy)


def locks_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only time tell who is at work, as where lock files cannot be looked into."""

    def unreadable(_: object) -> bool:
        raise StoreError("It cannot be looked into.")

    monkeypatch.setattr(locks, "is_locked", unreadable)
