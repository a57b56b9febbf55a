"""Two kernels on one training: what one of them never saw, it does not delete."""

from __future__ import annotations

import os
import threading

import pandas as pd
import pytest
from other_kernel import Slept, another_kernel, sleeps_by

from phoenix_nbtrain.errors import StoreBusy
from phoenix_nbtrain.home import home
from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.locks import at_work
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.opening import Opening
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.training import Training
from phoenix_nbtrain.widgets.base import sync_words

Kernels = tuple[Training, Training]


@pytest.fixture
def kernels(opened, icons) -> Kernels:
    """Two trainings of one model, as two notebooks hold them, with four images."""
    one = opened("flux.2-dev-edit-lora", images=icons)
    one.sync()
    return one, opened("flux.2-dev-edit-lora", again=True)


def paired(training: Training, source: int, target: int, instruction: str) -> dict[str, str]:
    ids = training.images.index
    return {"source": ids[source], "target": ids[target], "instruction": instruction}


def test_captions_set_in_a_frame_leave_the_image_that_another_kernel_added(kernels, service):
    one, other = kernels
    frame = one.images
    other.add_images(icon("key", 48))
    other.sync()
    frame["caption"] = ["a", "b", "c", "d"]
    one.images = frame
    one.sync()
    assert one.images["caption"].tolist() == ["a", "b", "c", "d", ""]
    assert len(service.models[one.model_id].training_images) == 5


def test_a_frame_shows_what_another_kernel_added(kernels):
    one, other = kernels
    other.add_images(icon("key", 48))
    other.set_pairs([paired(other, 0, 4, "A")])
    assert len(one.images) == 5
    assert one.pairs["instruction"].tolist() == ["A"]


def test_what_a_frame_showed_and_lacks_now_is_deleted(kernels, service):
    one, other = kernels
    frame = one.images
    other.add_images(icon("key", 48))
    one.images = frame.iloc[1:]
    one.sync()
    assert list(one.images.index[:3]) == list(frame.index[1:])
    assert len(service.models[one.model_id].training_images) == 4


def test_pairs_read_and_assigned_leave_the_pair_that_another_kernel_made(kernels, service):
    one, other = kernels
    frame = one.pairs
    other.set_pairs([paired(other, 0, 1, "A")])
    one.pairs = frame
    one.sync()
    assert [p.instruction for p in service.models[one.model_id].training_image_pairs] == ["A"]


def test_pairs_joined_with_new_ones_leave_the_pair_that_this_kernel_never_knew(kernels):
    one, other = kernels
    one.set_pairs([paired(one, 0, 1, "A"), paired(one, 1, 2, "B")])
    frame = one.pairs
    new = paired(one, 2, 3, "D")
    other.set_pairs([*other.pairs.to_dict("records"), paired(other, 2, 3, "C")])
    one.pairs = pd.concat([frame.iloc[:1], pd.DataFrame([new])])
    assert sorted(one.pairs["instruction"]) == ["A", "C", "D"]


def test_an_image_added_after_the_frame_was_read_stays(kernels):
    one, _ = kernels
    frame = one.images
    one.add_images(icon("key", 48))
    one.images = frame.iloc[:2]
    assert len(one.images) == 3


def test_an_image_that_another_kernel_adds_while_this_one_opens_is_not_taken_for_removed(
    kernels, opened, service
):
    one, _ = kernels
    get_model = service.get_model
    sending = threading.Thread(target=one.sync)

    def read_then_added_to(model_id: str) -> Model:
        service.get_model = get_model
        model = get_model(model_id)
        one.add_images(icon("key", 48))
        sending.start()
        sending.join(0.5)  # it waits until what was read is in the draft
        return model

    service.get_model = read_then_added_to
    late = opened("flux.2-dev-edit-lora", again=True)
    sending.join(10)
    rows = late._session.store.read().images
    assert [row.refusal for row in rows] == [""] * 5
    assert all(row.attached for row in rows)


