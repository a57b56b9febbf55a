"""A training over a service in memory, with everything inline and time standing still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeService
from training_types import Opened

from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training


@pytest.fixture
def service() -> FakeService:
    return FakeService(is_local=True)


@pytest.fixture
def runner() -> InlineRunner:
    return InlineRunner()


@pytest.fixture
def opened(service, runner) -> Opened:
    """Open the one training, and add images; ``again``: as a kernel that was just started would."""

    def open_(
        type: str = "flux.2-dev-lora", *, images: Any = None, again: bool = False
    ) -> Training:
        if again:
            _here.clear()
        training = Training.open("icons", type=type, client=service, runner=runner)
        if images is not None:
            training.add_images(images)
        return training

    return open_


@pytest.fixture
def training(opened, icons) -> Training:
    """The training, with four images that are on the service."""
    training = opened(images=icons)
    training.sync()
    return training


@pytest.fixture
def by_the_clock(runner, monkeypatch) -> InlineRunner:
    """Let `wait` pass the time of the runner, on whose timers things happen meanwhile."""
    watch = "phoenix_nbtrain.session.watch"
    monkeypatch.setattr(f"{watch}.time.monotonic", lambda: runner.now)
    monkeypatch.setattr(f"{watch}.Watch.pause", lambda _, seconds: runner.advance(seconds))
    return runner


@pytest.fixture
def draw(tmp_path) -> Callable[[int], Path]:
    """Draw so many images that differ, and return their folder."""

    def draw(count: int) -> Path:
        folder = tmp_path / f"{count} images"
        folder.mkdir()
        for i in range(count):
            image = icon("cup", 32)
            image.putpixel((0, 0), (i, i, i))
            image.save(folder / f"{i:02}.png")
        return folder

    return draw
