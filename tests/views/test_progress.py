"""The progress panel without a browser: its words, its samples, its stop."""

from __future__ import annotations

import gc
import json
import math
import re
import time
import weakref
from dataclasses import replace
from typing import Any

import pytest
from trainings import StagedTraining, have, images, training_of
from views.panels import alive, quiet, said

from phoenix_nbtrain.session.state import EpochSamples
from phoenix_nbtrain.widgets.progress import EPOCHS_SHOWN, POINTS, ProgressPanel

__all__ = ["quiet"]

Heard = list[tuple[dict[str, Any], list[bytes]]]


def opened(**more: Any) -> tuple[StagedTraining, ProgressPanel, Heard]:
    training = training_of(images(2), **more)
    panel = ProgressPanel(training)
    heard: Heard = []
    panel.send = lambda content, buffers=None: heard.append((content, buffers or []))
    return training, panel, heard


def ask(panel: ProgressPanel, **request: Any) -> None:
    panel._handle_custom_msg(request, [])


def sampled(*epochs: int) -> tuple[EpochSamples, ...]:
    return tuple(EpochSamples(epoch=e, asset_ids=(f"asset_{e}_a", f"asset_{e}_b")) for e in epochs)


@pytest.mark.parametrize(
    ("run", "headline"),
    [
        (
            {"stage": "running-train", "epoch": 7, "epochs": 12, "remaining_seconds": 55},
            "running-train · epoch 7 of 12 · about 55 s left",
        ),
        ({"stage": "running-train", "remaining_seconds": 61}, "running-train · about 1 min left"),
        ({"remaining_seconds": 5400}, "training · about 1 h 30 min left"),
        ({"stage": "queued", "position": 3}, "queued · 3 ahead in the queue"),
        ({"remaining_seconds": math.nan}, "training"),
        ({"remaining_seconds": 0.2}, "training · nearly done"),
        ({"status": "trained", "seconds": 41}, "trained in 41 s"),
        ({"status": "failed", "seconds": 90}, "failed after 2 min"),
        ({"status": "training-canceled", "seconds": 8}, "stopped after 8 s"),
        ({"status": "training-canceled"}, "stopped"),
        ({"status": "paused"}, "paused"),
    ],
)
def test_it_says_how_far_the_run_is(run: dict[str, Any], headline: str) -> None:
    training, panel, _ = opened()
    assert panel.summary["headline"] == "not started"
    training.runs(**run)
    assert panel.summary["headline"] == headline


def test_what_is_old_says_of_when_it_is_and_promises_nothing() -> None:
    training, panel, _ = opened()
    seen = time.mktime((*time.localtime()[:3], 14, 2, 30, 0, 0, -1))
    about = {"stage": "running-train", "epoch": 7, "epochs": 12, "progress": 0.5}
    training.runs(**about, last_seen=seen, remaining_seconds=10)
    assert panel.summary["headline"] == "running-train · epoch 7 of 12 · last seen 14:02"
    assert panel.summary["old"]
    training.runs(**about, last_seen=seen - 5 * 86_400)
    day = time.strftime("%Y-%m-%d", time.localtime(seen - 5 * 86_400))
    assert panel.summary["headline"].endswith(f"last seen {day} 14:02")
    training.runs("trained", seconds=41)
    assert panel.summary["headline"] == panel.summary["standing"] == "trained in 41 s"


def test_a_static_image_of_a_run_never_says_how_long_the_rest_takes() -> None:
    training, panel, _ = opened()
    training.runs(stage="running-train", epoch=7, epochs=12, remaining_seconds=10)
    assert panel.summary["headline"].endswith("about 10 s left")
    now = r"running-train · epoch 7 of 12 · last seen \d\d:\d\d"
    assert re.fullmatch(now, panel.summary["standing"])
    ((section,),) = (panel.snapshot(training.state),)
    assert re.search(now, repr(section))
    assert "left" not in repr(section)
    assert re.search(now, repr(panel))


def test_a_failure_comes_with_its_words() -> None:
    training, panel, _ = opened()
    training.runs("failed", message="Out of memory. Use a smaller rank.")
    assert panel.summary["message"] == "Out of memory. Use a smaller rank."
    assert panel.summary["phase"] == "failed"