def test_a_training_is_opened_while_another_kernel_sends_without_waiting_for_it(
    kernels, opened, service
):
    one, _ = kernels
    late: list[Training] = []
    service.after["add_training_images"] = lambda: late.append(
        opened("flux.2-dev-edit-lora", again=True)
    )
    one.add_images(icon("key", 48))
    one.sync()
    assert [row.refusal for row in late[0].state.draft.images] == [""] * 5


def test_a_sync_that_waits_for_another_kernel_says_so_and_can_be_interrupted(
    kernels, service, runner, monkeypatch, capsys
):
    one, _ = kernels
    said: list[str] = []
    one._session.subscribe(lambda state: said.append(sync_words(state)["message"]))
    one.set_captions({one.images.index[0]: "typed"})

    def wait(seconds: float) -> None:
        if seconds > 3:
            runner.advance(0.3)  # views hear of changes a moment later
            raise KeyboardInterrupt

    with another_kernel("sync", service.origin, one.model_id):
        sleeps_by(Slept(wait), monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            one.sync()
    words = "Waiting: This training is being synced by props.ipynb (process "
    assert any(line.startswith(words) for line in said)
    assert capsys.readouterr().err.startswith(words)
    runner.advance(5)
    assert one.images["caption"].iloc[0] == "typed"
    assert one.state.draft.unsent == 0, "it goes up by itself"


def test_a_sync_gives_up_on_a_kernel_that_hangs_and_tries_again_later(
    kernels, service, runner, monkeypatch
):
    one, _ = kernels
    one.set_captions({one.images.index[0]: "typed"})
    with another_kernel("sync", service.origin, one.model_id):
        sleeps_by(Slept(), monkeypatch)
        with pytest.raises(StoreBusy, match=r"synced by props\.ipynb .* for 10 minutes"):
            one.sync()
        assert one.state.sync.phase == "failed"
        assert "Saved locally" in one.state.sync.message
    runner.advance(60)
    assert one.state.draft.unsent == 0


def test_a_creation_that_hangs_elsewhere_is_not_waited_for_for_ever(service):
    journal, type_ = Journal(), "flux.2-dev-lora"
    opening = Opening(service, journal, sleep=Slept())
    scope = {"origin": service.origin, "project": ""}
    with at_work("theirs"):
        journal.begin_model(**scope, name="icons", type=type_, entry_id="theirs")
        for work in (opening.open, opening.create):
            with pytest.raises(StoreBusy, match=r"is being created by process .* 10 minutes"):
                work("icons", type=type_)
    assert service.count("create_model") == 0


def test_a_sync_under_way_shows_others_that_it_gets_on(kernels, service, runner, monkeypatch):
    one, _ = kernels
    runner.advance(5)
    one.set_captions({one.images.index[0]: "typed"})
    monkeypatch.setattr("phoenix_nbtrain.session.state_store.UPDATE_SECONDS", 0.0)
    seen: list[float] = []

    def begun() -> None:
        (lock,) = (home() / "locks").iterdir()
        os.utime(lock, (0, 0))

    def later() -> None:
        (lock,) = (home() / "locks").iterdir()
        seen.append(lock.stat().st_mtime)

    service.before = {"get_model": begun, "update_asset": later}
    one.sync()
    assert len(seen) == 1
    assert seen[0] > 0


def test_undo_takes_back_no_words_that_another_kernel_or_the_service_wrote_since(kernels, service):
    one, other = kernels
    first, second, third = one.images.index[:3]
    one.set_captions({first: "mine", second: "mine", third: "mine"})
    other.set_captions({first: "of another kernel"})
    one.sync()
    service.update_asset(one.images["asset_id"].iloc[1], description="of the service")
    one.sync()
    with pytest.warns(UserWarning, match="changed in the meantime"):
        one.undo()
    stand = ["of another kernel", "of the service", "", ""]
    assert one.images["caption"].tolist() == stand
    one.redo()
    assert one.images["caption"].tolist() == [*stand[:2], "mine", ""]
