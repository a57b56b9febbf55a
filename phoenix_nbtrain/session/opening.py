"""Which model a name means: found again on every run of a cell, created at most once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import Self

from phoenix_nbtrain import catalog
from phoenix_nbtrain.clock import Clock, moment
from phoenix_nbtrain.errors import InputError, ModelNameTaken, NotFound, PhoenixError
from phoenix_nbtrain.locks import Waiting, at_work, lease_if_free, may_be_at_work, who_is_at
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.store.journal import Journal, KnownModel
from phoenix_nbtrain.text import shown

NAME_MAX = 64
"""Most characters of a model's name (the service's older reference)."""
CREATING_SECONDS = 90
"""Longer than a creation can take, where no lock tells whether its kernel lives."""
GRACE_SECONDS = 3
"""How long a creation whose kernel died may take to show among the account's models."""


class Opening:
    """Finds and creates models, remembering both in the journal.

    What it read last stays locked against flights until it ends, so that it can be brought into the
    draft: beside a flight a reading may be older than what the flight has sent since, and that would
    then seem to have been removed by somebody.
    """

    def __init__(
        self,
        service: Service,
        journal: Journal,
        *,
        clock: Clock = moment,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = service
        self._journal = journal
        self._scope = {"origin": service.origin, "project": service.project_id or ""}
        self._clock = clock
        self._sleep = sleep
        self._lock = ExitStack()
        self.alone = False
        """Whether no flight can have sent anything since the model was read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def _hold(self, model_id: str) -> None:
        self._lock.close()
        lock = lease_if_free("sync", self._service.origin, model_id)
        self.alone = self._lock.enter_context(lock)

    def _read(self, model_id: str) -> Model:
        self._hold(model_id)
        return self._service.get_model(model_id)

    def open(self, name: str, *, type: str) -> Model:
        """Return the model of that name that this computer made, else a new one.

        Raises:
            InputError: the name or type cannot be, or the known model is of another type.
            ModelNameTaken: the account has a model of that name that this computer does not
                know; the error names its id.
            StoreBusy: another kernel has been creating it for ten minutes.
        """
        name = checked_name(name)
        catalog.model_type(type)
        entry = ""
        waiting = self._for_another(lambda: entry)
        while True:
            entries = self._journal.models(**self._scope, name=name)
            known = self._known(entries)
            if isinstance(known, Model):
                if known.type != type:
                    raise InputError(
                        f"{shown(name, 40)} is a {known.type}, not a {type}.",
                        remedy=f'Open it as type="{known.type}", or choose another name.',
                    )
                return known
            if known is None:
                taken = self._taken(name)
                if taken is not None and entries != self._journal.models(**self._scope, name=name):
                    continue  # another kernel of this computer has made it since
                if taken is not None:
                    raise ModelNameTaken(
                        f"{shown(name, 24)} exists in this account as {shown(taken.id, 40)}.",
                        model_id=taken.id,
                        remedy=f'Training.open(model_id="{shown(taken.id, 40)}") opens it; '
                        "Training.create(…) creates another.",
                    )
                made = self._create(name, type, seen={e.entry for e in entries})
                if made is not None:
                    return made
            else:
                entry = known.entry
            waiting.pause(0.3)  # another kernel is creating it: look again

    def create(self, name: str, *, type: str) -> Model:
        """Create a model, whatever else has that name."""
        name = checked_name(name)
        catalog.model_type(type)
        entry = ""
        waiting = self._for_another(lambda: entry)
        while (made := self._create(name, type)) is None:
            # One of that name is being created, or its creation was cut off.
            for known in self._journal.models(**self._scope, name=name):
                if known.model_id is None:
                    self._look_after(known)
                    entry = known.entry
            waiting.pause(0.3)
        return made

    def join(self, model_id: str) -> Model:
        """Return an existing model by its id."""
        model = self._read(checked_id(model_id))
        self._journal.remember_model(
            **self._scope, name=model.name, type=model.type, model_id=model.id
        )
        return model

    def _for_another(self, entry: Callable[[], str]) -> Waiting:
        """Return a wait for another kernel's creation, which ``entry`` names."""
        return Waiting(
            "A model with that name is being created",
            lambda: who_is_at(entry()),
            progress=entry,
            sleep=self._sleep,
        )

    def _known(self, entries: Sequence[KnownModel]) -> Model | KnownModel | None:
        """Return the first of them that still is, or the entry of a creation under way."""
        for entry in entries:
            if entry.model_id is None:
                self._look_after(entry)
                return entry
            try:
                return self._read(entry.model_id)
            except NotFound:
                continue  # deleted, or another key's, which still finds it by this name
        return None

    def _look_after(self, entry: KnownModel) -> None:
        """Find out what became of a creation whose kernel died: adopt its model, or forget it."""
        now = self._clock()
        age, reset = now.since(entry.begun), now.precedes(entry.begun)
        if not reset and may_be_at_work(entry.entry, age=age, longest=CREATING_SECONDS):
            return
        give_up = reset or age > GRACE_SECONDS  # nothing tells how long ago: long enough
        known = {m.model_id for m in self._journal.models(**self._scope)}
        for model in self._service.list_models():
            mine = (model.name, model.type, model.status) == (entry.name, entry.type, "new")
            if mine and model.id not in known:
                self._journal.finish_model(entry.entry, model.id)
                return
        if give_up:
            self._journal.forget_model(entry.entry)

    def _taken(self, name: str) -> Model | None:
        return next((m for m in self._service.list_models() if m.name == name), None)

    def _create(self, name: str, type: str, *, seen: Collection[str] | None = None) -> Model | None:
        """Create a model; ``None`` where another kernel is at it, or was since ``seen``."""
        entry_id = secrets.token_hex(8)
        with at_work(entry_id):
            entry = self._journal.begin_model(
                **self._scope, name=name, type=type, entry_id=entry_id, seen=seen
            )
            if entry is None:
                return None
            try:
                model = self._service.create_model(name=name, type=type)
            except PhoenixError as error:
                if getattr(error, "sent", False) is False:
                    self._journal.forget_model(entry.entry)  # nothing was made
                raise
            # Before others find it and send what this reading does not show.
            self._hold(model.id)
            self._journal.finish_model(entry.entry, model.id)
        return model


def checked_id(model_id: object) -> str:
    """Return a model's id, stripped.

    Raises:
        InputError: it is no text, or empty.
    """
    if not isinstance(model_id, str) or not model_id.strip():
        raise InputError(
            f"{shown(model_id, 40)} is not a model id.", remedy="nbt.models() lists them."
        )
    return model_id.strip()


def checked_name(name: object) -> str:
    """Return a model's name, stripped.

    Raises:
        InputError: it is no text, empty, or longer than the service takes.
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError("A training needs a name.", remedy='For example "prop icons".')
    name = name.strip()
    if len(name) > NAME_MAX or not name.isprintable():
        raise InputError(
            f"The name {shown(name, 40)} cannot be used.",
            remedy=f"Use one line of at most {NAME_MAX} characters.",
        )
    return name
