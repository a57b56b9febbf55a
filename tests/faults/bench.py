"""A Phoenix behind a spoiling proxy, the client in front of it, and what the Phoenix holds."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import wire
from faults.proxy import Knocking, Proxy

from phoenix_nbtrain.client.credentials import Credentials, OriginAuth, Secret
from phoenix_nbtrain.client.endpoints import ENDPOINTS
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.local import rows, settings
from phoenix_nbtrain.local.app import create_app
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training

__all__ = ["KEY", "SECRET", "Bench", "Held", "Kernel", "serving", "sha"]

KEY, SECRET = "a-key", "a-secret"
PATIENCE = 20.0
"""Seconds that operations get which no fault meets: this computer may be busy."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the service holds of one model, by the content of its images."""

    pictures: tuple[str, ...]
    """SHA-256 of each training image, sorted: one that is attached twice stands here twice."""
    captions: dict[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str, str], ...] = ()
    jobs: int = 0
    status: str = "new"


def sha(content: bytes) -> str:
    """Return the hash of an image's bytes as they are sent."""
    return hashlib.sha256(metadata.strip(content)).hexdigest()


class Bench:
    """A served local Phoenix in which no training ever moves on, and the proxy before it."""

    def __init__(self, store: Store, proxy: Proxy) -> None:
        self.store = store
        self.proxy = proxy

    def held(self, model_id: str) -> Held:
        """Read the Phoenix's own database."""
        # Before, not within: a second reading waits for a writer that waits for the first.
        jobs = len(self.jobs(model_id))
        with self.store.reading() as db:
            model = rows.model_row(db, model_id)
            images = rows.image_rows(db, model_id)
            content = {row["id"]: row["sha256"] for row in images}
            return Held(
                pictures=tuple(sorted(content[row["id"]] for row in images)),
                captions={row["sha256"]: row["description"] for row in images},
                pairs=tuple(
                    (content[row["source_id"]], content[row["target_id"]], row["instruction"])
                    for row in rows.pair_rows(db, model_id)
                ),
                jobs=jobs,
                status=model["status"],
            )

    def assets(self, pictures: Collection[str]) -> int:
        """Return how many assets there are of these images, whoever made them."""
        marks = ", ".join("?" * len(pictures))
        with self.store.reading() as db:
            return db.execute(
                f"SELECT count(*) FROM assets WHERE sha256 IN ({marks})", tuple(pictures)
            ).fetchone()[0]

    def jobs(self, model_id: str) -> list[str]:
        """Return the ids of a model's jobs."""
        with self.store.reading() as db:
            rows = db.execute("SELECT id FROM jobs WHERE model_id = ?", (model_id,)).fetchall()
        return [row["id"] for row in rows]


_numbers = itertools.count(1)


class Kernel:
    """One kernel of a person who works on one training; its timers stand still."""

    def __init__(self, bench: Bench, type: str, *, name: str | None = None) -> None:
        self._bench = bench
        self._type = type
        self._name = name or f"icons {next(_numbers)}"
        self._runner = InlineRunner()
        self.pauses: list[float] = []
        """Seconds that the client wanted to sleep."""
        self._client = self._connected({})
        if name is None:
            Training.create(self._name, type=type, client=self._client, runner=self._runner)
        self.training = self._opened()

    @property
    def model_id(self) -> str:
        return self.training.model_id

    def hurry(self, operation: str, seconds: float) -> None:
        """Give one operation that long from now on."""
        self._client.close()
        self._client = self._connected({operation: seconds})
        self._opened()

    def restarted(self) -> Kernel:
        """Return a kernel that was just started on the same computer."""
        self.close()
        return Kernel(self._bench, self._type, name=self._name)

    def close(self) -> None:
        """Let go of everything that is in memory only."""
        self._client.close()
        _here.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self, seconds: Mapping[str, float]) -> Phoenix:
        proxy = self._bench.proxy
        given = Credentials(api_key=Secret(KEY), api_secret=Secret(SECRET), base_url=proxy.base_url)
        transport = Transport(
            base_url=proxy.base_url,
            open_wire=lambda: Knocking(proxy),
            sign=OriginAuth(given).sign,
            endpoints={
                name: replace(policy, seconds=seconds.get(name, PATIENCE))
                for name, policy in ENDPOINTS.items()
            },
            sleep=self._sleep,
        )
        return Phoenix(transport, origin=proxy.base_url, is_local=False)

    def _opened(self) -> Training:
        return Training.open(self._name, type=self._type, client=self._client, runner=self._runner)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        time.sleep(min(seconds, 0.005))


@contextmanager
def serving(folder: Path, credentials: tuple[str, str] = (KEY, SECRET)) -> Iterator[Bench]:
    """Serve a local Phoenix on this computer, and a proxy before it that hides what it is."""
    app = create_app(folder, credentials=credentials)
    store = Store(folder)
    with store.writing() as db:
        kept = settings.load(db)
        wished = replace(kept, parallel_trainings=10_000, import_private=True, import_served=True)
        settings.save(db, wished)
    with wire.serving(app) as port:
        proxy = Proxy(port)
        try:
            yield Bench(store, proxy)
            assert not proxy.broken, proxy.broken
        finally:
            proxy.down()
