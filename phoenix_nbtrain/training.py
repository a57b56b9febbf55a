"""`Training`: everything a person does to one model's training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary, ref

from phoenix_nbtrain import arguments
from phoenix_nbtrain.dataset import caption_edits, pairing
from phoenix_nbtrain.errors import InputError, NotFound, UnknownName
from phoenix_nbtrain.forks import after_fork, not_for_children
from phoenix_nbtrain.launch import Estimate, parse_max_cost
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.opening import Opening, checked_id
from phoenix_nbtrain.session.service import Service, asked
from phoenix_nbtrain.session.session import Session, session_on
from phoenix_nbtrain.session.state import RUN_STATUS, Run, TrainingState
from phoenix_nbtrain.store import home_journal
from phoenix_nbtrain.telling import warn
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    import pandas as pd

    from phoenix_nbtrain.dataset.report import AddReport, PairReport
    from phoenix_nbtrain.draft import ImageRow
    from phoenix_nbtrain.runner import Runner
    from phoenix_nbtrain.session.browsing import Folder
    from phoenix_nbtrain.session.editing import EditReply
    from phoenix_nbtrain.session.settings import Config

_faces: WeakKeyDictionary[Session, ref[Training]] = WeakKeyDictionary()
"""One `Training` per session, so that a cell run again gets the same.

