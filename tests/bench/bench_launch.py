"""What a launch costs besides its requests, against bare SQLite on the same disk.

    python tests/bench/bench_launch.py

`Launcher.launch` of an accepted estimate, over a Phoenix in memory whose calls take no time: the
journal is read, the model compared, the price checked, and the launch written down three times
(prepared, submitting, running). The peer commits three rows to a database of its own over one
connection that stays open, in the journal's own way: a rollback journal, ``synchronous=EXTRA``.
That much every protocol pays which survives a power cut.

The goal is at most 10 ms a launch. The journal holds a hundred launches before the first is timed.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import sized, times_better, turns
from fake_service import FakeService

from phoenix_nbtrain import catalog
from phoenix_nbtrain.launch import Estimate, Launcher, Order
from phoenix_nbtrain.store.journal import Journal

LAUNCHES = sized(40, 2)
"""In a round."""
ROUNDS = sized(9, 1)
BEFORE = sized(100, 2)
WRITES = 3
TYPE = "flux.2-dev-lora"


class Ours:
    """New models, priced while nobody looks at the clock, then launched one after the other."""

    def __init__(self, folder: Path) -> None:
        self.service = FakeService()
        self.launcher = Launcher(self.service, Journal(folder / "journal.sqlite3"))
        self.priced: list[tuple[Order, Estimate]] = []
        self.price(BEFORE)
        self.launch()

    def price(self, count: int) -> None:
        parameters = catalog.to_wire(TYPE, {})
        for _ in range(count):
            model = self.service.seed("icons", TYPE)
            order = Order(model_id=model.id, parameters=parameters, fingerprint=model.id)
            self.priced.append((order, self.launcher.estimate(order)))

    def launch(self) -> None:
        for order, estimate in self.priced:
            launched = self.launcher.launch(order, accepted=estimate)
            assert launched.intent.state == "running" and not launched.already
        self.priced.clear()


class Bare:
    """A table and a connection."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
        self.connection.execute("PRAGMA synchronous = EXTRA")
        self.connection.execute("CREATE TABLE launches (state TEXT)")

    def commit(self) -> None:
        for _ in range(LAUNCHES * WRITES):
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute("INSERT INTO launches VALUES ('prepared')")
            self.connection.execute("COMMIT")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, bare = Ours(folder), Bare(folder)
        taken: tuple[list[float], list[float]] = ([], [])
        with closing(bare.connection):
            for _ in range(ROUNDS):
                ours.price(LAUNCHES)
                (a,), (b,) = turns(ours.launch, bare.commit, rounds=1)
                taken[0].append(a)
                taken[1].append(b)
        times_better(
            "a launch besides its requests, against bare commits", *taken, "ms", per=LAUNCHES
        )


if __name__ == "__main__":
    main()
