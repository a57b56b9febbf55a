"""Kernels killed at random instants while they launch, and the same cell run again.

``NBTRAIN_SIGKILLS`` sets how many, ``NBTRAIN_FORKS`` how many fork in the middle.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from safety.lossy import FATES, Seeded

from phoenix_nbtrain.store.journal import Journal

KILLS = int(os.environ.get("NBTRAIN_SIGKILLS", "50"))
FORKS = int(os.environ.get("NBTRAIN_FORKS", "24"))
CONTROL = 12
MOMENTS = (
    *(f"journal {name} {when}" for name in ("prepare", "move") for when in ("before", "after")),
    "client quote_training after",
    "client trigger_training before",
    "client trigger_training after",
    "service arrived",
    "service happened",
)
"""Instants that chance alone would rarely meet; half of the kills are at these."""
NEVER_LAUNCHED = ("prepared", "not_sent", "rejected")


class Cells:
    """One warm interpreter; see `safety.cells`."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("cells.py")), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def run(self, model: Seeded, **job: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"model": model.id, **job}) + "\n")
        self._process.stdin.flush()
        model.pid = self._read()["pid"]
        try:
            return self._read()
        finally:
            model.pid = None

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the interpreter that runs the cells ended"
        return json.loads(line)  # type: ignore[no-any-return]  # its own lines

    def close(self) -> None:
        self._process.communicate(timeout=30)


@contextmanager
def warm(count: int, *arguments: str) -> Iterator[SimpleQueue[Cells]]:
    free: SimpleQueue[Cells] = SimpleQueue()
    every = [Cells(*arguments) for _ in range(count)]
    for cells in every:
        free.put(cells)
    try:
        yield free
    finally:
        for cells in every:
            cells.close()


@pytest.fixture
def job(phoenix, tmp_path) -> Callable[..., dict[str, Any]]:
    """What a kernel is told of a model: where the service is, and where its own files are."""

    def job(model: Seeded, cell: str = "ours") -> dict[str, Any]:
        home, out = str(tmp_path / model.id), str(tmp_path / f"{model.id}.json")
        return {"cell": cell, "url": phoenix.url, "home": home, "out": out}

    return job


def said_in_the_end(cells: Cells, model: Seeded, job: dict[str, Any]) -> dict[str, Any]:
    """Run the cell again, at once and minutes later, until it knows; return what it says."""
    for later in (0, 200, 400):
        said: dict[str, Any] = cells.run(model, **job, later=later)["said"]
        if said["said"] in ("run", "uncertain"):
            break
    return said


def state_of(home: Path) -> str:
    """Return what the journal says of the one launch, as the kill left it."""
    path = home / "journal.sqlite3"
    if not path.exists() or path.stat().st_size == 0:
        return "no journal"
    intents = Journal(path).intents()
    assert len(intents) <= 1
    return intents[0].state if intents else "no launch"


def killed(number: int, window: float) -> tuple[str, dict[str, Any]]:
    """Return what becomes of the launch request, and when the kernel is killed."""
    chance = random.Random(number)
    fate = tuple(FATES)[number % len(FATES)]
    if number % 2:
        return fate, {"kill_after": chance.uniform(0, window)}
    return fate, {"moment": chance.choice(MOMENTS)}


