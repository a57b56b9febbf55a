"""The wheel: it holds every bundle that the views name, and none of their sources."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

ROOT = Path(__file__).parents[2]
WIDGETS = ROOT / "phoenix_nbtrain" / "widgets"


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    """The files of a wheel that is built from this folder."""
    folder = tmp_path_factory.mktemp("wheel")
    built = next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    return set(ZipFile(built).namelist())


def test_the_wheel_holds_every_bundle_that_a_view_names(names):
    code = "".join(path.read_text(encoding="utf-8") for path in WIDGETS.rglob("*.py"))
    named = set(re.findall(r'\bbundle(?:_text)?\("([^"]+)"\)', code))
    named |= {*ImageGrid.parts.values(), *PairTable.parts.values()}
    assert len(named) > 15
    assert {f"phoenix_nbtrain/widgets/static/{name}" for name in named} <= names


def test_the_wheel_holds_no_sources_of_views(names):
    assert not [name for name in names if name.endswith(".ts") or "widgets/js" in name]
