"""The benchmarks are run by hand; in a tiny size they all still run, and say what they measured.

No time is looked at: a machine that is busy fails no test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.harness import chromium

BENCHES = Path(__file__).parents[1] / "bench"
BROWSING = {"bench_at_work.py", "bench_views.py"}
FIGURE = re.compile(r"^.+: \d+\.\d+ \(.*ours .+, peer .+\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of them at once: most of a tiny run is imports, and waiting."""
    started = {
        path.name: subprocess.Popen(
            [sys.executable, str(path), "--tiny"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for path in sorted(BENCHES.glob("bench_*.py"))
    }
    yield started
    for process in started.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", sorted(path.name for path in BENCHES.glob("bench_*.py")))
def test_a_benchmark_runs_from_end_to_end(name, running):
    if name in BROWSING and chromium() is None and os.environ.get("CI") != "true":
        pytest.skip("No Chromium: apt install chromium.")
    said, _ = running[name].communicate(timeout=300)  # however busy the machine is
    assert running[name].returncode == 0, said
    assert FIGURE.search(said), said
