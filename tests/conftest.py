"""What every test gets: a memory of its own, and no credentials from outside."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from safety import recorder

# Read once, when numpy is loaded. Two matrix threads on a busy machine wait for each other most of
# the time, and the trainer's own process has one.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from phoenix_nbtrain.client import connect
from phoenix_nbtrain.images.drawings import draw_icons

# A machine may be busy with other things; no example is judged by its time.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

CREDENTIALS = ("PHOENIX_NBTRAIN_", "SCENARIO_")
"""How the names begin of everything that says whose account, or which Phoenix, is meant."""


MEMORY = Path("/dev/shm")
"""Files here are in memory: what is synced as in a user's home need not wait for a disk."""

ROOM = 1 << 30
"""Bytes that must be free there; a container may have 64 MB only, and then the disk is used."""

WORKERS = 4
"""Most processes of tests; each may have a browser and a JupyterLab, which want memory."""

_recorded = pytest.StashKey[Path]()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run the tests: none beside this one where only a few files do."""
    folders = any(Path(argument.partition("::")[0]).is_dir() for argument in config.args)
    return min(os.cpu_count() or 1, WORKERS) if folders else 0


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory, and record every request that buys, of all processes."""
    if not hasattr(config, "workerinput"):
        if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
            os.environ["TMPDIR"] = str(MEMORY)
            tempfile.tempdir = None
        log = Path(tempfile.mkdtemp(prefix="nbtrain-")) / "requests-that-buy"
        config.stash[_recorded] = log
        os.environ.update(recorder.environment(log))
    recorder.install()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say where they came from."""
    counts, wrong = recorder.judge(config.stash[_recorded])
    said = ", ".join(f"{count} from {where}" for where, count in sorted(counts.items()))
    terminalreporter.write_line(f"requests that buy: {said or 'none'}")
    for origin in wrong:
        terminalreporter.write_line(f"PAST THE LAUNCH PROTOCOL: {origin}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """One function alone can buy; a session in which another did has failed."""
    log = session.config.stash.get(_recorded, None)
    if log is None:  # a worker; the process that started it judges for all
        return
    counts, wrong = recorder.judge(log)
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    passed = reporter.stats.get("passed", []) if reporter else []
    tutorials = any("test_a_tutorial_run_twice" in report.nodeid for report in passed)
    unseen = tutorials and not counts[recorder.NOTEBOOKS]
    if session.exitstatus == pytest.ExitCode.OK and (wrong or unseen):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith(CREDENTIALS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(connect, "_default", None)
    monkeypatch.setattr(connect, "_failed", False)
    yield
    if connect._default is not None:
        connect._default.close()


@pytest.fixture(scope="session")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of the project's own drawings, small."""
    return draw_icons(tmp_path_factory.mktemp("icons"), count=4, size=64)