def test_the_state_stays_small_and_is_json_whatever_the_service_says() -> None:
    training, panel, _ = opened()
    losses = (*((step, 1 / (step + 1)) for step in range(5000)), (5000, math.nan))
    training.runs(
        progress=math.inf, losses=losses, samples=sampled(*range(1, 101)), stage="\udc80" * 500
    )
    points = panel.summary["losses"]
    assert len(points) == POINTS
    assert (points[0][0], points[-1][0]) == (0, 4999)
    assert panel.summary["progress"] is None
    assert [s["epoch"] for s in panel.summary["samples"]] == list(range(101 - EPOCHS_SHOWN, 101))
    assert panel.summary["epochs_sampled"] == 100
    assert len(json.dumps(panel.summary, allow_nan=False).encode()) < 10_000


def test_older_samples_come_when_asked_for() -> None:
    training, panel, heard = opened()
    training.runs(samples=sampled(*range(1, 11)))
    ask(panel, id="a", kind="samples")
    reply, _ = heard.pop()
    assert [s["epoch"] for s in reply["samples"]] == list(range(1, 11))


def test_samples_are_small_images_and_a_failed_one_says_why() -> None:
    training, panel, heard = opened()
    have(training.service, "asset_1_a", b"png")
    training.runs(samples=sampled(1))
    ask(panel, id="a", kind="thumbnails", ids=["asset_1_a", "asset_1_b"], px=192)
    reply, buffers = heard.pop()
    assert reply["ok"]
    assert reply["thumbnails"][0] == {"image_id": "asset_1_a", "mime": "image/png", "buffer": 0}
    assert reply["thumbnails"][1]["error"] == "Asset asset_1_b not found."
    assert buffers == [b"png"]


@pytest.mark.parametrize(
    "request_", [{"ids": ["asset_9"], "px": 96}, {"ids": "x", "px": 96}, {"ids": [], "px": "big"}]
)
def test_what_is_no_sample_of_the_run_is_not_fetched(request_: dict[str, Any]) -> None:
    training, panel, heard = opened()
    training.runs(samples=sampled(1))
    ask(panel, id="a", kind="thumbnails", **request_)
    assert heard.pop()[0]["ok"] is False
    assert training.small.asked == []


def test_stop_is_asked_for_once_however_often_the_message_comes() -> None:
    training, panel, heard = opened()
    training.runs()
    for _ in range(3):
        ask(panel, id="same", kind="stop")
    assert training.service.count("cancel_training") == 1
    assert [reply["ok"] for reply, _ in heard] == [True, True, True]


def test_stop_without_a_run_is_answered_with_words() -> None:
    training, panel, heard = opened()
    ask(panel, id="a", kind="stop")
    assert heard.pop()[0]["error"]["message"] == "Nothing is running."
    assert training.service.count("cancel_training") == 0


def test_a_stop_on_its_way_cannot_be_asked_for_again() -> None:
    training, panel, _ = opened()
    training.runs()
    assert panel.summary["can_stop"]
    training.launching("stopping")
    assert not panel.summary["can_stop"]
    assert panel.summary["headline"] == "stopping…"


def test_only_the_local_phoenix_speaks_of_its_patch_trainer() -> None:
    assert "colours and textures only" in opened()[1].summary["honest"]
    _, panel, _ = opened(is_local=False)
    assert panel.summary["honest"] == ""
    assert "may not be refunded" in panel.summary["stop_words"]


def test_the_prompts_are_those_the_run_was_bought_with() -> None:
    training, panel, _ = opened()
    model = replace(training.state.model, parameters={"samplePrompts": ["a hedgehog"]})
    training.change(model=model)
    assert panel.summary["prompts"] == ["a hedgehog"]


def test_it_looks_after_the_run_when_made_and_holds_no_secret() -> None:
    training, panel, _ = opened()
    training.service.launch("model_1")  # by somebody else
    training.runner.advance(0)
    assert panel.summary["phase"] == "running"
    assert not {"secret", "bearer", "est_"} & set(said(panel).lower().split())


def test_closing_leaves_nothing_open_and_nothing_alive() -> None:
    before = alive()
    training, panel, heard = opened()
    panel.close()
    assert alive() == before
    assert training.hears == 0
    ask(panel, id="a", kind="samples")
    assert heard == []
    gone = weakref.ref(panel)
    del panel
    gc.collect()
    assert gone() is None


def test_it_reads_well_as_plain_text() -> None:
    training, panel, _ = opened()
    training.runs("trained", seconds=41)
    assert repr(panel) == "ProgressPanel: animal stickers · trained in 41 s"
