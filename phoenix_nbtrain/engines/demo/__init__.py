"""The demo engine: a patch trainer in numpy, for trying the workflow. It is no image model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from phoenix_nbtrain.engines.contract import CHECKPOINT, Emit, Engine, Progress

__all__ = ["DEMO"]


def _run(folder: Path, emit: Emit, stopped: Callable[[], bool]) -> Progress | None:
    from phoenix_nbtrain.engines.demo.training_loop import run  # loads numpy

    return run(folder, emit, stopped)


def _saved_step(folder: Path) -> int:
    try:
        with safe_open(folder / CHECKPOINT, framework="numpy") as file:
            return int(json.loads(file.metadata()["state"])["step"])
    except (OSError, ValueError, KeyError, SafetensorError):
        return 0


DEMO = Engine(image_px=128, run=_run, saved_step=_saved_step)
