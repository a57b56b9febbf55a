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
MADE = {
    "01_first_model.ipynb": ("home/local", {"models": 2, "jobs": 2}, 0),
    # Three trainings and a download; the run that it stops, the one after that and its download
    # are made anew each time.
    "02_when_it_does_not_go_as_planned.ipynb": (
        "tutorials/phoenix-practice",
        {"models": 1, "jobs": 4},
        3,
    ),
}
"""Each one's data folder, what it makes there, and how many more jobs the next time."""


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
    data_dir, expected, more = MADE[path.name]
    counts = []
    for _ in range(2):
        assert main(["tutorial", "--execute", "--to", str(folder), "--notebook", path.name]) == 0
        counts.append(made(tmp_path / data_dir))
    out = capsys.readouterr().out
    assert "trained" in out
    assert {name: counts[0][name] for name in expected} == expected
    assert counts[1]["jobs"] - counts[0]["jobs"] == more
    assert counts[1]["models"] == counts[0]["models"]
    if not more:
        assert counts[1] == counts[0]
    executed = folder / f"{path.stem}-executed.ipynb"
    saved = executed.read_text(encoding="utf-8") + executed.with_suffix(".html").read_text("utf-8")
    assert "planted" not in saved
    assert "Local Phoenix" in saved


def made(data_dir: Path) -> dict[str, int]:
    """Count what a local Phoenix holds."""
    path = data_dir / "phoenix.sqlite"
    assert path.exists()
    with closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("models", "jobs", "assets")
        }
