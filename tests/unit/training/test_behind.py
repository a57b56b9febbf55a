"""The kernel stays free: what takes long goes on behind the cells."""

from __future__ import annotations

import threading
from pathlib import Path

from fake_service import FakeService

from phoenix_nbtrain.runner import ThreadRunner
from phoenix_nbtrain.training.training import Training


def test_no_cell_waits_for_uploads_prices_or_progress(service: FakeService, icons: Path) -> None:
    training = Training.open("icons", type="flux.2-dev-lora", client=service, runner=ThreadRunner())
    for operation, cell in (
        ("upload_image", lambda: training.add_images(icons)),
        ("quote_training", training.request_estimate),
        ("get_model", training.resume_watch),
    ):
        with held_up(service, operation) as begun:
            cell()
            assert begun.wait(60), operation
            # It is on its way and cannot end before this does; all the same the next cell runs.
            training.set_captions(lambda _, words=operation: words)
            assert set(training.images["caption"]) == {operation}
    training.sync()
    assert set(training.images["state"]) == {"saved"}


class held_up:
    """Holds an operation of the service up until the block ends."""

    def __init__(self, service: FakeService, operation: str) -> None:
        self._service, self._operation = service, operation
        self._begun, self._go_on = threading.Event(), threading.Event()

    def __enter__(self) -> threading.Event:
        def wait() -> None:
            self._begun.set()
            assert self._go_on.wait(30)

        self._service.before[self._operation] = wait
        return self._begun

    def __exit__(self, *_: object) -> None:
        del self._service.before[self._operation]
        self._go_on.set()