def test_no_kill_launches_twice_or_unknown(phoenix, job, tmp_path):
    began = time.perf_counter()
    left, ends, failures = Counter[str](), Counter[str](), []
    with warm(3) as free:

        def whole() -> float:
            cells, model = free.get(), phoenix.seed(f"whole{len(phoenix.models)}")
            try:
                ended = cells.run(model, **job(model))
                assert ended["said"] == {"said": "run", "job": model.jobs[0]}
                return float(ended["seconds"])
            finally:
                free.put(cells)

        window = 1.1 * max(whole() for _ in range(3))

        def one(number: int) -> None:
            fate, how = killed(number, window)
            moment = how.pop("moment", "")
            service = moment.removeprefix("service ") if moment.startswith("service") else ""
            model = phoenix.seed(f"model{number}", fate=fate, kill_when=service)
            if moment and not service:
                how["kill_at"] = moment
            cells = free.get()
            try:
                first = cells.run(model, **job(model), **how)
                left[state_of(tmp_path / model.id) if first["status"] else "not killed"] += 1
                said = said_in_the_end(cells, model, job(model))
                ends[said["said"]] += 1
                problem = judge(model, tmp_path / model.id, said)
                if problem:
                    failures.append(f"{number}: {fate}, {moment or how}: {problem}")
            finally:
                free.put(cells)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(one, range(KILLS)))
    print(f"\n{KILLS} kills in {time.perf_counter() - began:.0f} s, window {window * 1000:.0f} ms")
    print(f"left behind: {dict(left)}\nthe next cell says: {dict(ends)}")
    launched = sum(bool(model.launches) for model in phoenix.models.values())
    print(f"{launched} launched once, {sum(m.launches > 1 for m in phoenix.models.values())} twice")
    assert not failures, failures
    if KILLS >= 100:
        # The kills really met every stage of a launch.
        assert left["not killed"] < KILLS // 4
        for state in ("no journal", "no launch", "prepared", "submitting", "running"):
            assert left[state], left


def test_no_fork_launches_twice_or_unknown(phoenix, job, tmp_path):
    began = time.perf_counter()
    ends, children, failures = Counter[str](), Counter[str](), []
    with warm(2) as free:

        def one(number: int) -> None:
            chance = random.Random(number)
            model = phoenix.seed(f"fork{number}", fate=tuple(FATES)[number % len(FATES)])
            how = {"fork_after": chance.uniform(0, 0.3)}
            killed = ("kill_child_after", "kill_after", "")[number % 3]
            if killed:
                how[killed] = chance.uniform(0, 0.3) + (
                    how["fork_after"] if killed == "kill_after" else 0
                )
            cells = free.get()
            try:
                cells.run(model, **job(model, "forks"), **how)
                child = tmp_path / f"{model.id}.json.child"
                children[json.loads(child.read_text())["said"] if child.exists() else "killed"] += 1
                said = said_in_the_end(cells, model, job(model))
                ends[said["said"]] += 1
                problem = judge(model, tmp_path / model.id, said)
                if problem:
                    failures.append(f"{number}: {model.fate}, {how}: {problem}")
            finally:
                free.put(cells)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, range(FORKS)))
    print(f"\n{FORKS} forks in {time.perf_counter() - began:.0f} s")
    print(f"the child says: {dict(children)}\nthe next cell says: {dict(ends)}")
    launched = Counter(model.launches for model in phoenix.models.values())
    print(f"launches by model: {dict(launched)}")
    assert not failures, failures


def judge(model: Seeded, home: Path, said: dict[str, Any]) -> str | None:
    """Return what is wrong with the end of one story."""
    if model.launches > 1:
        return f"launched {model.launches} times"
    if said["said"] == "error":
        return str(said["error"])
    intents = Journal(home / "journal.sqlite3").intents()
    known = [i for i in intents if i.state not in NEVER_LAUNCHED]
    if model.jobs and not known:
        return f"launched, and the journal says {[i.state for i in intents]}"
    if said["said"] == "run" and said["job"] != (model.jobs or [None])[-1]:
        return f"says {said['job']}, and the service has {model.jobs}"
    return None


def test_the_official_client_launches_twice_in_the_same_driver(phoenix, job):
    # Without this control the test above might be testing nothing.
    began = time.perf_counter()
    with warm(2, "sdk") as free:

        def one(number: int) -> None:
            fate = [f for f in FATES if f not in ("answered", "repeated")][
                number % (len(FATES) - 2)
            ]
            model = phoenix.seed(f"model{number}", fate=fate)
            how = {"kill_after": random.Random(number).uniform(0, 0.3)} if number % 2 else {}
            cells = free.get()
            try:
                cells.run(model, **job(model, "sdk"), **how)
                for _ in range(3):
                    if (cells.run(model, **job(model, "sdk"))["said"] or {}).get("said") == "run":
                        break
            finally:
                free.put(cells)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, range(CONTROL)))
    twice = sum(model.launches > 1 for model in phoenix.models.values())
    print(f"\nofficial client: {twice} of {CONTROL} launched twice or more", end=" ")
    print(f"in {time.perf_counter() - began:.0f} s")
    assert twice > CONTROL // 4
