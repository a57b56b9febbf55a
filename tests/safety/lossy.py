"""A served Phoenix that loses replies, kills its clients, and counts the launches that reach it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults import bench
from faults.bench import Bench
from faults.kinds import FAULTS, Fault, answer
from faults.proxy import Spoiled

from phoenix_nbtrain.local import rows
from phoenix_nbtrain.local.new_assets import checked_image

__all__ = ["FATES", "Lossy", "Seeded", "serving"]

FATES = {
    "answered": Fault(effect="done"),
    "late": Fault(effect="done"),
    **{name: FAULTS[name] for name in ("reset", "reset, done", "silence, done", "502")},
    **{name: FAULTS[name] for name in ("408, done", "502, done", "repeated")},
    "409, done": answer(409, {"message": "No."}, effect="done"),
    "429, done": answer(429, {"message": "No."}, effect="done"),
}
"""What becomes of the first launch request for a model; every later one is answered."""
SECONDS = 0.3
"""How long a silence lasts; half of it, what is late."""


@dataclass(eq=False)
class Seeded:
    """A model, what is to happen to its launch, and what did."""

    id: str
    service: Bench
    fate: str = "answered"
    kill_when: str = ""
    """``arrived`` or ``happened``: the client is killed at that moment of its launch request."""
    pid: int | None = None

    def __post_init__(self) -> None:
        self._launch = Spoiled(
            fault=FATES[self.fate],
            method="PUT",
            path=re.compile(f"/models/{self.id}/train"),
            at=self._at,
        )
        self.service.proxy.spoiled.append(self._launch)

    @property
    def launches(self) -> int:
        """Launch requests that reached the service, whatever it made of them."""
        return self._launch.seen - (self._launch.met and self._launch.fault.effect == "none")

    @property
    def jobs(self) -> list[str]:
        return self.service.jobs(self.id)

    def _at(self, moment: str) -> None:
        if moment == self.kill_when and self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)  # our own child, waiting for this very reply
        if moment == "arrived" and self.fate == "late":
            time.sleep(SECONDS / 2)


class Lossy:
    """The service at ``url``, and its models by id."""

    def __init__(self, service: Bench, picture: bytes) -> None:
        self.url = service.proxy.base_url
        self.models: dict[str, Seeded] = {}
        self._service = service
        self._image = checked_image(service.store, "a.png", picture)

    def seed(self, model_id: str, *, fate: str = "answered", kill_when: str = "") -> Seeded:
        """Add a model with one image, under an id that the test knows."""
        made = {"created_at": rows.iso(), "updated_at": rows.iso()}
        named = {"id": model_id, "name": model_id, "type": "flux.2-dev-lora"}
        rest = {"short_description": "", "status": "new", "parameters": "{}"}
        with self._service.store.writing() as db:
            asset_id = rows.insert_asset(db, self._image)
            rows.insert(db, "models", **named, **rest, **made)
            rows.insert(
                db, "training_images", model_id=model_id, asset_id=asset_id, created_at=rows.iso()
            )
        self.models[model_id] = Seeded(model_id, self._service, fate, kill_when)
        return self.models[model_id]


@contextmanager
def serving(folder: Path, icon: Path) -> Iterator[Lossy]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with bench.serving(folder, ("k", "s")) as service:
        service.proxy.silence = SECONDS
        yield Lossy(service, icon.read_bytes())