Weak on both sides: what subscribes to a session may hold its `Training`, and would keep both.
"""


@after_fork
def _forget() -> None:
    _faces.clear()


class _Opened(type):
    """The type of `Training`, which is opened by name and not called."""

    if not TYPE_CHECKING:  # a type checker finds mistyped names itself

        def __call__(
            cls, name: object = "", *_: object, type: object = "flux.2-dev-lora", **__: object
        ) -> NoReturn:
            raise InputError(
                "A training is opened, not called.",
                remedy=f"{_opening_line(name or 'prop icons', type)} finds or creates it.",
            )

        def __getattr__(cls, name: str) -> NoReturn:
            raise _unknown("nbt.Training", name, cls)


class Training(metaclass=_Opened):
    """One model's training: its draft, its cost, its runs.

    Made by `open`, `create` or `attach`. Methods return when what they say is done.

        training = nbt.Training.open("prop icons", type="flux.2-dev-lora")
        training.add_images("props/")
        nbt.Studio(training)
    """

    def __init__(self, session: Session) -> None:
        self._session = session
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

    def __repr__(self) -> str:
        draft = self.state.draft
        return (
            f"<Training {shown(self.name, 40)!r} · {self.type} · {self.status} · "
            f"{len(draft.images)} images, {len(draft.pairs)} pairs · {self.where}>"
        )

    # -- finding and making -----------------------------------------------------------------------

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

            training = nbt.Training.open("prop icons", type="flux.2-dev-lora")

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
        service, journal = asked(client), home_journal()
        if name is not None and model_id is not None:
            raise InputError("Both a name and a model_id are given.", remedy="Keep one.")
        with Opening(service, journal) as opening:
            if model_id is not None:
                model = opening.join(model_id)
            else:
                model = opening.open(_given(name), type=_given_type(type))
            return cls._of(session_on(model, service, journal, runner, alone=opening.alone))

    @classmethod
    def create(
        cls,
        name: str,
        *,
        type: str,
        client: Service | None = None,
        runner: Runner | None = None,
    ) -> Training:
        """Return the training of a new model, whatever else has that name.

        training = nbt.Training.create("prop icons", type="flux.2-dev-lora")
        """
        service, journal = asked(client), home_journal()
        with Opening(service, journal) as opening:
            model = opening.create(name, type=_given_type(type))
            return cls._of(session_on(model, service, journal, runner, alone=opening.alone))

    @classmethod
    def attach(
        cls,
        which: str = "last",
        *,
        client: Service | None = None,
        runner: Runner | None = None,
    ) -> Training:
        """Join an existing run; never creates a model.

            training = nbt.Training.attach()
            training.wait()

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
        with Opening(service, journal) as opening:
            if which == "last":
                model = _newest(opening, list(dict.fromkeys(run.model_id for run in runs)))
            else:
                ids = (run.model_id for run in runs if which in (run.intent_id, run.job_id))
                model = opening.join(next(ids, which))
            session = session_on(model, service, journal, runner, alone=opening.alone)
        session.watch.read(model)
        session.watch.go_on()
        return cls._of(session)

    @classmethod
    def _of(cls, session: Session) -> Training:
        """Return the one face of a session."""
        known = _faces.get(session)
        face = known() if known is not None else None
        if face is None:
            face = type.__call__(cls, session)
            _faces[session] = ref(face)
        return face

    # -- what it is -------------------------------------------------------------------------------

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
        return self._session.name

    @property
    def type(self) -> str:
        """The model's type."""
        return self._session.type

    @property
    def needs_pairs(self) -> bool:
        """Whether this type learns from pairs."""
        return self._session.needs_pairs

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
    def state(self) -> TrainingState:
        """Everything at one moment, frozen."""
        return self._session.state

    @property
    def unit(self) -> str:
        """The unit of costs."""
        return self._session.unit

    @property
    def where(self) -> str:
        """Which Phoenix it is on, and whether money is involved."""
        return self._session.where

    @property
    def is_local(self) -> bool:
        """Whether it is on the local Phoenix, which charges nothing."""
        return self._session.is_local

    # -- images -----------------------------------------------------------------------------------

    @property
    def images(self) -> pd.DataFrame:
        """The images, one row each, by image id. A copy; assign it to make it the truth.

            training.images = training.images.assign(caption="a prop")

        Rows that it showed and that are missing when it is assigned are deleted. Images that
        came after it was read, from another kernel or the service, stay, and so does what was
        changed after it was read; where a caption was changed in the frame as well, what stands
        is kept, a warning says so and `take_theirs` takes the frame's. Where pandas dropped what
        a frame showed (``merge``, a new ``DataFrame``), what this kernel knows of counts.
        """
        return self._session.frames.read("images")

    @images.setter
    def images(self, frame: pd.DataFrame) -> None:
        self._session.frames.assign("images", frame)

    def add_images(
        self, source: object, *, recursive: bool = False, again: bool = False
    ) -> AddReport:
        """Add images to the draft; they are sent behind, and adding is free.

            training.add_images("props/", recursive=True)

        Images that were removed before are left out, so that a cell run again does not bring them
        back.

        Args:
            source: a folder, a file, a list of files, a zip, a DataFrame with ``path`` and
                ``caption``, PIL images, asset ids, or URLs, which the service fetches itself. A
                ``NAME.txt`` beside a file is its caption.
            recursive: whether folders within a folder count.
            again: whether to add images that were removed before, here or on the service, too.

        Returns:
            Each file's fate.

        Raises:
            InputError: the source cannot be read, or holds more than a training takes; nothing
                was added.
        """
        return self._session.adding.add(
            source,
            recursive=arguments.flag("recursive", recursive),
            again=arguments.flag("again", again),
        )

    def browse(self, folder: str | Path, *, recursive: bool = False) -> Folder:
        """Return the images of a folder, to look at and choose from. Adds nothing.

            folder = training.browse("props/")
            training.add_images(folder.paths(list(folder.files)[:10]))

        Args:
            folder: where they are, on the computer where this runs.
            recursive: whether the folders within it count too.

        Raises:
            InputError: it is not a folder, cannot be read or holds too many files.
        """
        return self._session.browse(folder, recursive=arguments.flag("recursive", recursive))

    def image_bytes(self, image_id: str) -> bytes:
        """Return the whole file of an image or of a sample, by id.

            training.image_bytes(training.images.index[0])

        Raises:
            ImageError: there is no such image.
            ServiceUnreachable, ServiceError: the service, which has it, did not give it.
        """
        return self._session.thumbnails.content(image_id)

    def replace(self, image: str, source: object) -> None:
        """Put another image in an image's place; its name, caption and pairs stay.

            training.replace("fox.png", "better/fox.png")

        Where the image was removed meanwhile, nothing is replaced and a warning says so, so that
        a cell can be run again.
        """
        self._session.adding.replace(image, source)

    def remove(self, *images: str) -> None:
        """Take images out of the draft, by id or name. Pairs that use them say so.

            training.remove("fox.png", "cat.png")

        `add_images` leaves them out from then on. One that was removed before may be named again.
        """
        self._session.adding.remove(images).result()

    def set_captions(self, given: Mapping[str, str] | Callable[[ImageRow], str | None]) -> None:
        """Set captions, all or none.

            training.set_captions({"fox.png": "a fox"})
            training.set_captions(lambda row: row.name.removesuffix(".png"))

        Args:
            given: captions by image (id, name or path), or a function that gets each row and
                returns its caption, ``None`` for "leave it".

        Raises:
            InputError: an image is unknown or ambiguous, or a caption is not valid.
        """
        ops = caption_edits.set_captions(self.state.draft, given)
        self._session.editing.do(ops).result()

    def ensure_trigger(self, word: str) -> None:
        """Let every caption open with the trigger word; those that have it stay as they are.

        training.ensure_trigger("propicon")
        """
        ops = caption_edits.ensure_trigger(self.state.draft, word)
        self._session.editing.do(ops).result()

    # -- pairs ------------------------------------------------------------------------------------

    @property
    def pairs(self) -> pd.DataFrame:
        """The pairs, one row each, by pair id. A copy; assign it to make it the truth.

            training.pairs = training.pairs.assign(instruction="colour it")

        Pairs that it showed and that are missing when it is assigned are deleted. Those that came
        after it was read, from another kernel or the service, stay, and so does what was changed
        after it was read, as for `images`. Where pandas dropped what a frame showed (``concat``,
        a new ``DataFrame``), what this kernel knows of counts.
        """
        return self._session.frames.read("pairs")

    @pairs.setter
    def pairs(self, frame: pd.DataFrame) -> None:
        self._session.frames.assign("pairs", frame)

    def set_pairs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace all pairs by ``{source, target, instruction}`` records.

            training.set_pairs([{"source": "a.png", "target": "b.png", "instruction": "colour it"}])

        Raises:
            InputError: they are no such records; nothing was changed.
            PairError: an image is unknown or ambiguous; nothing was changed.
        """
        import pandas as pd

        pairing.check_records(rows)
        self.pairs = pd.DataFrame(list(rows), columns=list(pairing.COLUMNS))

    def pair_up(
        self,
        sources: pairing.Group | None = None,
        targets: pairing.Group | None = None,
        *,
        instruction: str = "",
        again: bool = False,
    ) -> pairing.PairUp:
        """Pair images whose names say that they belong together.

            training.pair_up("line", "colour", instruction="colour the line drawing")

        Pairs that were removed before are left out, so that a cell run again does not bring them
        back.

        Args:
            sources: a folder's name or a word in the names, or a list of names; without it the
                usual words are tried (before and after, line and colour, …).
            targets: the same for the other side.
            instruction: what turns each source into its target.
            again: whether to make pairs that were removed before, too.
        """
        again = arguments.flag("again", again)
        return self._session.pairs.pair_up(sources, targets, instruction=instruction, again=again)

    def set_instructions(self, template: str, pairs: Sequence[str] | None = None) -> None:
        """Write one sentence over pairs, all or none.

            training.set_instructions("turn {source} into {target}")

        Args:
            template: the sentence. It may hold ``{source}`` and ``{target}``, the images' names
                without their endings; ``{n}``, the pair's number; ``{source_caption}`` and
                ``{target_caption}``.
            pairs: the pairs' ids; by default all.

        Raises:
            InputError: a placeholder that there is not, which names those that there are; or a
                pair that is not there. Nothing was changed.
        """
        ids = None if pairs is None else arguments.texts("pairs", pairs)
        self._session.pairs.set_instructions(template, ids).result()

    def add_pairs(self, source: object, *, again: bool = False) -> PairReport:
        """Add pairs from a file or a table, each line by itself.

            training.add_pairs("pairs.csv")

        A pair of the same two images that is there already gets the line's instruction. Pairs
        that were removed before, or whose image was, are left out, so that a cell run again does
        not bring them back.

        Args:
            source: a ``.csv`` or ``.jsonl`` file, a DataFrame, or a list of records, with
                ``source``, ``target`` and ``instruction``. Images are called by their names,
                paths or ids.
            again: whether to add pairs that were removed before, too.

        Returns:
            Each line's fate: added, changed, already there, left out, or refused and why.

        Raises:
            InputError: it cannot be read at all; nothing was changed.
        """
        return self._session.pairs.add(source, again=arguments.flag("again", again))

    def save_pairs(self, to: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the pairs to a ``.csv`` or ``.jsonl`` file, as `add_pairs` reads them.

            training.save_pairs("pairs.csv", overwrite=True)

        Texts that a spreadsheet would take for a formula begin with ``'`` in a CSV; reading it
        here takes that away again.

        Raises:
            InputError: another file is in the way, unless ``overwrite``; or it cannot be written.
        """
        overwrite = arguments.flag("overwrite", overwrite)
        return self._session.pairs.save(to, overwrite=overwrite)

    # -- settings ---------------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """Every parameter by name, defaults filled in; setting an item sets the training's own.

        training.config["epochs"] = 12
        """
        return self._session.settings.values()

    @config.setter
    def config(self, config: Mapping[str, Any]) -> None:
        self._session.settings.assign(config).result()

    def update_config(self, config: Mapping[str, Any] | None = None, /, **named: Any) -> None:
        """Set some parameters, given as a mapping or by name, and leave the others.

            training.update_config(epochs=12, learning_rate=2e-4)

        ``steps`` is accepted too and converted, since the number of images is known here.

        Raises:
            ConfigError: an unknown name or a value out of range; nothing was changed.
        """
        self._session.settings.update(config, **named).result()

    # -- the draft as a whole ---------------------------------------------------------------------

    def keep_mine(self, *rows: str) -> None:
        """Keep what is written here where somebody else changed the same; theirs is overwritten.

            training.keep_mine()

        Where a frame that was read earlier has another text, that one is dropped.

        Args:
            rows: ids of images and pairs, names of parameters; without any, all that wait for
                the choice.

        Raises:
            InputError: nobody else changed one of them; nothing was changed.
        """
        self._session.editing.keep("mine", arguments.texts("rows", rows)).result()

    def take_theirs(self, *rows: str) -> None:
        """Take what somebody else wrote instead; an image that they removed goes here, too.

            training.take_theirs("epochs")

        Where a frame that was read earlier has another text, that one is accepted.

        Args:
            rows: ids of images and pairs, names of parameters; without any, all that wait for
                the choice.

        Raises:
            InputError: nobody else changed one of them; nothing was changed.
        """
        self._session.editing.keep("theirs", arguments.texts("rows", rows)).result()

    def check(self) -> pd.DataFrame:
        """Return what to look at before paying, one row per finding.

        training.check()
        """
        from phoenix_nbtrain.dataset import frames

        return frames.findings_frame(self._session.findings())

    def undo(self) -> None:
        """Take the last edit back. A cell that somebody has changed since stays, with a warning.

        training.undo()
        """
        _warn_refused(self._session.editing.undo().result())

    def redo(self) -> None:
        """Redo what was undone, likewise.

        training.redo()
        """
        _warn_refused(self._session.editing.redo().result())

    def sync(self) -> None:
        """Wait until the draft is on the service; refused rows say why in their frame.

            training.sync()

        What the service refused before is sent once more.

        Raises:
            ServiceUnreachable, ServiceError: the draft is kept here and tried again by itself.
        """
        self._session.sync.retry()
        self._session.sync.now()

    def refresh(self) -> Model:
        """Read the service again: the dataset, others' changes, the run.

        training.refresh().status
        """
        self._session.sync.now()
        return self._session.watch.read()

    # -- runs -------------------------------------------------------------------------------------

    def estimate(self, *, config: Mapping[str, Any] | None = None) -> Estimate:
        """Return today's cost of this training. Buys nothing.

            training.estimate(config={"epochs": 20})

        Args:
            config: parameters to estimate it with instead of those that are set. Nothing of them is
                kept, here or on the service.

        Raises:
            ConfigError: ``config`` has an unknown name or a value out of range.
        """
        if config is None:
            return self._session.purchase.estimate()
        return self._session.purchase.estimate_with(self._session.settings.merged(config))

    def start(self, *, max_cost: object = None, again: bool = False) -> Run:
        """Launch the training, or return the run that is there already.

            training.start(max_cost="400 CU")

        Args:
            max_cost: the most it may cost on a hosted Phoenix: a number from 0 to below 10¹², or
                a text such as ``"400 CU"``; no commas.
            again: buy the same training once more, or although an earlier launch left no trace.

        Raises:
            InputError: ``max_cost`` is no such number, or ``again`` neither True nor False.
            PriceNotAccepted, LaunchRefused, LaunchUncertain: see `phoenix_nbtrain.launch`.
        """
        cap = parse_max_cost(max_cost, self.unit)
        launched = self._session.purchase.start(max_cost=cap, again=arguments.flag("again", again))
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
        """Ask the run to stop. Its cost may not be refunded.

        training.stop()
        """
        self._session.purchase.stop()

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run has ended, and return it.

            training.wait().status

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
        return self._session.watch.wait(
            None if timeout is None else arguments.seconds("timeout", timeout)
        )

    def estimate_download(self, *, epoch: int | None = None) -> Estimate:
        """Return today's cost of the trained weights. Buys nothing.

            training.estimate_download()

        Raises:
            InputError: there are no weights, or none of that epoch.
        """
        return self._session.weights.estimate(epoch)

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

            training.download("weights/", max_cost="5 CU")

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
        return self._session.weights.download(
            to, epoch=epoch, max_cost=cap, again=arguments.flag("again", again), timeout=timeout
        )


def attach(which: str = "last", *, client: Service | None = None) -> Training:
    """Return the training of an existing run or model; never creates one.

    See `Training.attach`.
    """
    return Training.attach(which, client=client)


def _newest(opening: Opening, model_ids: Sequence[str]) -> Model:
    """Return the first of these models that is still there."""
    if not model_ids:
        raise InputError(
            "Nothing has been launched from this computer yet.",
            remedy="Start with Training.open(…).",
        )
    for model_id in model_ids:
        try:
            return opening.join(model_id)
        except NotFound:
            continue  # deleted
    raise InputError(
        "None of the models launched from this computer exists anymore.",
        remedy="nbt.models() lists those that do; Training.open(…) creates one.",
    )


def _warn_refused(reply: EditReply) -> None:
    if reply.refused:
        warn(reply.refused[0].reason)


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
