"""A run as its model and its job tell of it, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phoenix_nbtrain.launch import CLOCKS_APART, cost_words
from phoenix_nbtrain.records import Job, Model, TrainingProgress
from phoenix_nbtrain.session.state import EpochSamples, Run
from phoenix_nbtrain.store.journal import Intent

STILL_SECONDS = {True: 60.0, False: 300.0}
"""How long a run may stand still until what it said of itself is old; by whether it is local."""


def run_of(model: Model, job: Job | None, intent: Intent | None) -> Run | None:
    """Return the model's run as the service tells it; ``None`` where there was none."""
    if intent is not None and intent.state == "refused":
        intent = None  # nothing runs, as far as is known
    if model.job_id is None and intent is None and model.status in ("new", "copying", ""):
        return None
    live = model.progress if model.status == "training" else None
    told: Mapping[str, Any] = job.output if job is not None else {}
    message = cost_words(intent) if intent is not None else ""
    if job is not None and (job.status == "failure" or not job.ended):
        # Of a job that goes on: what it waits for, if it says so.
        message = f"{job.error} {job.hint} {message}".strip()
    return Run(
        run_id=intent.intent_id if intent else model.job_id or model.id,
        job_id=model.job_id or (intent.job_id if intent else None),
        status=model.status,
        stage=live.stage if live else "",
        progress=1.0 if model.status == "trained" else live.progress if live else None,
        position=live.position if live else None,
        remaining_seconds=live.remaining_seconds if live else None,
        started_at=model.progress.started_at if model.progress else None,
        seconds=model.training_seconds if model.status != "training" else None,
        epoch=_whole(told.get("epoch")),
        epochs=_whole(told.get("epochs")) or _whole(model.parameters.get("nbEpochs")) or 0,
        losses=_losses(told.get("losses")),
        samples=tuple(
            EpochSamples(epoch=int(e.epoch), asset_ids=e.asset_ids)
            for e in model.epochs
            if e.epoch.isdigit() and e.asset_ids
        ),
        message=message,
        cost=job.cost if job is not None else None,
    )


def still_since(told: TrainingProgress, *, local: bool, now: float) -> float | None:
    """Return when a run that trains last said how far it is; ``None`` if that is of now.

    Args:
        told: what its model tells.
        local: whether it is on the local Phoenix, whose clock is this computer's.
        now: seconds since 1970.
    """
    most = STILL_SECONDS[local] + (0.0 if local else CLOCKS_APART)
    at = told.updated_at
    return at if at is not None and at > 0 and now - at > most else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _losses(value: object) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        (int(point[0]), float(point[1]))
        for point in value
        if isinstance(point, list)
        and len(point) == 2
        and all(isinstance(v, int | float) for v in point)
    )
