"""Every tutorial runs from top to bottom, is saved without outputs, and can be run again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
import pytest

from phoenix_nbtrain.cli import main

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_tutorial_is_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_tutorial_run_twice_makes_each_thing_once(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A planted key must neither be used nor be found anywhere in what is saved.
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "planted-key")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "planted-secret")
    monkeypatch.setenv("SCENARIO_API_KEY", "planted-key")
    folder = tmp_path / "tutorials"
    counts = []
    for _ in range(2):
        assert main(["tutorial", "--execute", "--to", str(folder), "--notebook", path.name]) == 0
        counts.append(made(tmp_path / "home"))
    out = capsys.readouterr().out
    assert "trained" in out
    assert counts[0] == counts[1]
    assert counts[0]["models"] == counts[0]["jobs"] == 2
    executed = folder / f"{path.stem}-executed.ipynb"
    saved = executed.read_text(encoding="utf-8") + executed.with_suffix(".html").read_text("utf-8")
    assert "planted" not in saved
    assert "Local Phoenix" in saved


def made(home: Path) -> dict[str, int]:
    """Count what the local Phoenix holds."""
    path = home / "local" / "phoenix.sqlite"
    assert path.exists()
    with closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("models", "jobs", "assets")
        }
