"""Ctrl-C passes through every call as it is: never wrapped, never swallowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain.training import Training

ASKED = (
    *("get_model", "list_models", "get_job", "add_training_images", "upload_image"),
    *("update_model", "quote_training", "trigger_training", "cancel_training"),
    *("quote_download", "trigger_download", "get_download", "fetch_to"),
)


@pytest.mark.parametrize("method", ASKED)
def test_ctrl_c_ends_whatever_call_asks_the_service(method, opened, service, icons, tmp_path):
    training = opened(images=icons)
    runner = training._session.store.runner

    def finish() -> None:
        service.finish(training.model_id)

    calls: list[Callable[[], object]] = [
        lambda: Training.open("icons", type=training.type, client=service, runner=runner),
        lambda: Training.open(model_id=training.model_id, client=service, runner=runner),
        training.sync,
        training.estimate,
        training.start,
        lambda: Training.attach(client=service, runner=runner),
        training.stop,
        lambda: nbt.models(service),
        lambda: nbt.runs(service),
        training.start,
        finish,
        training.refresh,
        training.wait,
        training.estimate_download,
        lambda: training.download(tmp_path),
        lambda: nbt.train("configure", training.model_id, client=service, config={"epochs": 4}),
        training.sync,
    ]
    met = 0
    for call in calls:
        asked = service.count(method)
        with pytest.MonkeyPatch.context() as planted:
            planted.setitem(service.before, method, KeyboardInterrupt())
            try:
                call()
            except KeyboardInterrupt:
                met += 1
            except nbt.PhoenixError:
                assert service.count(method) == asked, "it was interrupted, and tells otherwise"
            else:
                assert service.count(method) == asked, "it was interrupted, and went on"
        try:  # the cell is run again
            call()
        except nbt.LaunchUncertain:
            assert method.startswith("trigger")
        except nbt.InputError:
            assert method.startswith("trigger"), "there was no run to wait for"
    assert met
    assert len(service.launches) <= 2
