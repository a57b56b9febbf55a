"""What every benchmark shares: a fair clock, and one line for each figure.

A figure is a ratio against a peer measured in the same run, so that it means the same on a slow
machine. Above 1, ours is the better one. Any benchmark takes ``--tiny``, a size that only shows
that it still runs.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence

__all__ = [
    "alone",
    "better_when_high",
    "better_when_low",
    "seconds",
    "sized",
    "times_better",
    "turns",
]

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


def sized(usual: int, tiny: int) -> int:
    """Return how many, in the size that was asked for on the command line."""
    return tiny if "--tiny" in sys.argv[1:] else usual


def turns(*works: Callable[[], object], rounds: int = 5) -> list[list[float]]:
    """Return each work's seconds, round by round.

    They take turns, so that a busy moment meets all of them.
    """
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return taken


def seconds(*works: Callable[[], object], rounds: int = 5) -> list[float]:
    """Return each work's median time, taking turns."""
    return [statistics.median(times) for times in turns(*works, rounds=rounds)]


def times_better(
    name: str, ours: Sequence[float], peer: Sequence[float], unit: str, *, per: float = 1
) -> float:
    """Print and return the median of the rounds' ratios of durations, with the least and most.

    Args:
        name: what was done.
        ours: our seconds, round by round.
        peer: the peer's, of the same rounds.
        unit: of one of the ``per`` pieces, for the medians that are printed beside: ``s`` or
            ``ms`` for its time, else how many of it there are in a second.
        per: pieces of work in a round.
    """
    ratios = [theirs / own for own, theirs in zip(ours, peer, strict=True)]
    ratio = statistics.median(ratios)
    shown = {"s": lambda t: t / per, "ms": lambda t: 1000 * t / per}.get(unit, lambda t: per / t)
    a, b = shown(statistics.median(ours)), shown(statistics.median(peer))
    print(
        f"{name}: {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds; "
        f"ours {a:.4g} {unit}, peer {b:.4g} {unit})",
        flush=True,
    )
    return ratio


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
