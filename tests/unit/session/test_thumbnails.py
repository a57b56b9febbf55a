"""Thumbnails and colours: made once, kept on disk, dropped when nobody waits for them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeService
from PIL import Image
from training_types import Opened

from phoenix_nbtrain.errors import ImageError, NotFound
from phoenix_nbtrain.images import decoder
from phoenix_nbtrain.runner import InlineRunner, ThreadRunner
from phoenix_nbtrain.session import thumbnails as thumbnailer_module
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.session.state import Thumbnail
from phoenix_nbtrain.session.thumbnails import AHEAD_SECONDS, KEPT, PX_USUAL, Colours, asked
from phoenix_nbtrain.training import Training

TEAL = (0, 128, 128)


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """The sizes in which images were decoded, in order."""
    sizes: list[int] = []
    real = decoder.thumbnail

    def counting(content: bytes, px: int) -> decoder.Thumbnail:
        sizes.append(px)
        return real(content, px)

    monkeypatch.setattr(decoder, "thumbnail", counting)
    return sizes


@pytest.fixture
def teal(tmp_path) -> Path:
    path = tmp_path / "teal.png"
    Image.new("RGB", (60, 40), TEAL).save(path)
    return path


def only(training: Training) -> str:
    (row,) = training.state.draft.images
    return row.image_id


def anew(opened: Opened) -> Training:
    """Open the training as a kernel that was just started would: nothing is in its memory."""
    thumbnailer_module._here.clear()
    return opened(again=True)


def one(futures: list[Future[Thumbnail]]) -> Thumbnail:
    (future,) = futures
    return future.result(timeout=10)


# -- kept ----------------------------------------------------------------------------------------


def test_a_thumbnail_is_decoded_once_for_all_kernels(opened, teal, decoded):
    training = opened(images=teal)
    first = one(training._session.thumbnails.ask([only(training)], 32))
    assert one(training._session.thumbnails.ask([only(training)], 32)) is first
    later = anew(opened)
    assert one(later._session.thumbnails.ask([only(later)], 32)) == first
    assert decoded == [32]
    assert Image.open(io.BytesIO(first.content)).size == (32, 21)
    one(later._session.thumbnails.ask([only(later)], 48))
    assert decoded == [32, 48]


def test_two_trainings_of_one_image_share_its_thumbnail(opened, teal, decoded, service):
    other = Training.create("other", type="flux.2-dev-lora", client=service, runner=InlineRunner())
    for training in (opened(), other):
        training.add_images(teal)
        one(training._session.thumbnails.ask([only(training)], 32))
    assert decoded == [32]


def test_one_that_lies_in_memory_waits_for_no_lane(opened, teal):
    training = opened(images=teal)
    one(training._session.thumbnails.ask([only(training)], 32))
    training._session.store.runner.submit = None
    assert training._session.thumbnails.ask([only(training)], 32)[0].done()


def test_a_damaged_store_of_thumbnails_is_made_anew(opened, teal, decoded, tmp_path):
    training = opened(images=teal)
    one(training._session.thumbnails.ask([only(training)], 32))
    kept = [p for p in (tmp_path / "home" / "thumbnails").rglob("*") if p.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(b"\xff nothing of ours \n")
    later = anew(opened)
    assert later._session.thumbnails.colours([only(later)]) == {only(later): ""}
    one(later._session.thumbnails.ask([only(later)], 32))
    assert decoded == [32, 32]
    assert later._session.thumbnails.colours([only(later)]) == {only(later): "#008080"}


def test_memory_is_bounded(opened, monkeypatch, icons):
    monkeypatch.setattr(thumbnailer_module, "MEMORY_BYTES", 4_000)
    training = opened(images=icons)
    ids = [row.image_id for row in training.state.draft.images]
    for future in training._session.thumbnails.ask(ids, 64):
        future.result()
    kept = training._session.thumbnails._kept
    assert 0 < kept._size <= 4_000
    assert kept._size == sum(len(t.content) for t in kept._memory.values())


# -- colours -------------------------------------------------------------------------------------


def test_a_colour_is_there_soon_after_an_image_was_added(opened, teal, runner, decoded):
    training = opened(images=teal)
    assert training._session.thumbnails.colours([only(training)]) == {only(training): ""}
    runner.advance(AHEAD_SECONDS)
    assert training._session.thumbnails.colours([only(training), "img_none"]) == {
        only(training): "#008080",
        "img_none": "",
    }
    one(training._session.thumbnails.ask([only(training)], PX_USUAL))
    assert decoded == [PX_USUAL]


def test_a_colour_is_known_at_once_to_a_kernel_that_was_just_started(opened, teal, runner, decoded):
    _first = opened(images=teal)
    runner.advance(AHEAD_SECONDS)
    decoded.clear()
    later = anew(opened)
    assert later._session.thumbnails.colours([only(later)]) == {only(later): "#008080"}
    assert decoded == []


def test_an_image_that_cannot_be_decoded_keeps_no_other_from_its_colour(
    opened, icons, runner, monkeypatch
):
    real, calls = decoder.thumbnail, []

    def first_fails(content: bytes, px: int) -> decoder.Thumbnail:
        calls.append(px)
        if len(calls) == 1:
            raise ImageError("It is damaged.")
        return real(content, px)

    monkeypatch.setattr(decoder, "thumbnail", first_fails)
    training = opened(images=icons)
    runner.advance(AHEAD_SECONDS)
    ids = [row.image_id for row in training.state.draft.images]
    assert [bool(c) for c in training._session.thumbnails.colours(ids).values()] == [
        False,
        True,
        True,
        True,
    ]
    training.set_captions({ids[0]: "a caption"})
    runner.advance(10)
    assert len(calls) == 4  # not tried again with every edit


def test_looking_ahead_fetches_nothing(opened, service, runner, teal):
    _training = opened(images=service.upload_image("teal.png", teal.read_bytes()).id)
    runner.advance(10)
    assert service.count("fetch") == 0


def test_transparency_counts_as_the_white_it_is_shown_on(tmp_path, opened):
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 40))
    image.save(tmp_path / "half.png")
    training = opened(images=tmp_path / "half.png")
    one(training._session.thumbnails.ask([only(training)], 40))
    assert training._session.thumbnails.colours([only(training)])[only(training)] in (
        "#808080",
        "#7f7f7f",
    )


def test_colours_outlive_lines_that_are_none(tmp_path):
    path = tmp_path / "folder" / "colours.txt"
    for _ in range(3):
        Colours(path).put("a", "#010203")
    assert path.read_bytes().count(b"\n") == 1
    with path.open("ab") as file:
        file.write(b"\xff\xffhalf a li")
    Colours(path).put("b", "#040506")
    with path.open("ab") as file:
        file.write(b"\n" + b"g" * 32 + b" 000000\n" + bytes(100))
    again = Colours(path)
    assert (again.get("a"), again.get("b"), again.get("c")) == ("#010203", "#040506", "")


def test_the_file_of_colours_is_bounded_and_the_newest_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("phoenix_nbtrain.session.thumbnails.KEPT", 10)
    assert KEPT > 10
    colours = Colours(tmp_path / "colours.txt")
    for n in range(25):
        colours.put(f"{n}", f"#0000{n:02d}")
    again = Colours(tmp_path / "colours.txt")
    assert [n for n in range(25) if again.get(f"{n}")] == list(range(15, 25))
    assert len((tmp_path / "colours.txt").read_bytes().splitlines()) == 10


def test_colours_that_cannot_be_written_are_still_known_here(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    colours = Colours(tmp_path / "file" / "colours.txt")
    colours.put("a", "#010203")
    assert colours.get("a") == "#010203"


# -- images of the service ---------------------------------------------------------------------


@pytest.fixture
def hosted() -> FakeService:
    return FakeService()


def remote(hosted: FakeService, content: bytes) -> Training:
    training = of(hosted)
    training.add_images(hosted.upload_image("teal.png", content).id)
    return training


def of(hosted: FakeService) -> Training:
    _here.clear()
    thumbnailer_module._here.clear()
    return Training.open("icons", type="flux.2-dev-lora", client=hosted, runner=InlineRunner())


def test_an_image_of_the_service_is_fetched_once_for_all_kernels_and_sizes(hosted, teal, decoded):
    training = remote(hosted, teal.read_bytes())
    one(training._session.thumbnails.ask([only(training)], 32))
    assert training._session.thumbnails.colours([only(training)]) == {only(training): "#008080"}
    later = of(hosted)
    one(later._session.thumbnails.ask([only(later)], 32))
    one(later._session.thumbnails.ask([only(later)], 48))
    assert later.image_bytes(only(later)) == teal.read_bytes()
    assert hosted.count("fetch") == 1
    assert decoded == [32, 48]


def test_what_is_fetched_is_kept_within_a_bound_and_without_its_address(hosted, teal, tmp_path):
    training = remote(hosted, teal.read_bytes())
    one(training._session.thumbnails.ask([only(training)], 32))
    folder = tmp_path / "home" / "thumbnails"
    kept = b"".join(p.read_bytes() + p.name.encode() for p in folder.rglob("*") if p.is_file())
    assert teal.read_bytes() in kept
    assert b"storage.phoenix.test" not in kept
    assert training._session.thumbnails._kept.fetched._bytes_max == thumbnailer_module.FETCHED_BYTES


def test_an_image_that_the_service_has_no_more_says_so(hosted, teal):
    training = remote(hosted, teal.read_bytes())
    hosted.lose(training.state.draft.images[0].asset_id or "")
    (future,) = training._session.thumbnails.ask([only(training)], 32)
    assert isinstance(future.exception(), NotFound)


# -- cancelled -----------------------------------------------------------------------------------


@pytest.fixture
def threads() -> Iterator[ThreadRunner]:
    runner = ThreadRunner()
    yield runner
    for lane in runner._lanes.values():
        lane.rest(10)


def test_one_cancelled_before_it_began_reads_nothing(threads):
    busy, done = threading.Event(), list[str]()
    for _ in range(2):  # as wide as the lane is
        threads.submit("thumbnails", busy.wait)
    futures = [asked(threads, lambda _, n=n: done.append(n)) for n in "abc"]
    assert futures[1].cancel()
    busy.set()
    wait(futures, timeout=10)
    assert sorted(done) == ["a", "c"]
    with pytest.raises(CancelledError):
        futures[1].result(timeout=10)


@pytest.mark.parametrize(
    ("at", "seen"),
    [("look", ["look"]), ("read", ["look", "read"]), ("decode", ["look", "read", "decode"])],
)
def test_one_cancelled_while_it_is_made_ends_with_the_next_step(
    opened, teal, threads, monkeypatch, at, seen
):
    training = opened(images=teal)
    reached, go_on, steps = threading.Event(), threading.Event(), list[str]()

    def slow(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def work(*args: Any) -> Any:
            steps.append(name)
            if name == at:
                reached.set()
                assert go_on.wait(10)
            return real(*args)

        return work

    thumbnails = training._session.thumbnails
    monkeypatch.setattr(thumbnails._kept, "_kept", slow("look", thumbnails._kept._kept))
    monkeypatch.setattr(thumbnails, "content", slow("read", thumbnails.content))
    monkeypatch.setattr(decoder, "thumbnail", slow("decode", decoder.thumbnail))
    monkeypatch.setattr(training._session.store, "runner", threads)
    (future,) = training._session.thumbnails.ask([only(training)], 32)
    assert reached.wait(10)
    assert future.cancel()
    go_on.set()
    threads.submit("thumbnails", lambda: None).result(timeout=10)
    for lane in threads._lanes.values():
        lane.rest(10)
    assert steps == seen
    assert future.cancelled()


def test_a_failure_that_nobody_waits_for_is_told_to_nobody(threads):
    reached, go_on = threading.Event(), threading.Event()

    def fails(_: object) -> None:
        reached.set()
        go_on.wait(10)
        raise ValueError

    future = asked(threads, fails)
    assert reached.wait(10)
    assert future.cancel()
    go_on.set()
    for lane in threads._lanes.values():
        lane.rest(10)
    assert wait([future], timeout=1).done  # whoever waits for several hears of it
