"""What goes to the page before anybody asks."""

from __future__ import annotations

from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm
from trainings import EDIT, image, pair, training_of

from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable


@pytest.mark.parametrize(("view", "total"), [(ImageGrid, 2), (PairTable, 1)])
def test_what_a_view_shows_comes_with_the_message_that_opens_it(
    monkeypatch: pytest.MonkeyPatch, view: type[ImageGrid | PairTable], total: int
) -> None:
    said: list[tuple[str, dict[str, Any]]] = []

    class Comm(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, **_: Any) -> None:
            said.append((msg_type, data["state"] if data else {}))

    monkeypatch.setattr(comm, "create_comm", Comm)

    shown = view(training_of([image(0), image(1)], [pair(0, 0, 1)], type=EDIT))

    own = [(kind, state) for kind, state in said if state.get("_model_module") == "anywidget"]
    assert [kind for kind, _ in own] == ["comm_open"]
    assert own[0][1]["summary"]["total"] == total
    assert said[-1] == own[0]
    shown.close()
