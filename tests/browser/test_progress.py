"""The progress panel in a real browser, over a page's fake model; the kernel's half is the real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from browser import harness
from browser.harness import Browser, Shown, browser, shown
from trainings import StagedTraining, have, images, picture, training_of

from phoenix_nbtrain.session.state import EpochSamples
from phoenix_nbtrain.widgets.progress import ProgressPanel

__all__ = ["browser"]

LOSSES = tuple((step, 0.3 / (1 + step / 40) + 0.02 * (step % 3)) for step in range(300))

FILLED = """() => {
  const bar = document.querySelector(".nbt-progress");
  return bar.firstChild.getBoundingClientRect().width / bar.getBoundingClientRect().width;
}"""


def sampled(*epochs: int, columns: int = 3) -> tuple[EpochSamples, ...]:
    return tuple(
        EpochSamples(epoch=e, asset_ids=tuple(f"asset_{e}_{i}" for i in range(columns)))
        for e in epochs
    )


def running(training: StagedTraining, **more: Any) -> None:
    given: dict[str, Any] = {
        "stage": "running-train",
        "epoch": 7,
        "epochs": 12,
        "progress": 0.62,
        "remaining_seconds": 61,
        "losses": LOSSES,
        "samples": sampled(2, 4, 6),
    }
    given |= more
    for epoch in given["samples"]:
        for asset_id in epoch.asset_ids:
            have(training.service, asset_id, picture(asset_id))
    training.runs(**given)


def until(view: Shown, holds: Callable[[], Any]) -> None:
    def told() -> Any:
        view.tell()
        return holds()

    harness.until(view, told)


def small(view: Shown) -> str:
    return view.page.locator(".nbt-heading small").inner_text()


def drawn(view: Shown) -> int:
    return view.js("() => [...document.images].filter((i) => i.naturalWidth > 0).length")


def test_where_the_kernel_says_nothing_the_panel_promises_nothing(browser: Browser) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: "about 1 min left" in small(view))
        view.js("() => { window.model.lost = 1e9; }")  # no answer arrives from here on
        harness.until(view, lambda: "busy" in small(view))
        words = r"running-train · epoch 7 of 12 · last seen \d\d:\d\d · the kernel is busy"
        assert re.fullmatch(words, small(view))
        view.js("() => { window.model.lost = 0; }")
        until(view, lambda: small(view).endswith("about 1 min left"))


def test_what_is_old_is_shown_as_old(browser: Browser) -> None:
    training = training_of(images(2))
    running(training, last_seen=0.0)
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: "last seen 19" in small(view))
        bar = view.page.get_by_role("progressbar")
        assert "left" not in (bar.get_attribute("aria-valuetext") or "left")
        assert (
            view.js("() => getComputedStyle(document.querySelector('.nbt-progress > *')).opacity")
            == "0.55"
        )


@pytest.mark.parametrize("dark", [False, True])
def test_a_run_shows_its_bar_its_loss_and_its_samples(browser: Browser, dark: bool) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training), dark=dark) as view:
        until(view, lambda: drawn(view) == 9)
        assert small(view) == "running-train · epoch 7 of 12 · about 1 min left"
        bar = view.page.get_by_role("progressbar")
        assert bar.get_attribute("aria-valuenow") == "62"
        until(view, lambda: 0.61 < view.js(FILLED) < 0.63)
        points = view.page.locator(".nbt-curve-line").get_attribute("points")
        assert points is not None
        assert 150 < len(points.split()) <= 160
        first, last = points.split()[0], points.split()[-1]
        assert float(first.split(",")[1]) < float(last.split(",")[1])  # the loss falls
        assert view.page.locator(".nbt-epoch").all_inner_texts() == [
            "epoch 2",
            "epoch 4",
            "epoch 6",
        ]
        assert "colours and textures only" in view.page.locator(".nbt-fine").inner_text()
        assert view.axe() == []


def test_a_change_moves_the_bar_and_asks_only_for_new_images(browser: Browser) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: drawn(view) == 9)
        running(training, samples=sampled(2, 4, 6, 8), progress=0.8)
        until(view, lambda: drawn(view) == 12)
        asked = [i for m in view.sent("thumbnails") for i in m["ids"]]
        assert len(asked) == len(set(asked)) == 12
        assert view.page.get_by_role("progressbar").get_attribute("aria-valuenow") == "80"


def test_stop_asks_once_more_and_sends_one_message(browser: Browser) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training)) as view:
        view.page.get_by_role("button", name="Stop…").click()
        assert view.sent("stop") == []
        view.page.keyboard.press("Escape")
        assert view.page.get_by_role("button", name="Stop the training").count() == 0
        view.page.get_by_role("button", name="Stop…").click()
        view.page.get_by_role("button", name="Keep training").click()
        view.page.get_by_role("button", name="Stop…").click()
        assert view.axe() == []
        view.page.get_by_role("button", name="Stop the training").click()
        until(view, lambda: training.service.count("cancel_training") == 1)
        assert len(view.sent("stop")) == 1


def test_what_ended_says_how(browser: Browser) -> None:
    training = training_of(images(2))
    with shown(browser, ProgressPanel(training)) as view:
        assert small(view) == "not started"
        assert not view.page.get_by_role("progressbar").is_visible()
        for status, more, words in (
            ("trained", {"seconds": 41, "progress": 1.0}, "trained in 41 s"),
            ("training-canceled", {"seconds": 9}, "stopped after 9 s"),
            ("failed", {"message": "Out of memory. Use a smaller rank."}, "failed"),
        ):
            running(training)
            training.runs(status, **more)
            until(view, lambda words=words: small(view) == words)
            assert view.page.get_by_role("button", name="Stop…").count() == 0
        note = view.page.locator(".nbt-note.nbt-bad")
        assert note.inner_text() == "Out of memory. Use a smaller rank."


def test_words_of_the_service_and_prompts_stay_text(browser: Browser) -> None:
    training = training_of(images(2))
    hostile = "<img src=x onerror=window.pwned=1>"
    model = replace(training.state.model, parameters={"samplePrompts": [hostile]})
    training.change(model=model)
    running(training, stage=hostile)
    training.change(problem=hostile, model=replace(model, status="training"))
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: drawn(view) == 9)
        assert hostile in small(view)
        assert hostile in view.page.locator(".nbt-note.nbt-bad").inner_text()
        assert hostile in view.page.locator(".nbt-sample img").first.get_attribute("alt")
        assert view.js("() => window.pwned") is None


def test_earlier_epochs_come_when_asked_for(browser: Browser) -> None:
    training = training_of(images(2))
    running(training, samples=sampled(*range(1, 10), columns=1))
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: drawn(view) == 6)
        view.page.get_by_role("button", name="Show 3 earlier epochs").click()
        until(view, lambda: drawn(view) == 9)
        assert view.page.locator(".nbt-epoch").first.inner_text() == "epoch 1"
        assert view.page.get_by_role("button", name="Show").count() == 0


def test_a_sample_that_cannot_be_read_says_so(browser: Browser) -> None:
    training = training_of(images(2))
    running(training, samples=sampled(1, columns=2))
    training.service.lose("asset_1_1")
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: "not shown" in view.page.locator(".nbt-samples").inner_text())
        assert drawn(view) == 1


def test_a_lost_end_is_asked_for(browser: Browser) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training)) as view:
        until(view, lambda: drawn(view) == 9)
        training.runs("trained", seconds=41, progress=1.0)
        view._news()  # the change is lost on its way
        view.page.wait_for_timeout(9000)
        assert view.sent("summary") != []
        assert small(view) == "trained in 41 s"


def test_it_fits_a_narrow_place_and_leaves_nothing_behind(browser: Browser) -> None:
    training = training_of(images(2))
    running(training)
    with shown(browser, ProgressPanel(training), width=360) as view:
        until(view, lambda: drawn(view) == 9)
        assert view.js("() => document.documentElement.scrollWidth <= innerWidth")
        view.js("() => window.end()")
        assert view.js("() => window.model.handlers()") == 0
        assert view.page.locator(".nbt-run").count() == 0
