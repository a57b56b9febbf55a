"""What is bought, and its identity."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix_nbtrain.records import Model
from phoenix_nbtrain.store.journal import IntentKind

__all__ = ["Order", "download_order", "fingerprint", "served_digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a launch would buy: exactly what we sent, and nothing else."""

    kind: IntentKind = "training"
    model_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The wire's parameters, every default explicit."""
    epoch: str | None = None
    """Of a download: which epoch's weights; ``None`` for the model's own."""
    held: bool = False
    """Of a download: whether it is of whatever weights the service holds, since the model is not
    trained now and nothing states which run they are of."""
    fingerprint: str


def fingerprint(
    model_id: str,
    *,
    images: Iterable[tuple[str, str]],
    pairs: Iterable[tuple[str, str, str]],
    parameters: Mapping[str, Any],
) -> str:
    """Return the identity of what a training buys.

    Args:
        model_id: the model it trains.
        images: content key and caption of each training image; their order does not matter.
        pairs: content keys of source and target, and the instruction, in order.
        parameters: the wire's parameters with defaults explicit.

    Returns:
        A SHA-256, hexadecimal. Texts count in NFC; no URL, no date and no name takes part.
    """
    return _digest(
        {
            "model": model_id,
            "images": sorted([key, _nfc(caption)] for key, caption in images),
            "pairs": [[source, target, _nfc(text)] for source, target, text in pairs],
            "parameters": parameters,
        }
    )


def served_digest(model: Model, order: Order) -> str:
    """Return the identity of what ``order`` would buy of what the service holds.

    It tells others' changes between an estimate and its launch, and, where this computer's own
    memory is gone, whether a run that the service shows was a run of this very set.
    """
    if order.kind == "download":
        return order.fingerprint
    return fingerprint(
        model.id,
        images=((i.id, i.description) for i in model.training_images),
        pairs=((p.source_id, p.target_id, p.instruction) for p in model.training_image_pairs),
        parameters=order.parameters,
    )


def download_order(model: Model, epoch: str | None = None) -> Order:
    """Return the order for the weights of the model's last run, or of one of its epochs.

    Where that run is going on, was stopped or failed, it is for the weights as the service holds
    them.
    """
    began = model.progress.started_at if model.progress else None
    held = model.status != "trained"
    body: dict[str, Any] = {
        "download": model.id,
        "run": [model.job_id, began, model.ended_at],  # the job may be hidden from us
        # The model's own are the last ones, of the run that it shows.
        "epoch": epoch if held else epoch or model.epoch or _last(model),
    }
    if held:
        body["held"] = True
    return Order(
        kind="download",
        model_id=model.id,
        epoch=epoch,
        held=held,
        fingerprint=_digest(body),
    )


def _last(model: Model) -> str | None:
    numbers = [e.epoch for e in model.epochs if e.epoch.isdigit()]
    return max(numbers, key=int, default=None)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
