"""Another kernel that holds a lock, and waiting for it that takes no time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from phoenix_nbtrain.locks import Waiting

_HOLDING = """
import sys
from phoenix_nbtrain.locks import lease
with lease(*sys.argv[1:], what="It is synced") as held:
    print("held", flush=True)
    for line in sys.stdin:
        held.progress()
        print("moved", flush=True)
"""


class Slept:
    """Stands in for sleeping; what happens meanwhile is said by ``then``."""

    def __init__(self, then: Callable[[float], None] = lambda _: None) -> None:
        self.seconds, self.then = 0.0, then

    def __call__(self, seconds: float) -> None:
        self.seconds += seconds
        self.then(self.seconds)


def sleeps_by(sleep: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever waits for another kernel sleep by ``sleep``."""
    defaults = {**Waiting.__init__.__kwdefaults__, "sleep": sleep}
    monkeypatch.setattr(Waiting.__init__, "__kwdefaults__", defaults)


def interrupted_after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waiting take no time, and be interrupted after so many of its seconds."""

    def interrupt(slept: float) -> None:
        if slept > seconds:
            raise KeyboardInterrupt

    sleeps_by(Slept(interrupt), monkeypatch)


@contextmanager
def another_kernel(*names: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of that name, and moves with each line it is sent."""
    command, pipe = [sys.executable, "-c", _HOLDING, *names], subprocess.PIPE
    env = {**os.environ, "JPY_SESSION_NAME": "/notebooks/props.ipynb"}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.communicate()
