"""The live state of one model's training: what the face and the views call.

Each part does one thing and is called by its name: ``session.sync.request()``. What may wait for the
service or read files blocks its caller, so that Ctrl-C ends it and a warning names the user's line;
a view runs it by `Session.behind`, which returns a future at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from os import PathLike
from typing import Any, ParamSpec, TypeVar, cast

from phoenix_nbtrain import catalog
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset import checks
from phoenix_nbtrain.dataset.checks import Finding
from phoenix_nbtrain.errors import InputError, PhoenixError
from phoenix_nbtrain.forks import OneEach, not_for_children
from phoenix_nbtrain.home import home
from phoenix_nbtrain.launch import Launcher
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import Runner, default_runner
from phoenix_nbtrain.session.adding import Adding
from phoenix_nbtrain.session.browsing import Folder
from phoenix_nbtrain.session.download import Downloading
from phoenix_nbtrain.session.editing import Editing
from phoenix_nbtrain.session.frames import Frames
from phoenix_nbtrain.session.order import stored_parameters
from phoenix_nbtrain.session.pairs import Pairs
from phoenix_nbtrain.session.purchase import Purchase
from phoenix_nbtrain.session.service import Service
from phoenix_nbtrain.session.settings import Settings
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.sync import Sync
from phoenix_nbtrain.session.thumbnails import Thumbnails
from phoenix_nbtrain.session.watch import Watch
from phoenix_nbtrain.store import home_drafts
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.text import shown

P = ParamSpec("P")
R = TypeVar("R")

_here = OneEach[tuple[str, str, str], "Session"]()
"""One session per model and kernel, so that a cell run again gets the one its views show."""


class Session:
    """One model's training in this kernel. Made by `session_on`."""

    def __init__(
        self,
        model: Model,
        service: Service,
        *,
        journal: Journal,
        drafts: Drafts,
        contents: Contents,
        runner: Runner,
    ) -> None:
        self.runner = runner
        self.service = service
        self.journal = journal
        self.store = StateStore(model=model, origin=service.origin, drafts=drafts, runner=runner)
        self.launcher = Launcher(service, journal, explicit=stored_parameters)
        self.sync = Sync(
            self.store, service, journal=journal, contents=contents, after=self._landed
        )
        self.watch = Watch(
            self.store, service, self.launcher, ended=self.sync.request, expired=_look_for_login
        )
        self.purchase = Purchase(self.store, self.sync, self.watch, self.launcher)
        self.editing = Editing(self.store, changed=self._edited)
        self.frames = Frames(self.store, self.editing)
        self.settings = Settings(self.store, self.editing)
        self.adding = Adding(self.store, self.editing, contents, service=service, journal=journal)
        self.pairs = Pairs(self.store, self.editing)
        self.thumbnails = Thumbnails(self.store, service, contents)
        self.weights = Downloading(self.store, service, self.launcher)
        not_for_children(self)

    # -- what is known now ------------------------------------------------------------------------

    @property
    def state(self) -> TrainingState:
        """Everything that a view shows, at one moment."""
        return self.store.state

    @property
    def name(self) -> str:
        """The model's name."""
        return self.state.model.name

    @property
    def type(self) -> str:
        """The model's type."""
        return self.state.model.type

    @property
    def needs_pairs(self) -> bool:
        """Whether this type learns from pairs."""
        return catalog.model_type(self.type).pairs

    @property
    def unit(self) -> str:
        """The unit of prices."""
        return self.service.unit

    @property
    def where(self) -> str:
        """Which Phoenix it is on, and whether money is involved."""
        return self.service.where

    @property
    def is_local(self) -> bool:
        """Whether it is on the local Phoenix, which charges nothing."""
        return self.service.is_local

    def findings(self) -> tuple[Finding, ...]:
        """Return what to look at before paying. Never blocks."""
        return checks.check(self.state.draft, self.type)

    # -- for views --------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[TrainingState], None]) -> Callable[[], None]:
        """Call ``callback`` with the latest state after changes, at most five times a second.

        Returns:
            What ends that.
        """
        return self.store.subscribe(callback)

    def behind(
        self, name: str, command: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run a command that blocks on a thread of its own, named ``name``. Never blocks."""
        return self.runner.alone(name, partial(command, *args, **kwargs))

    def browse(self, folder: str | PathLike[str], *, recursive: bool = False) -> Folder:
        """Return the images of a folder, to look at and choose from; see `Training.browse`."""
        return Folder(folder, recursive=recursive, live=self.store)

    # -- another client ---------------------------------------------------------------------------

    def use(self, service: Service) -> None:
        """Talk through ``service`` from now on: the same Phoenix, with newer credentials."""
        if service is not self.service:
            self.sync.retry()  # what it refused, it may take from whoever it is now
        self.service = service
        self.launcher.client = service
        self.adding.service = service
        self.weights.service = service
        self.thumbnails.service = service
        self.watch.use(service)
        self.sync.use(service)

    def _offer(self, client: Service) -> None:
        """Go on with a client that was just connected, if it is for the same project."""
        here, there = self.service.project_id, client.project_id
        if client.origin != self.service.origin or (here and there and here != there):
            return
        if here == there and (here or client.is_local):
            self._go_on_with(client)
        else:
            # A key does not say which project it is for.
            self.behind("move", self._use_if_it_reaches, client)

    def _use_if_it_reaches(self, client: Service) -> None:
        try:
            client.get_model(self.state.model.id)
        except PhoenixError:
            return  # another project's, so this training stays where it is
        self._go_on_with(client)

    def _go_on_with(self, client: Service) -> None:
        self.use(client)
        self.sync.request()

    # -- what follows what ------------------------------------------------------------------------

    def _edited(self) -> None:
        self.sync.retry(images=False)  # the change may have mended why something was refused
        self.sync.request()
        self.purchase.follow()
        self.thumbnails.look_ahead()

    def _landed(self) -> None:
        self.purchase.follow()


def session_on(
    model: Model,
    service: Service,
    journal: Journal,
    runner: Runner | None = None,
    *,
    alone: bool = False,
) -> Session:
    """Return this kernel's one session of a model, brought up to date with it.

    Args:
        model: as read just now.
        service: where it is.
        journal: of this computer.
        runner: where background work runs.
        alone: whether nothing can have been sent to it since it was read; see `Opening`. Else a
            flight that follows reads it again.

    Raises:
        InputError: the model is of a type that cannot be trained.
    """
    if model.type not in catalog.MODEL_TYPES:
        raise InputError(
            f"{model.id} is a {shown(model.type, 40)}, which cannot be trained.",
            remedy="nbt.model_types() lists what can.",
        )
    key = (str(journal.path), service.origin, model.id)
    with _here.lock:
        session = _here.one(
            key,
            lambda: Session(
                model,
                service,
                journal=journal,
                drafts=home_drafts(),
                contents=Contents(home() / "pictures"),
                runner=runner or default_runner(),
            ),
        )
        renewed = session.service is not service
        session.use(service)
        _hear_of_logins()
    if alone:
        # At once, so that images which the service has already are known before any are added.
        session.sync.take(model)
    else:
        session.store.show(model=model)
    # A run that this computer has no memory of is written down as it is first seen.
    known = session.launcher.run_of(model)
    if model.status == "training" or model.job_id is not None or known is not None:
        session.watch.begin(model if alone else None)
    if session.state.draft.unsent or renewed or not alone:
        session.sync.request()
    return session


def session_of(training: object, *, view: str = "This") -> Session:
    """Return the session behind a training, for a view of it.

    Args:
        training: a `Training`, or a session itself.
        view: what asks, as the error names it.

    Raises:
        InputError: it is neither.
    """
    session: Any = getattr(training, "_session", training)
    if not callable(getattr(session, "subscribe", None)):
        raise InputError(
            f"{view} takes a Training, not {shown(training)}.",
            remedy="nbt.Training.open(name, type=…) or nbt.attach(model_id) gives one.",
        )
    return cast(Session, session)


def _hear_of_logins() -> None:
    from phoenix_nbtrain.client import connect

    connect.told.add(_adopt)


def _look_for_login() -> None:
    from phoenix_nbtrain.client import connect

    connect.look_for_login()


def _adopt(client: Service) -> None:
    """Let the trainings of a Phoenix go on with the credentials of a newer connection."""
    with _here.lock:
        sessions = list(_here.values())
    for session in sessions:
        session._offer(client)
