"""What a person does with a training: one public call each, and how it shall end."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from faults.bench import Held, sha
from faults.kinds import Fault
from faults.proxy import Proxy

from phoenix_nbtrain.draft import ImageRow
from phoenix_nbtrain.training import Training

__all__ = ["MAX_COST", "STORIES", "Story"]

MAX_COST = 10_000


class Story(ABC):
    """One call, and the requests of it that are spoiled."""

    name: ClassVar[str]
    method: ClassVar[str]
    path: ClassVar[str]
    """A pattern of the path and query of the spoiled requests."""
    operation: ClassVar[str]
    """What the client calls them."""
    type: ClassVar[str] = "flux.2-dev-lora"
    first: ClassVar[int] = 1
    """Which of them is spoiled first."""

    def __init__(self, small: list[Path], large: Path, web: Proxy) -> None:
        self.small = small
        self.large = large
        self.web = web

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.path)

    @abstractmethod
    def prepare(self, training: Training) -> None:
        """Do everything that comes before, while nothing fails."""

    @abstractmethod
    def act(self, training: Training) -> None:
        """Make the one call."""

    @property
    @abstractmethod
    def wanted(self) -> Held:
        """What the service shall hold in the end."""

    def twice(self, fault: Fault) -> bool:
        """Whether an image may be there twice, though it is in the set once."""
        return False

    def mend(self, training: Training) -> None:
        """Do again what the service refused for a reason that has gone."""
        raise AssertionError("no row of this story can be refused")


class _Sending(Story):
    """Images that are in the draft and not on the service."""

    count: ClassVar[int] = 0

    @property
    def paths(self) -> list[Path]:
        return self.small[: self.count] or [self.large]

    @property
    def sources(self) -> list[Path] | list[str]:
        """What is given to be added."""
        return self.paths

    def prepare(self, training: Training) -> None:
        training.add_images(self.sources)

    def act(self, training: Training) -> None:
        training.sync()

    def mend(self, training: Training) -> None:
        refused = [row.image_id for row in training.state.draft.images if row.refusal]
        training.remove(*refused)
        training.add_images(self.sources, again=True)

    @property
    def wanted(self) -> Held:
        pictures = sorted(sha(path.read_bytes()) for path in self.paths)
        return Held(pictures=tuple(pictures), captions=dict.fromkeys(pictures, ""))


class Begin(_Sending):
    name = "begin"
    method, path, operation = "POST", r"/uploads", "begin_upload"


class Part(_Sending):
    name = "part"
    method, path, operation = "PUT", r"/storage/uploads/.*", "send_part"


class Complete(_Sending):
    name = "complete"
    method, path, operation = "POST", r"/uploads/[^/]+/action", "complete_upload"


class Inline(_Sending):
    """The second of two: the first has arrived by then."""

    name = "inline"
    method, path, operation = "POST", r"/assets", "upload_inline"
    count, first = 2, 2

    def twice(self, fault: Fault) -> bool:
        # Its one reply names the asset: where that is lost, nothing tells that it arrived.
        return fault.effect != "none"


class Add(_Sending):
    """The second call of two: ten images have been added by then."""

    name = "add"
    method, path, operation = "POST", r"/models/[^/]+/training-images", "add_training_images"
    count, first = 12, 2


class Import(_Sending):
    """An image, of no other story, that the service fetches for itself."""

    name = "import"
    method, path, operation = "POST", r"/uploads", "begin_upload"

    @property
    def paths(self) -> list[Path]:
        return self.small[-1:]

    @property
    def sources(self) -> list[str]:
        return [self.web.serve(path) for path in self.paths]

    def twice(self, fault: Fault) -> bool:
        # The reply names the import: where that is lost, it goes on unknown.
        return fault.effect != "none"


class Caption(Story):
    """The second of two captions."""

    name = "caption"
    method, path, operation = "PUT", r"/assets/[^/]+", "update_asset"
    first = 2

    def prepare(self, training: Training) -> None:
        training.add_images(self.small[:2])
        training.set_captions(lambda _: "before")
        training.sync()
        self.mend(training)

    def act(self, training: Training) -> None:
        training.sync()

    def mend(self, training: Training) -> None:
        # The row is edited, which is what lets it go out again.
        refused = {row.image_id for row in training.state.draft.images if row.refusal}
        training.set_captions(lambda row: "on the way" if row.image_id in refused else None)
        training.set_captions(self._caption)

    @property
    def wanted(self) -> Held:
        named = {sha(path.read_bytes()): f"a small {path.stem}" for path in self.small[:2]}
        return Held(pictures=tuple(sorted(named)), captions=named)

    @staticmethod
    def _caption(row: ImageRow) -> str:
        return f"a small {Path(row.name).stem}"


class Pairs(Story):
    """Two pairs take the place of two others."""

    name = "pairs"
    method, path, operation = "PUT", r"/models/[^/]+/training-images/pairs", "replace_pairs"
    type = "flux.2-dev-edit-lora"

    def prepare(self, training: Training) -> None:
        training.add_images(self.small[:4])
        self._pair(training, "undo it")
        training.sync()
        self.mend(training)

    def act(self, training: Training) -> None:
        training.sync()

    def mend(self, training: Training) -> None:
        if any(row.refusal for row in training.state.draft.pairs):
            self._pair(training, "undo it")
        self._pair(training, "colour it")

    def _pair(self, training: Training, instruction: str) -> None:
        names = [path.name for path in self.small[:4]]
        training.set_pairs(
            [
                {"source": source, "target": target, "instruction": instruction}
                for source, target in (names[:2], names[2:])
            ]
        )

    @property
    def wanted(self) -> Held:
        a, b, c, d = (sha(path.read_bytes()) for path in self.small[:4])
        return Held(
            pictures=tuple(sorted((a, b, c, d))),
            captions=dict.fromkeys((a, b, c, d), ""),
            pairs=((a, b, "colour it"), (c, d, "colour it")),
        )


class _Ready(Story):
    """A training that is all on the service."""

    def prepare(self, training: Training) -> None:
        training.add_images(self.small[:1])
        training.sync()

    @property
    def wanted(self) -> Held:
        picture = sha(self.small[0].read_bytes())
        return Held(pictures=(picture,), captions={picture: ""})


class Price(_Ready):
    name = "estimate"
    method, path, operation = "PUT", r"/models/[^/]+/train\?dryRun=true", "quote_training"

    def act(self, training: Training) -> None:
        assert training.estimate().amount > 0


class Launch(_Ready):
    name = "launch"
    method, path, operation = "PUT", r"/models/[^/]+/train", "trigger_training"

    def act(self, training: Training) -> None:
        training.start(max_cost=MAX_COST)

    @property
    def wanted(self) -> Held:
        return Held(
            pictures=super().wanted.pictures,
            captions=super().wanted.captions,
            jobs=1,
            status="training",
        )


class Stop(_Ready):
    name = "stop"
    method, path, operation = "POST", r"/models/[^/]+/train/action", "cancel_training"

    def prepare(self, training: Training) -> None:
        super().prepare(training)
        training.start(max_cost=MAX_COST)

    def act(self, training: Training) -> None:
        training.stop()

    @property
    def wanted(self) -> Held:
        return Held(
            pictures=super().wanted.pictures,
            captions=super().wanted.captions,
            jobs=1,
            status="training-canceled",
        )


_SENDING = (Begin, Part, Complete, Inline, Import, Add)
STORIES: dict[str, type[Story]] = {
    story.name: story for story in (*_SENDING, Caption, Pairs, Price, Launch, Stop)
}
