"""The progress panel: how far the run is, its loss, its samples, and how to stop it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import anywidget
import traitlets

from phoenix_nbtrain import catalog
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.state import EpochSamples, TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, counted, shown, time_of
from phoenix_nbtrain.widgets.base import (
    Answer,
    bundle,
)
from phoenix_nbtrain.widgets.row_view import number_of, words_of
from phoenix_nbtrain.widgets.snapshot.markup import Section, facts, samples
from phoenix_nbtrain.widgets.snapshot.snapshot import SnapshotView

POINTS = 160
"""Most points of the loss curve that are sent; the curve is some 300 pixels wide."""
EPOCHS_SHOWN = 6
"""Epochs whose samples are sent with every change; older ones when somebody asks."""
THUMBNAILS = 100
"""Most thumbnails in one request."""
HONEST = "Demo trainer: samples show learned colours and textures only."


class ProgressPanel(SnapshotView, anywidget.AnyWidget):
    """The run of ``training``: stage, epoch, time left, loss curve, samples by epoch."""

    # Text, not a Path: anywidget keeps closed widgets alive where it watches a file.
    _esm = bundle("progress.js")
    _css = bundle("panels.css")

    summary = traitlets.Dict().tag(sync=True)
    """Everything shown but the images, in words and numbers."""

    kinds: ClassVar[Mapping[str, str]] = {
        "summary": "_answer_summary",
        "samples": "_answer_samples",
        "thumbnails": "_answer_thumbnails",
        "stop": "_answer_stop",
    }
    once: ClassVar[frozenset[str]] = frozenset({"stop"})

    def __init__(self, training: object) -> None:
        super().__init__()
        self.watch(training)
        self.session.watch.begin()

    def show(self, state: TrainingState) -> None:
        self.summary = self._summary(state)

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        run = state.run
        losses = _curve(run.losses) if run else []
        rows = []
        if losses:
            first, last = losses[0][1], losses[-1][1]
            rows.append(
                ("Loss", f"{first:.4f} → {last:.4f} in {counted(int(losses[-1][0]), 'step')}")
            )
        if self.session.is_local:
            rows.append(("Trainer", HONEST))
        # It stands for long, so it says of when it is and never how long the rest takes.
        parts = [facts("Training", _standing(state), rows if run else [])]
        if run and run.samples:
            parts.append(samples(run.samples[-1], self._prompts(state)))
        return parts

    def close(self) -> None:
        layout = self.layout
        super().close()
        layout.close()

    def __repr__(self) -> str:
        said = _standing(self.session.state)
        return shown(f"ProgressPanel: {self.session.name} · {said}", 109)

    def _summary(self, state: TrainingState) -> dict[str, Any]:
        run, local = state.run, self.session.is_local
        samples = run.samples if run else ()
        return {
            "title": shown(self.session.name, 64),
            "where": self.session.where,
            "local": local,
            "phase": _phase(state),
            "headline": _headline(state),
            "standing": _standing(state),
            "old": bool(run and run.last_seen is not None),
            "progress": _fraction(run.progress) if run else None,
            "losses": _curve(run.losses) if run else [],
            "samples": _epochs(samples[-EPOCHS_SHOWN:]),
            "epochs_sampled": len(samples),
            "prompts": [shown(p, 120) for p in self._prompts(state)],
            "message": shown(run.message, 2 * MESSAGE_MAX) if run and run.message else "",
            "problem": shown(state.problem, MESSAGE_MAX),
            "can_stop": state.training and state.launch.phase != "stopping",
            "stop_words": "Nothing was charged here." if local else "Its cost may not be refunded.",
            "honest": HONEST if local else "",
        }

    def _prompts(self, state: TrainingState) -> Sequence[str]:
        # The model's own: the form may say something else by now.
        known = catalog.from_wire(self.session.type, state.model.parameters)
        prompts: Sequence[str] = known.get("sample_prompts", ())
        return prompts

    # -- requests --------------------------------------------------------------------------------

    def _answer_summary(self, _request: Mapping[str, Any], answer: Answer) -> None:
        answer.ok({"summary": self._summary(self.session.state)})

    def _answer_samples(self, _request: Mapping[str, Any], answer: Answer) -> None:
        run = self.session.state.run
        answer.ok({"samples": _epochs(run.samples if run else ())})

    def _answer_thumbnails(self, request: Mapping[str, Any], answer: Answer) -> None:
        ids = words_of(request.get("ids"), "ids", THUMBNAILS)
        px = number_of(request.get("px"), "size")
        run = self.session.state.run
        mine = {i for epoch in (run.samples if run else ()) for i in epoch.asset_ids}
        if not set(ids) <= mine:
            raise InputError("That is no sample of this run.", remedy="Reload the page.")
        answer.thumbnails(ids, self.session.thumbnails.ask(ids, min(max(px, 16), 1024)))

    def _answer_stop(self, _request: Mapping[str, Any], answer: Answer) -> None:
        if not self.session.state.training:
            raise InputError("Nothing is running.", remedy="There is nothing to stop.")
        self.session.behind("stop", self.session.purchase.stop)
        answer.ok({})


# -- words and numbers -------------------------------------------------------------------------------


def _phase(state: TrainingState) -> str:
    if state.launch.phase == "stopping":
        return "stopping"
    if state.training:
        return "running"
    if state.launch.phase == "starting":
        return "starting"
    run = state.run
    if run is None:
        return "none"
    return run.status if run.ended else "waiting"


def _standing(state: TrainingState) -> str:
    """Return the headline as it is for a reader who sees it later."""
    run, phase = state.run, _phase(state)
    if run is None or run.last_seen is not None or phase not in ("running", "stopping"):
        return _headline(state)
    return _headline(replace(state, run=replace(run, last_seen=time.time())))


def _headline(state: TrainingState) -> str:
    run, phase = state.run, _phase(state)
    if phase == "none" or run is None:
        return "starting…" if phase == "starting" else "not started"
    if phase == "starting":
        return "starting…"
    took = f" in {_duration(run.seconds)}" if run.seconds else ""
    ended = {
        "trained": f"trained{took}",
        "failed": "failed" + (f" after {_duration(run.seconds)}" if run.seconds else ""),
        "training-canceled": "stopped"
        + (f" after {_duration(run.seconds)}" if run.seconds else ""),
    }
    if phase in ended:
        return ended[phase]
    parts = ["stopping…" if phase == "stopping" else shown(run.stage or run.status, 40)]
    if run.position:
        parts.append(f"{run.position:,} ahead in the queue")
    if run.epoch:
        of = f" of {run.epochs:,}" if run.epochs else ""
        parts.append(f"epoch {run.epoch:,}{of}")
    if run.last_seen is not None:
        parts.append(f"last seen {time_of(run.last_seen)}")
        return " · ".join(parts)
    left = run.remaining_seconds
    if left is not None and math.isfinite(left) and left >= 0 and phase == "running":
        parts.append("nearly done" if left < 1 else f"about {_duration(left)} left")
    return " · ".join(parts)


def _duration(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "some time"
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def _fraction(progress: float | None) -> float | None:
    if progress is None or not math.isfinite(progress):
        return None
    return round(min(1.0, max(0.0, progress)), 4)


def _curve(losses: Sequence[tuple[int, float]]) -> list[list[float]]:
    """Return at most `POINTS` of the losses, evenly taken, the first and the last among them."""
    # What JSON cannot carry would take the whole message down with it.
    good = [(step, loss) for step, loss in losses if math.isfinite(loss)]
    if len(good) > POINTS:
        stride = (len(good) - 1) / (POINTS - 1)
        good = [good[round(i * stride)] for i in range(POINTS)]
    return [[step, float(f"{loss:.5g}")] for step, loss in good]


def _epochs(samples: Sequence[EpochSamples]) -> list[dict[str, Any]]:
    return [{"epoch": s.epoch, "ids": list(s.asset_ids)} for s in samples]
