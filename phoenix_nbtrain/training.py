"""`Training`: everything a person or a view does to one model's training."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakValueDictionary

from phoenix_nbtrain import arguments, catalog
from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset.baselines import Baselines
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.errors import (
    InputError,
    NotFound,
    PhoenixError,
    StillRunning,
    UnknownName,
    shown,
)
from phoenix_nbtrain.forks import after_fork, not_for_children
from phoenix_nbtrain.home import home
from phoenix_nbtrain.launch import Estimate, Launcher, parse_max_cost
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import Runner, Timer, default_runner
from phoenix_nbtrain.session.adding import Adding
from phoenix_nbtrain.session.browsing import Folder
from phoenix_nbtrain.session.download import Downloading
from phoenix_nbtrain.session.drafting import Drafting
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.opening import Opening, checked_id
from phoenix_nbtrain.session.order import stored_parameters
from phoenix_nbtrain.session.purchase import Buying
from phoenix_nbtrain.session.service import Service, asked
from phoenix_nbtrain.session.state import RUN_STATUS, Run, Thumbnail, TrainingState
from phoenix_nbtrain.session.state_store import StateStore
from phoenix_nbtrain.session.sync import Sync
from phoenix_nbtrain.session.thumbnails import Thumbnails
from phoenix_nbtrain.session.watch import Watch, passing
from phoenix_nbtrain.store import home_drafts, home_journal
from phoenix_nbtrain.store.drafts import Drafts
from phoenix_nbtrain.store.journal import Journal

__all__ = ["Training", "attach"]

_here: WeakValueDictionary[tuple[str, str, str], Training] = WeakValueDictionary()
"""One `Training` per model and kernel, so that a cell run again gets the one its views show."""
_here_lock = threading.Lock()


@after_fork
def _forget() -> None:
    global _here_lock
    _here_lock = threading.Lock()
    _here.clear()


class _Opened(type):
    """The type of `Training`, which is opened by name and not called."""

    if not TYPE_CHECKING:  # a type checker finds mistyped names itself

        def __call__(
            cls, name: object = "", *_: object, type: object = "flux.2-dev-lora", **__: object
        ) -> NoReturn:
            raise InputError(
                "A training is opened, not called.",
                remedy=f"{_opening_line(name or 'prop icons', type)} finds it or makes it.",
            )

        def __getattr__(cls, name: str) -> NoReturn:
            raise _unknown("nbt.Training", name, cls)


class Training(Drafting, metaclass=_Opened):
    """One model's training: its draft, its price, its runs.

    Made by `open`, `create` or `attach`. Commands return when what they say is done; the
    ``request_…`` and ``…_later`` ones are for views and never block.
    """

    def __init__(
        self,
        model: Model,
        service: Service,
        *,
        journal: Journal,
        drafts: Drafts,
        pictures: Contents,
        runner: Runner,
    ) -> None:
        self._service = service
        self._journal = journal
        self._live = StateStore(model=model, origin=service.origin, drafts=drafts, runner=runner)
        self._launcher = Launcher(service, journal, explicit=stored_parameters)
        self._sync = Sync(
            self._live, service, journal=journal, pictures=pictures, after=self._landed
        )
        self._watch = Watch(
            self._live,
            service,
            self._launcher,
            ended=self._sync.request,
            expired=_look_for_login,
        )
        self._buying = Buying(self._live, self._sync, self._watch, self._launcher)
        self._baselines = Baselines()
        self._editing = Editing(self._live, changed=self._edited)
        self._adding = Adding(self._live, self._editing, pictures, service=service, journal=journal)
        self._thumbnails = Thumbnails(self._live, service, pictures)
        self._downloading = Downloading(self._live, service, self._launcher)
        not_for_children(self)

    launched_before = False
    """Whether the last `start` found a run instead of buying one."""

    if not TYPE_CHECKING:  # a type checker finds mistyped names itself

        def __getattr__(self, name: str) -> object:
            if hasattr(type(self), name):  # a property that failed: its own error tells why
                return self.__getattribute__(name)
            raise _unknown("training", name, type(self))

        def __setattr__(self, name: str, value: object) -> None:
            # What is assigned to a mistyped name would be lost without a word.
            if not name.startswith("_") and not hasattr(type(self), name):
                raise _unknown("training", name, type(self))
            super().__setattr__(name, value)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse copies and pickles: two of one training would overwrite each other's drafts."""
        raise InputError(
            "A training cannot be copied or pickled.",
            remedy=f"Open it again with {_opening_line(self.name, self.type)}.",
        )

    # -- finding and making ---------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        name: str | None = None,
        *,
        type: str | None = None,
        model_id: str | None = None,
        client: Service | None = None,
        runner: Runner | None = None,
    ) -> Training:
        """Return the training of that name which this computer made before, else a new one.

        Args:
            name: the model's name, at most 64 characters.
            type: the model type, for example ``flux.2-dev-lora``; needed with a name.
            model_id: instead of both, the id of a model that exists.
            client: the Phoenix to use instead of the connected one.
            runner: where background work runs; tests pass an `InlineRunner`.

        Raises:
            InputError: the name or type cannot be.
            ModelNameTaken: the account has a model of that name that this computer does not know.
        """
        service = asked(client)
        journal = home_journal()
        opening = Opening(service, journal)
        if model_id is not None:
            if name is not None:
                raise InputError("Both a name and a model_id are given.", remedy="Keep one.")
            model = opening.join(model_id)
        else:
            model = opening.open(_given(name), type=_given_type(type))
        return cls._of(model, service, journal, runner)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        type: str,
        client: Service | None = None,
        runner: Runner | None = None,
    ) -> Training:
        """Return the training of a new model, whatever else has that name."""
        service, journal = asked(client), home_journal()
        model = Opening(service, journal).create(name, type=_given_type(type))
        return cls._of(model, service, journal, runner)

    @classmethod
    def attach(
        cls,
        which: str = "last",
        *,
        client: Service | None = None,
        runner: Runner | None = None,
    ) -> Training:
        """Join an existing run; never creates a model.

        Args:
            which: ``"last"`` for the newest launch of this computer whose model is still there,
                else the id of a run, a job or a model.
            client: the Phoenix to use instead of the connected one.
            runner: where background work runs.

        Raises:
            InputError: this computer has launched nothing yet, or all its models were deleted.
            NotFound: there is no such model.
        """
        service, journal = asked(client), home_journal()
        which = checked_id(which)
        runs = journal.intents(origin=service.origin)
        opening = Opening(service, journal)
        if which == "last":
            model = _newest(opening, list(dict.fromkeys(run.model_id for run in runs)))
        else:
            wanted = next(
                (run.model_id for run in runs if which in (run.intent_id, run.job_id)), which
            )
            model = opening.join(wanted)
        training = cls._of(model, service, journal, runner)
        training._watch.read()
        training.resume_watch()
        return training

    @classmethod
    def _of(
        cls, model: Model, service: Service, journal: Journal, runner: Runner | None
    ) -> Training:
        if model.type not in catalog.MODEL_TYPES:
            raise InputError(
                f"{model.id} is a {shown(model.type, 40)}, which cannot be trained.",
                remedy="nbt.model_types() lists what can.",
            )
        key = (str(journal.path), service.origin, model.id)
        with _here_lock:
            training = _here.get(key)
            if training is None:
                training = type.__call__(
                    cls,
                    model,
                    service,
                    journal=journal,
                    drafts=home_drafts(),
                    pictures=Contents(home() / "pictures"),
                    runner=runner or default_runner(),
                )
                _here[key] = training
            training._use(service)
            _hear_of_logins()
        training._live.show(model=model)
        # At once, so that pictures which the service has already are known before any are added.
        training._sync.look()
        # A run that this computer has no memory of is written down as it is first seen.
        known = training._launcher.run_of(model)
        if model.status == "training" or model.job_id is not None or known is not None:
            training.resume_watch()
        if training.state.draft.unsent or model.training_images_number:
            training._sync.request()
        return training

    # -- what it is -----------------------------------------------------------------------------

    @property
    def model(self) -> Model:
        """The service's record of the model, as last read."""
        return self.state.model

    @property
    def model_id(self) -> str:
        """The model's id."""
        return self.model.id

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def status(self) -> str:
        """The model's status, as last read."""
        return self.model.status

    @property
    def progress(self) -> float | None:
        """How far the run is, 0 to 1; ``None`` where nothing tells."""
        return self.state.run.progress if self.state.run else None

    @property
    def run(self) -> Run | None:
        """The run, as last read; ``None`` before the first."""
        return self.state.run

    @property
    def unit(self) -> str:
        """The unit of prices."""
        return self._service.unit

    @property
    def where(self) -> str:
        """Which Phoenix it is on, and whether money is involved."""
        return self._service.where

    @property
    def is_local(self) -> bool:
        """Whether it is on the local Phoenix, which charges nothing."""
        return self._service.is_local

    def __repr__(self) -> str:
        draft = self.state.draft
        return (
            f"<Training {shown(self.name, 40)!r} · {self.type} · {self.status} · "
            f"{len(draft.images)} images, {len(draft.pairs)} pairs · {self.where}>"
        )

    # -- the service ----------------------------------------------------------------------------

    def sync(self) -> None:
        """Wait until the draft is on the service; refused rows say why in their frame.

        What the service refused before is sent once more.

        Raises:
            ServiceUnreachable, ServiceError: the draft is kept here and tried again by itself.
        """
        self._sync.retry()
        self._sync.now()

    def refresh(self) -> Model:
        """Read the service again: the set, others' changes, the run."""
        self._sync.now()
        return self._watch.read()

    def estimate(self, *, config: Mapping[str, Any] | None = None) -> Estimate:
        """Return today's price of this training. Buys nothing.

        Args:
            config: parameters to price it with instead of those that are set. Nothing of them is
                kept, here or on the service.

        Raises:
            ConfigError: ``config`` has an unknown name or a value out of range.
        """
        if config is None:
            return self._buying.estimate()
        return self._buying.estimate_with(self.config_with(config))

    def start(self, *, max_cost: object = None, again: bool = False) -> Run:
        """Launch the training, or return the run that is there already.

        Args:
            max_cost: the most it may cost on a hosted Phoenix: a number from 0 to below 10¹², or
                a text such as ``"400 CU"``; no commas.
            again: buy the same training once more, or although an earlier launch left no trace.

        Raises:
            InputError: ``max_cost`` is no such number, or ``again`` neither True nor False.
            PriceNotAccepted, LaunchRefused, LaunchUncertain: see `phoenix_nbtrain.launch`.
        """
        cap = parse_max_cost(max_cost, self.unit)
        launched = self._buying.start(max_cost=cap, again=arguments.flag("again", again))
        self.launched_before = launched.already
        run, intent = self.state.run, launched.intent
        if run is None or run.job_id != intent.job_id:
            run = Run(
                run_id=intent.intent_id,
                job_id=intent.job_id,
                status=RUN_STATUS.get(intent.state, "training"),
                cost=intent.amount if intent.charged is None else intent.charged,
            )
        said = launched.already or intent.costs_otherwise
        return replace(run, message=launched.said) if said else run

    def stop(self) -> None:
        """Ask the run to stop. What it cost is not given back for certain."""
        self._buying.stop()

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended, and return it.

        While the service cannot be reached, or a token has expired, how the run stands is not
        known: that is printed once, and the wait goes on.

        Args:
            timeout: most seconds to wait; ``None`` for as long as it takes.

        Raises:
            StillRunning: it goes on, or is not known to have ended; waiting again is safe.
            InputError: there is no run, or ``timeout`` is no number of seconds.
            NotFound: the model was deleted.
            AuthenticationFailed, PermissionDenied: the service refuses the credentials.
        """
        ends = None if timeout is None else time.monotonic() + arguments.seconds("timeout", timeout)
        told = False
        while True:
            failure: PhoenixError | None = None
            try:
                self._watch.read()
            except PhoenixError as error:
                if not passing(error):
                    raise
                failure = error
                if not told:  # printed, since whoever waits sees this cell's output and no more
                    print(f"The run's status is unknown right now. {error} wait() keeps trying.")  # noqa: T201
                told = True
            run = self.state.run
            if failure is None:
                if run is None:
                    raise InputError("Nothing was started yet.", remedy="training.start() does.")
                if run.ended:
                    return run
            pause = self._watch.seconds
            if ends is not None:
                left = ends - time.monotonic()
                if left <= 0:
                    status = f"is still {run.status}" if run and not failure else "may still go on"
                    raise StillRunning(
                        f"The run {status} after {timeout:g} s.",
                        remedy=str(failure or "Call wait() again; it goes on by itself."),
                    ) from failure
                pause = min(left, pause)
            self._watch.pause(pause)

    def estimate_download(self, *, epoch: int | None = None) -> Estimate:
        """Return today's price of the trained weights. Buys nothing.

        Raises:
            InputError: there are no weights, or none of that epoch.
        """
        return self._downloading.estimate(epoch)

    def download(
        self,
        to: str | Path | None = None,
        *,
        epoch: int | None = None,
        max_cost: object = None,
        again: bool = False,
        timeout: float = 600,
    ) -> Path:
        """Buy the trained weights once, and write them to a file. Fetching them again is free.

        While another run goes on, and after one that was stopped or failed, weights that were
        bought before are fetched. Otherwise the service is asked what the model's weights cost as
        it holds them; which run these are of is not stated, so the file names none.

        Args:
            to: a file or a folder; by default a file named for the model and its run, in
                this folder. A text that ends in ``/`` (or the system's own separator) is a
                folder, which is made if its parent is there.
            epoch: whose weights; by default the model's own, the last ones.
            max_cost: what it may cost on a hosted Phoenix: a number, or ``"5 CU"``.
            again: buy it once more, where the service has forgotten the one that was bought.
            timeout: most seconds to wait for the service to make the file.

        Returns:
            The file, in safetensors format.

        Raises:
            InputError: there are no weights, another file is in the way, or another download of
                the model is still being made; nothing was bought.
            PriceNotAccepted, LaunchRefused, LaunchUncertain: as for `start`.
            NotReady: the file is not made yet; calling again goes on, and buys nothing.
        """
        cap = parse_max_cost(max_cost, self.unit)
        return self._downloading.download(
            to, epoch=epoch, max_cost=cap, again=arguments.flag("again", again), timeout=timeout
        )

    # -- for views ------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[TrainingState], None]) -> Callable[[], None]:
        """Call ``callback`` with the latest state after changes, at most five times a second."""
        return self._live.subscribe(arguments.called("callback", callback))

    def edit(self, ops: Sequence[Op], base: int | None = None) -> Future[EditReply]:
        """Apply edit operations, each by itself. Never blocks."""
        return self._editing.edit(ops, base)

    def undo_later(self, of: int | None = None) -> Future[EditReply]:
        """Take the last edit back, if it made the revision ``of`` where one is given. Never blocks."""
        return self._editing.undo(of)

    def redo_later(self) -> Future[EditReply]:
        """Do again what was taken back. Never blocks."""
        return self._editing.redo()

    def thumbnails(self, ids: Sequence[str], px: int) -> list[Future[Thumbnail]]:
        """Return a future picture of at most ``px`` pixels for each id. Never blocks.

        Cancel those that nobody waits for any more, begun or not.
        """
        return self._thumbnails.ask(ids, px)

    def colours(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Return each picture's mean colour as ``#rrggbb``; empty where unknown. Never blocks."""
        return self._thumbnails.colours(ids)

    def browse(self, folder: str | Path, *, recursive: bool = False) -> Folder:
        """Return the pictures of a folder, to look at and choose from. Adds nothing.

        Args:
            folder: where they are, on the computer where this runs.
            recursive: whether the folders within it count too.

        Raises:
            InputError: it is not a folder, cannot be read or holds too many files.
        """
        recursive = arguments.flag("recursive", recursive)
        return Folder(folder, recursive=recursive, live=self._live)

    def browse_later(self, folder: str | Path, *, recursive: bool = False) -> Future[Folder]:
        """List a folder's pictures on a thread of its own. Never blocks."""
        return self._live.runner.alone("browse", partial(self.browse, folder, recursive=recursive))

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        """Call ``work`` after ``seconds``, unless the timer is cancelled before. Never blocks."""
        return self._live.runner.later(
            arguments.seconds("seconds", seconds), arguments.called("work", work)
        )

    def picture(self, picture_id: str) -> bytes:
        """Return the whole file of an image or of a sample, by id."""
        return self._thumbnails.content(picture_id)

    def request_estimate(self) -> None:
        """Price the draft soon, and again after changes. Never blocks."""
        self._buying.request_estimate()

    def request_retry(self) -> None:
        """Send again what the service refused. Never blocks."""
        self._sync.retry()
        self._sync.in_background()

    def request_start(self, estimate_id: str) -> None:
        """Start for the price that was shown. Never blocks; the state tells what came of it."""
        self._buying.request_start(estimate_id)

    def request_stop(self) -> None:
        """Ask the run to stop. Never blocks."""
        self._buying.request_stop()

    def resume_watch(self) -> None:
        """Read the run, and go on as long as it runs. Never blocks; harmless twice."""
        self._watch.begin()

    # -- inside ---------------------------------------------------------------------------------

    def _use(self, service: Service) -> None:
        """Talk through ``service`` from now on: the same Phoenix, with newer credentials."""
        if service is not self._service:
            self._sync.retry()  # what it refused, it may take from whoever it is now
        self._service = service
        self._launcher.client = service
        self._adding.service = service
        self._downloading.service = service
        self._thumbnails.service = service
        self._watch.use(service)
        self._sync.use(service)

    def _offer(self, client: Service) -> None:
        """Go on with a client that was just connected, if it is for the same project."""
        here, there = self._service.project_id, client.project_id
        if client.origin != self._service.origin or (here and there and here != there):
            return
        if here == there and (here or client.is_local):
            self._go_on_with(client)
        else:
            # A key does not say which project it is for.
            self._live.runner.alone("move", partial(self._use_if_it_reaches, client))

    def _use_if_it_reaches(self, client: Service) -> None:
        try:
            client.get_model(self.model_id)
        except PhoenixError:
            return  # another project's, so this training stays where it is
        self._go_on_with(client)

    def _go_on_with(self, client: Service) -> None:
        self._use(client)
        self._sync.request()

    def _edited(self) -> None:
        self._sync.retry(images=False)  # the change may have mended why something was refused
        self._sync.request()
        self._buying.follow()
        self._thumbnails.look_ahead()

    def _landed(self) -> None:
        self._buying.follow()


def attach(which: str = "last", *, client: Service | None = None) -> Training:
    """Return the training of an existing run or model; never creates one.

    See `Training.attach`.
    """
    return Training.attach(which, client=client)


def _hear_of_logins() -> None:
    from phoenix_nbtrain.client import connect

    connect.told.add(_adopt)


def _look_for_login() -> None:
    from phoenix_nbtrain.client import connect

    connect.look_for_login()


def _adopt(client: Service) -> None:
    """Let the trainings of a Phoenix go on with the credentials of a newer connection."""
    with _here_lock:
        trainings = list(_here.values())
    for training in trainings:
        training._offer(client)


def _newest(opening: Opening, model_ids: Sequence[str]) -> Model:
    """Return the first of these models that is still there."""
    if not model_ids:
        raise InputError(
            "Nothing was launched from this computer yet.", remedy="Training.open(…) begins."
        )
    for model_id in model_ids:
        try:
            return opening.join(model_id)
        except NotFound:
            continue  # deleted
    raise InputError(
        "None of the models launched from this computer exists any more.",
        remedy="nbt.models() lists those that are; Training.open(…) makes one.",
    )


def _opening_line(name: object, type: object) -> str:
    """Return the line that opens a training of that name."""
    return f'nbt.Training.open("{shown(name, 64)}", type="{shown(type, 40)}")'


def _unknown(owner: str, name: str, kind: type) -> AttributeError:
    if name.startswith("_"):  # asked for by libraries, not by people
        return AttributeError(f"{owner} has no attribute {name}")
    return UnknownName(owner, name, known=dir(kind))


def _given(name: str | None) -> str:
    if name is None:
        raise InputError("A training needs a name.", remedy='Training.open("prop icons", type=…)')
    return name


def _given_type(type: str | None) -> str:
    if type is None:
        raise InputError(
            "A training needs a type.",
            remedy='For example type="flux.2-dev-lora"; nbt.model_types() lists them.',
        )
    return type
