"""Real trainings for tests of views: with given rows, over a service in memory, with time standing still.

`training_of` opens one. No image is decoded: a thumbnail is the image as the service has it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from fake_service import STORAGE, FakeService

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.home import home
from phoenix_nbtrain.records import Asset, TrainingImage, TrainingPair
from phoenix_nbtrain.runner import InlineRunner, Timer
from phoenix_nbtrain.session.editing import EditReply
from phoenix_nbtrain.session.session import Session, session_on
from phoenix_nbtrain.session.state import Estimate, LaunchState, Run, SyncState, Thumbnail
from phoenix_nbtrain.session.state_store import UPDATE_SECONDS
from phoenix_nbtrain.session.thumbnails import Step, Thumbnailer
from phoenix_nbtrain.store import home_drafts, home_journal
from phoenix_nbtrain.training import Training

STYLE = "flux.2-dev-lora"
EDIT = "flux.2-dev-edit-lora"

_numbers = count(1)


class HeldRunner(InlineRunner):
    """Runs everything inline; while `hold` is set, work waits until `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = False
        self.held: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._depth = 0

    def alone(self, name: str, work: Callable[[], Any]) -> Future[Any]:
        # What work that runs hands on runs with it, since it may wait for that.
        if not self.hold or self._depth or name in ("notify", "io"):
            return super().alone(name, self._within(work))
        future: Future[Any] = Future()
        self.held.append((future, work))
        return future

    def later(self, seconds: float, work: Callable[[], object]) -> Timer:
        # How often a session tells of its changes is no subject here: views hear of each at once.
        timer = super().later(seconds, work)
        if 0 < seconds <= UPDATE_SECONDS:
            timer.cancel()
            work()
        return timer

    def _within(self, work: Callable[[], Any]) -> Callable[[], Any]:
        def within() -> Any:
            self._depth += 1
            try:
                return work()
            finally:
                self._depth -= 1

        return within

    def release(self) -> None:
        """Run what was held."""
        held, self.held = self.held, []
        for future, work in held:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._within(work)()
            except BaseException as error:  # handed to whoever asks the future
                future.set_exception(error)
            else:
                future.set_result(result)


class Undecoded(Thumbnailer):
    """Takes whole images for thumbnails, so that no test waits for a decoder. It counts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []
        """The keys of the images that were asked for, in order."""
        self.made = 0
        """How many thumbnails were made."""
        self.small: Callable[[bytes, int], Thumbnail] = lambda whole, _px: Thumbnail(
            mime="image/png", content=whole
        )
        """Makes a thumbnail of an image and a size."""

    def at_hand(self, key: str, px: int) -> Thumbnail | None:
        self.asked.append(key)
        return super().at_hand(key, px)

    def get(self, key: str, px: int, content: Callable[[], bytes], step: Step) -> Thumbnail:
        step()
        whole = content()
        step()
        self.made += 1
        thumbnail = self.small(whole, px)
        self._remember((key, px), thumbnail)
        return thumbnail


class StagedTraining(Training):
    """A real training that a test can bring into a state."""

    @property
    def session(self) -> Session:
        return self._session

    @property
    def service(self) -> FakeService:
        return self._session.service  # type: ignore[return-value]  # `training_of` gave it

    @property
    def runner(self) -> HeldRunner:
        return self._session.runner  # type: ignore[return-value]  # likewise

    @property
    def small(self) -> Undecoded:
        """What makes its thumbnails."""
        return self._session.thumbnails._kept  # type: ignore[return-value]  # likewise

    @property
    def hears(self) -> int:
        """How many views hear of its changes."""
        return len(self._session.store._subscribers)

    @property
    def edits(self) -> int:
        """How many edits have changed the draft, undo and redo included."""
        return self.state.draft.revision - 1

    def edit(self, ops: Sequence[Any], base: int | None = None) -> Future[EditReply]:
        return self._session.editing.edit(ops, base)

    def breaks(self, error: Exception) -> None:
        """Let the disk take no edit from now on."""

        def broken(*_: object, **__: object) -> Draft:
            raise error

        self._session.store._drafts.change = broken  # type: ignore[method-assign]

    def change(self, **changes: Any) -> None:
        """Put parts of the state in place, and tell the views."""
        draft = changes.pop("draft", None)
        hold, self.runner.hold = self.runner.hold, False
        if draft is not None:
            self._session.store.change(lambda _: draft).result()
        if changes:
            self._session.store.show(**changes)
        self.runner.hold = hold

    def sending(self) -> None:
        """Begin to send what is not saved."""
        draft = self.state.draft
        rows = tuple(replace(r, sending=r.state == "kept") for r in draft.images)
        self.change(draft=replace(draft, images=rows), sync=SyncState(phase="sending"))

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Tell the views of all that happens within as one change, as of what comes quickly."""
        store = self._session.store
        store._due = True
        yield
        store._tell_soon()

    def price(self, amount: int = 1296) -> Estimate:
        """Let the service quote an amount, and show it."""
        self.service.price = Decimal(amount)
        return self._session.purchase.estimate()

    def runs(self, status: str = "training", **more: Any) -> None:
        """Show a run."""
        model = replace(self.state.model, status=status)
        self.service._put(model, status=status)
        self.change(model=model, run=Run(run_id="run_1", status=status, **more))

    def launching(self, phase: Any, message: str = "", **more: Any) -> None:
        """Show where a launch got."""
        self.change(launch=LaunchState(phase=phase, message=message, **more))


def training_of(
    images: Sequence[ImageRow] = (),
    pairs: Sequence[PairRow] = (),
    *,
    name: str = "animal stickers",
    type: str = STYLE,
    status: str = "new",
    is_local: bool = True,
) -> StagedTraining:
    """Return a training with these rows, of which its service has those that have an asset id."""
    service = FakeService(is_local=is_local)
    service.origin = f"https://phoenix-{next(_numbers)}.test/v1"
    model_id = service.create_model(name=name, type=type).id
    kept = Contents(home() / "pictures")
    rows = [_consistent(row, kept) for row in images]
    for row in rows:
        if row.asset_id is not None:
            have(service, row.asset_id, picture(row.name), row.served_caption or "", row.name)
    there = {row.image_id: row.asset_id for row in rows if row.asset_id and row.attached}
    served = [p for p in pairs if {p.source, p.target} <= there.keys()]
    service._put(
        service.models[model_id],
        status=status,
        training_images=tuple(
            TrainingImage(id=row.asset_id, name=row.name)
            for row in rows
            if row.asset_id and row.attached
        ),
        training_image_pairs=tuple(
            TrainingPair(
                source_id=there[p.source] or "",
                target_id=there[p.target] or "",
                instruction=p.instruction,
            )
            for p in served
        ),
    )
    draft = Draft(
        revision=1,
        images=tuple(rows),
        pairs=tuple(pairs),
        served_pairs=tuple(p.triple for p in served),
        served_config={},
    )
    home_drafts().change(lambda _: draft, origin=service.origin, model_id=model_id)
    session = session_on(
        service.get_model(model_id), service, home_journal(), HeldRunner(), alone=True
    )
    session.thumbnails._kept = Undecoded(home() / "thumbnails")
    service.calls.clear()
    training = StagedTraining._of(session)
    assert isinstance(training, StagedTraining)
    return training


def ready(count: int = 24, **more: Any) -> StagedTraining:
    """Return a training of ``count`` images that the service has, with a price."""
    training = training_of(images(count), **more)
    training.price()
    training.service.calls.clear()
    return training


def have(
    service: FakeService, asset_id: str, content: bytes, caption: str = "", name: str = ""
) -> None:
    """Let the service have an asset."""
    url = f"{STORAGE}{asset_id}?signature=s3cret"
    service.assets[asset_id] = Asset(id=asset_id, name=name, description=caption, url=url)
    service.contents[asset_id] = content


def _consistent(row: ImageRow, contents: Contents) -> ImageRow:
    """Return the row as it would be: what the service lacks is here, what it wrote was read there."""
    if row.theirs is not None and row.attached:
        return replace(row, served_caption=row.theirs)
    if row.asset_id is not None or row.content_hash is None:
        return row
    name = row.name.encode("utf-8", "replace")
    return replace(row, content_hash=contents.put(picture(row.name) + name))


# -- images and rows -------------------------------------------------------------------------------


def picture(name: str, px: int = 192) -> bytes:
    """Return a PNG: the real image of that name where there is one, else a plain colour."""
    path = _images(os.environ.get("NBTRAIN_TEST_IMAGES")).get(name)
    return _drawn(path, sum(name.encode("utf-8", "replace")) % 200, px)


@cache
def _drawn(path: Path | None, shade: int, px: int) -> bytes:
    from PIL import Image

    if path is not None:
        image = Image.open(path).convert("RGB")
        image.thumbnail((px, px))
    else:
        image = Image.new("RGB", (8, 8), (40 + shade, 120, 220 - shade))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@cache
def _images(folder: str | None) -> dict[str, Path]:
    if not folder:
        return {}
    paths = {p.name: p for p in sorted((Path(folder) / "color").glob("*.png"))}
    lines = sorted((Path(folder) / "line").glob("*.png"))
    return paths | {p.stem + " · line.png": p for p in lines}


def image(
    n: int | str, caption: str = "", *, saved: bool = True, name: str | None = None, **more: Any
) -> ImageRow:
    """Return an image row, by default one that the service has."""
    return ImageRow(
        image_id=f"img_{n}",
        name=name if name is not None else f"picture-{n}.png",
        caption=caption,
        width=1024,
        height=768,
        bytes=123_456,
        content_hash=f"{n}".ljust(64, "0"),
        asset_id=f"asset_{n}" if saved else None,
        attached=saved,
        served_caption=caption if saved else None,
        **more,
    )


def images(count: int) -> tuple[ImageRow, ...]:
    """Return ``count`` saved images with captions."""
    return tuple(image(n, f"a thing, number {n}") for n in range(count))


def pair(n: int, source: int | str, target: int | str, instruction: str = "colour it") -> PairRow:
    """Return a pair of two images by their numbers."""
    return PairRow(
        pair_id=f"pair_{n}",
        source=f"img_{source}",
        target=f"img_{target}",
        instruction=instruction,
    )
