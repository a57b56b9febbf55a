"""The kernel stays free: what takes long goes on behind the cells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_service import FakeService

from phoenix_nbtrain.runner import ThreadRunner
from phoenix_nbtrain.training import Training


def test_no_cell_waits_for_uploads_prices_or_progress(service, icons):
    training = Training.open("icons", type="flux.2-dev-lora", client=service, runner=ThreadRunner())
    for operation, cell in (
        ("upload_image", lambda: training.add_images(icons)),
        ("quote_training", training._session.purchase.price_soon),
        ("get_model", training._session.watch.begin),
    ):
        with held_up(service, operation) as begun:
            cell()
            assert begun.wait(120), operation
            # It is on its way and cannot end before this does; all the same the next cell runs.
            training.set_captions(lambda _, words=operation: words)
            assert set(training.images["caption"]) == {operation}
    training.sync()
    assert set(training.images["state"]) == {"saved"}


@contextmanager
def held_up(service: FakeService, operation: str) -> Iterator[threading.Event]:
    """Hold an operation up until the block ends; fail where a cell waited for it."""
    begun, go_on, waited_for = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        if not go_on.wait(60):
            waited_for.set()

    service.before[operation] = wait
    yield begun
    del service.before[operation]
    go_on.set()
    assert not waited_for.is_set(), operation
