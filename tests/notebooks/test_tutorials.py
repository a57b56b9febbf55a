"""Every tutorial runs from top to bottom, is saved without outputs, and can be run again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from phoenix_nbtrain.cli import main
from phoenix_nbtrain.errors import ServiceUnreachable

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
SNAPSHOTS: dict[str, list[int]] = {
    # Grid, form, price, the run's two samples; then the pairs, and all of it in a studio.
    "01_first_model.ipynb": [15, 0, 0, 2, 24, 24 + 24 + 1],
    "02_when_it_does_not_go_as_planned.ipynb": [],
}
"""How many images a reader sees in the place of each view, in a notebook run without a page."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_tutorial_is_committed_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def code_cells(path: Path) -> list[str]:
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_tutorial_runs_no_shell_command_which_may_be_missing_and_fails_without_stopping(path):
    for source in code_cells(path):
        compile(source, path.name, "exec")  # plain Python: neither "!" nor "%"


class StageMissing(Exception):
    """Raised in place of what sets the stage."""


def run_all_the_same(path: Path) -> list[type[BaseException]]:
    """Run every cell, as somebody does who goes on after errors; return what was raised."""
    namespace: dict[str, Any] = {}
    raised: list[type[BaseException]] = []
    for source in code_cells(path):
        try:
            exec(compile(source, path.name, "exec"), namespace)  # our own notebook
        except Exception as error:
            raised.append(type(error))
    for name in {"training", "colouring"} & set(namespace):
        namespace[name].sync()  # what goes on behind the cells would outlive the test
    return raised


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_where_the_local_phoenix_cannot_be_had_no_other_is_taken(path, tmp_path, monkeypatch):
    def fails(*_: object) -> None:
        raise StageMissing

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "somebodys")
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", "account")
    monkeypatch.setattr("phoenix_nbtrain.client.connect.open_local", fails)
    monkeypatch.setattr("phoenix_nbtrain.client.connect.open_remote", fails)
    raised = run_all_the_same(path)
    assert raised.count(StageMissing) == 1, "the first cell's; nothing connects by itself then"
    assert ServiceUnreachable in raised


def test_where_the_settings_cannot_be_set_nothing_is_started(tmp_path, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise StageMissing

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("phoenix_nbtrain.local.settings.set_settings", fails)
    raised = run_all_the_same(ROOT / "notebooks" / "02_when_it_does_not_go_as_planned.ipynb")
    assert raised.count(StageMissing) == 6
    assert made(tmp_path / "phoenix-practice")["jobs"] == 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_tutorial_run_twice_makes_each_thing_once(path, tmp_path, monkeypatch, capsys):
    # As on a JupyterHub, or where the environment is not activated: none of our scripts is found.
    ours = Path(sys.executable).parent
    others = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != ours]
    monkeypatch.setenv("PATH", os.pathsep.join(others))
    assert shutil.which("phoenix-nbtrain") is None
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
    assert images_of_snapshots(executed) == SNAPSHOTS[path.name]
    page = BeautifulSoup(executed.with_suffix(".html").read_text("utf-8"), "html.parser")
    assert len(page.select('.nbt-snapshot img[src^="data:image/"]')) == sum(SNAPSHOTS[path.name])


def images_of_snapshots(executed: Path) -> list[int]:
    """Return how many images there are in each snapshot of a notebook that was saved."""
    snapshots = [
        output.data["text/html"]
        for cell in nbformat.read(executed, as_version=4).cells
        for output in cell.get("outputs", [])
        if "nbt-snapshot" in output.get("data", {}).get("text/html", "")
    ]
    assert all(" as of " in html and len(html.encode()) <= 300_000 for html in snapshots)
    return [html.count("<img src=") for html in snapshots]


def made(data_dir: Path) -> dict[str, int]:
    """Count what a local Phoenix holds."""
    path = data_dir / "phoenix.sqlite"
    assert path.exists()
    with closing(sqlite3.connect(path)) as db:
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("models", "jobs", "assets")
        }
