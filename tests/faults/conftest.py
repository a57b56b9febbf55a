"""One served Phoenix for all faults; every cell has a model and a home of its own."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from faults.bench import Bench, serving
from PIL import Image

from phoenix_nbtrain.client.uploads import INLINE_BYTES_MAX
from phoenix_nbtrain.images.drawings import draw_icons
from phoenix_nbtrain.local.workers import Workers


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder that need not reach a disk: nothing in it outlives the tests."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def bench(memory) -> Iterator[Bench]:
    """A Phoenix behind its proxy."""
    with serving(memory / "served") as found:
        yield found


@pytest.fixture(autouse=True)
def _still(monkeypatch) -> None:
    """Let no training move on. For each test anew, so that later ones have their workers."""
    monkeypatch.setattr(Workers, "ensure", lambda self: None)


@pytest.fixture(autouse=True)
def _home(_alone, memory, monkeypatch) -> Iterator[None]:
    home = memory / "home"
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(home))
    yield
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def kernels() -> Iterator[ExitStack]:
    """Closes every kernel of a test at its end, however that comes."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> list[Path]:
    """Small images by name, more than one call adds."""
    folder = draw_icons(tmp_path_factory.mktemp("small"), count=13, size=32)
    return sorted(folder.glob("*.png"))


@pytest.fixture(scope="session")
def large(tmp_path_factory) -> Path:
    """An image that is too large for one request."""
    path = tmp_path_factory.mktemp("large") / "noise.png"
    side = 1200
    noise = Image.effect_noise((side * 3, side), 80).tobytes()
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), noise).save(out, "PNG", compress_level=1)
    path.write_bytes(out.getvalue())
    assert INLINE_BYTES_MAX < path.stat().st_size < 5_000_000
    return path
