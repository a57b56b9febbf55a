"""Trained weights, bought once and fetched as often as wanted."""

from __future__ import annotations

import filecmp
import operator
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from phoenix_nbtrain.arguments import seconds
from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    InputError,
    NotFound,
    NotReady,
    PhoenixError,
    ServiceError,
    StoreError,
)
from phoenix_nbtrain.launch import Estimate, Launcher, Order, cost_words, download_order
from phoenix_nbtrain.records import ENDED_JOBS, Model
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.watch import passing
from phoenix_nbtrain.store.journal import Intent
from phoenix_nbtrain.telling import warn
from phoenix_nbtrain.text import as_sentence, ending, shown

_SEPARATORS = tuple(filter(None, ("/", os.sep, os.altsep)))
"""What a path that means a folder ends in."""

_EPOCHS = 1_000_000
"""No training has as many."""
_POLL_SECONDS = (0.2, 5.0)
"""Between two looks whether the file is made: at first, and at most."""


class Downloading:
    """Prices, buys and fetches the weights of one model."""

    def __init__(
        self,
        live: StateStore,
        service: Service,
        launcher: Launcher,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._live = live
        self.service = service
        self._launcher = launcher
        self._sleep = sleep

    def estimate(self, epoch: int | None) -> Estimate:
        """Return today's price. Buys nothing."""
        epoch = _number(epoch)
        model = self.service.get_model(self._live.model_id)
        with _asking(epoch):
            return self._launcher.estimate(_order(model, epoch))

    def download(
        self,
        to: str | Path | None,
        *,
        epoch: int | None,
        max_cost: object,
        again: bool,
        timeout: float,
    ) -> Path:
        """Buy the weights unless they are bought, and write them to a file.

        Raises:
            InputError, LaunchError, NotReady: see `Training.download`.
        """
        timeout, epoch = seconds("timeout", timeout), _number(epoch)  # before anything is bought
        model = self.service.get_model(self._live.model_id)
        order = _order(model, epoch)
        self._launcher.run_of(model)  # written down, so that it is known which weights are older
        bought = None if again else self._launcher.bought(order, model)
        run = None if order.held else model.job_id
        if bought is None and _target(to, model, run, epoch).exists():
            raise InputError(
                f"{shown(_target(to, model, run, epoch).name, 60)} already exists.",
                remedy="Nothing was charged. Name another file with to=.",
            )
        if bought is None or bought.job_id is None:
            bought = self._launched(order, max_cost, again=again)
        if bought.job_id is None:
            raise InputError("The download has no job to ask for.", remedy="Look at nbt.runs().")
        # The run is named as it was read just before the purchase, and only where it had trained.
        run = bought.job_before if bought.status_before == "trained" else None
        path = _target(to, model, run, epoch)
        return self._fetched(self._url(model, bought.job_id, timeout), path)

    def _launched(self, order: Order, max_cost: object, *, again: bool) -> Intent:
        """Buy the weights for the price that a dry run states."""
        with _asking(order.epoch):
            launched = self._launcher.launch(order, max_cost=max_cost, again=again)
        if launched.intent.fingerprint != order.fingerprint:
            raise InputError(
                "Another download of this model is still being prepared.",
                remedy="Nothing was charged. Call again in a minute.",
            )
        if not launched.already and cost_words(launched.intent):
            warn(cost_words(launched.intent))
        return launched.intent

    def _url(self, model: Model, job_id: str, timeout: float) -> str:
        """Wait for the service to make the file, and return its signed address."""
        ends, (wait, longest) = time.monotonic() + timeout, _POLL_SECONDS
        while True:
            try:
                ready = self.service.get_download(job_id)
            except NotFound as error:
                raise InputError(
                    "The service no longer has this download.",
                    remedy="download(again=True) buys it again.",
                ) from error
            except PhoenixError as error:
                # An outage takes nothing of what is bought, so it is no end before the time is up.
                expired = isinstance(error, AuthenticationFailed)
                if expired or not passing(error) or time.monotonic() > ends:
                    raise
                self._sleep(longest)
                continue
            if ready.url or ready.status in ENDED_JOBS:
                with suppress(StoreError):  # what is bought is fetched, noted down or not
                    self._launcher.settle_download(model)
            if ready.url:
                return ready.url
            if ready.status in ENDED_JOBS:
                made = ready.status == "success"
                what = (
                    "created the file but does not say where"
                    if made
                    else "could not create the file"
                )
                raise ServiceError(
                    f"The service {what} ({ready.status}).",
                    status=200,
                    remedy="download(again=True) requests and pays for it again.",
                )
            if time.monotonic() > ends:
                raise NotReady(
                    f"The file is not ready after {timeout:g} s.",
                    remedy="Call download() again; you won't pay twice.",
                )
            self._sleep(wait)
            wait = min(longest, wait * 1.5)

    def _fetched(self, url: str, path: Path) -> Path:
        """Fetch the file beside its place, and put it there if nothing else is."""
        try:
            return self._put(url, path)
        except OSError as error:
            raise InputError(
                f"{shown(str(path), 80)} cannot be written: {shown(error.strerror or '', 40)}.",
                remedy="Name another file with to=; you won't pay twice.",
            ) from error

    def _put(self, url: str, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".downloading-") as folder:
            new = Path(folder) / path.name
            self.service.fetch_to(url, new)
            if path.exists():
                if filecmp.cmp(path, new, shallow=False):
                    return path
                raise InputError(
                    f"{shown(path.name, 60)} exists with different content.",
                    remedy="Name another file with to=; you won't pay twice.",
                )
            new.replace(path)
        return path


@contextmanager
def _asking(epoch: object) -> Iterator[None]:
    """Turn a dry run's refusal into the error that there are no weights, or none of the epoch."""
    try:
        yield
    except ServiceError as error:
        if error.status not in (400, 404, 422):
            raise
        of = "" if epoch is None else f" of epoch {epoch}"
        again = "training.start() trains the model; start(again=True) trains it again."
        raise InputError(
            f"The service returned no weights{of}: {as_sentence(error.message, 100)}",
            remedy=again if epoch is None else "download() fetches the model's own.",
        ) from error


def _number(epoch: object) -> int | None:
    """Return an epoch as it is numbered, however the number is written.

    Raises:
        InputError: it is no number of an epoch.
    """
    if epoch is None:
        return None
    with suppress(TypeError, ValueError):
        number = int(epoch) if isinstance(epoch, str) else operator.index(epoch)  # type: ignore[arg-type]  # a TypeError tells
        if 0 <= number < _EPOCHS:
            return int(number)
    raise InputError(f"Epoch {shown(epoch, 40)} has no weights.", remedy="Give its number.")


def _order(model: Model, epoch: int | None) -> Order:
    if model.status == "new":
        raise InputError("There are no weights yet.", remedy="Run training.start() first.")
    known = [e.epoch for e in model.epochs]
    if model.status == "trained":
        missing = epoch is not None and str(epoch) not in known
    else:  # the model may show the epochs of another run than its weights are of
        known, missing = [], epoch is not None and not str(epoch).isdigit()
    if missing:
        there = f"There are {', '.join(known[:12])}." if known else "Only the last are kept."
        raise InputError(
            f"Epoch {shown(epoch, 20)} has no weights.",
            remedy=f"{there} download() fetches the last ones.",
        )
    return download_order(model, None if epoch is None else str(epoch))


def _target(to: str | Path | None, model: Model, run: str | None, epoch: int | None) -> Path:
    """Return the file to write, in a folder that is there or can be made in one that is."""
    stem = re.sub(r"[^\w.-]+", "-", model.name, flags=re.ASCII).strip("-.") or "weights"
    # Named for its run, so that the weights of one run never stand in the way of another's.
    parts = [stem, (run or model.id)[-6:], *([f"epoch-{epoch}"] if epoch else [])]
    file = "-".join(parts) + ".safetensors"
    if to is not None and not isinstance(to, str | Path):
        raise InputError(f"to is {shown(to, 40)}.", remedy="Give a file or a folder.")
    try:
        path = Path(file) if to is None else Path(to).expanduser()
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, or a NUL in it
        why = getattr(error, "strerror", None) or "it is not a file name"
        raise InputError(
            f"{shown(to, 80)} cannot be written: {shown(why, 40)}.",
            remedy="Nothing was charged. Name another file with to=.",
        ) from error
    there = path.parent
    if isinstance(to, str) and to.endswith(_SEPARATORS):
        if path.exists() and not path.is_dir():
            raise InputError(
                f"{ending(path, 80)} is a file, not a folder.", remedy="Name another folder."
            )
        path = path / file
    elif path.is_dir():
        path, there = path / file, path
    if not there.is_dir():
        raise InputError(f"There is no folder {ending(there, 80)}.", remedy="Create it first.")
    return path.absolute()
