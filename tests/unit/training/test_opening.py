"""A model is created once per name, whatever happens while it is being created."""

from __future__ import annotations

import pytest
from fake_service import FakeService
from training_types import Opened

from phoenix_nbtrain.errors import ServiceUnreachable


def test_ctrl_c_while_it_is_created_leaves_nothing_that_the_cell_run_again_does_not_finish(
    opened: Opened, service: FakeService
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    service.after["create_model"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        opened()
    service.after.clear()
    assert opened().model_id == next(iter(service.models))
    assert service.count("create_model") == 1


def test_a_lost_reply_of_the_creation_is_found_by_looking(
    opened: Opened, service: FakeService
) -> None:
    def lost() -> None:
        raise ServiceUnreachable("Timed out.", sent=True)

    service.after["create_model"] = lost
    with pytest.raises(ServiceUnreachable):
        opened()
    service.after.clear()
    opened()
    assert service.count("create_model") == 1


def test_a_creation_that_never_arrived_is_given_up_and_done_anew(
    opened: Opened, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phoenix_nbtrain.training import opening

    monkeypatch.setattr(opening, "GRACE_SECONDS", 0)

    def lost() -> None:
        raise ServiceUnreachable("Reset.", sent=True)

    service.before["create_model"] = lost
    with pytest.raises(ServiceUnreachable):
        opened()
    service.before.clear()
    opened()
    assert len(service.models) == 1
