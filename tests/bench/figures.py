"""What every benchmark shares: a fair clock, and one line for each figure.

A figure is a ratio against a peer measured in the same run, so that it means the same on a slow
machine. Above 1, ours is the better one.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

__all__ = ["alone", "better_when_high", "better_when_low", "seconds"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TUNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Set, they choose the matrix kernels of another processor than this one."""


def alone() -> None:
    """Go on in a process with one BLAS thread and the processor's own kernels.

    BLAS reads its environment once, when it is loaded; so this comes before numpy is imported.
    """
    fit = all(os.environ.get(name) == "1" for name in _ONE_THREAD)
    if fit and not any(name in os.environ for name in _TUNED):
        return
    kept = {name: value for name, value in os.environ.items() if name not in _TUNED}
    environment = {**kept, **dict.fromkeys(_ONE_THREAD, "1")}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def seconds(*works: Callable[[], object], rounds: int = 5) -> list[float]:
    """Return each work's median time. They take turns, so that a busy moment meets all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def better_when_high(name: str, ours: float, peer: float, unit: str = "") -> float:
    """Print and return a ratio of two rates, or of anything else that is good when large."""
    return _figure(name, ours / peer, ours, peer, unit)


def better_when_low(name: str, ours: float, peer: float, unit: str = "") -> float:
    """Print and return a ratio of two durations, or of anything else that is good when small."""
    return _figure(name, peer / ours, ours, peer, unit)


def _figure(name: str, ratio: float, ours: float, peer: float, unit: str) -> float:
    suffix = f" {unit}" if unit else ""
    print(f"{name}: {ratio:.2f} (ours {ours:.4g}{suffix}, peer {peer:.4g}{suffix})", flush=True)
    return ratio
