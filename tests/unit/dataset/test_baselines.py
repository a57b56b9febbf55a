"""What a frame is known to have held when it was read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from unit.dataset.drafts import image, pair

from phoenix_nbtrain.dataset.baselines import COMPUTED, KEPT, Baselines
from phoenix_nbtrain.draft import Draft

DRAFT = Draft(
    images=(
        image("1.png", caption="c", width=3, height=4, bytes=5, asset_id="x"),
        image("2.png"),
    ),
    pairs=(pair(1, "1", "2", "go"),),
)


@pytest.fixture
def baselines() -> Baselines:
    return Baselines()


def shown(baselines: Baselines, draft: Draft, table: str = "images") -> pd.DataFrame:
    frame = pd.DataFrame()
    baselines.show(frame, table, draft)
    return frame


def test_of_images(baselines: Baselines) -> None:
    held = baselines.of(shown(baselines, DRAFT))
    assert held is not None
    assert held.cells == {"img_1": ("1.png", "c"), "img_2": ("2.png", "")}
    assert held.computed == {
        "img_1": {"width": 3, "height": 4, "bytes": 5, "asset_id": "x"},
        "img_2": dict.fromkeys(COMPUTED),
    }
    assert held.said == {}


def test_of_pairs(baselines: Baselines) -> None:
    held = baselines.of(shown(baselines, DRAFT, "pairs"))
    assert held is not None
    assert held.cells == {"pair_1": ("img_1", "img_2", "go")}
    assert held.computed == {}


def test_each_reading_has_what_it_said_and_one_state_is_kept_once(baselines: Baselines) -> None:
    one, two = shown(baselines, DRAFT), shown(baselines, DRAFT)
    first, second = baselines.of(one), baselines.of(two)
    assert first is not None
    assert second is not None
    first.said["img_1", "caption"] = "mine"
    assert second.said == {}
    assert baselines.of(one) is first
    assert first.cells is second.cells
    other = shown(baselines, Draft(images=DRAFT.images))
    assert (held := baselines.of(other)) is not None
    assert held.cells is not first.cells


def test_a_copy_of_a_frame_goes_on_with_its_reading(baselines: Baselines) -> None:
    frame = shown(baselines, DRAFT)
    assert baselines.of(frame.copy()) is baselines.of(frame)


def test_images_and_pairs_of_one_draft_are_told_apart(baselines: Baselines) -> None:
    images, pairs = shown(baselines, DRAFT), shown(baselines, DRAFT, "pairs")
    again = shown(baselines, DRAFT)
    held, of_pairs, same = (baselines.of(frame) for frame in (images, pairs, again))
    assert held is not None
    assert of_pairs is not None
    assert same is not None
    assert set(of_pairs.cells) == {"pair_1"}
    assert same.cells is held.cells


def test_an_assigned_frame_holds_what_was_assigned(baselines: Baselines) -> None:
    frame = shown(baselines, DRAFT)
    before = baselines.of(frame)
    baselines.assigned(frame, {"img_1": ("n", "c")}, {"img_1": {"width": 3}})
    after = baselines.of(frame)
    assert after is not None
    assert after is not before
    assert (after.cells, after.computed) == ({"img_1": ("n", "c")}, {"img_1": {"width": 3}})
    baselines.assigned([], {}, {})  # no frame: nothing to note


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        [],
        SimpleNamespace(attrs={"phoenix_nbtrain.read": "nothing.1"}),
        SimpleNamespace(attrs={"phoenix_nbtrain.read": None}),
    ],
)
def test_of_what_was_not_read_here_there_is_none(baselines: Baselines, frame: Any) -> None:
    shown(baselines, DRAFT)
    assert baselines.of(frame) is None


def test_the_states_that_were_used_last_are_kept(baselines: Baselines) -> None:
    frames = [shown(baselines, Draft(revision=n)) for n in range(KEPT)]
    assert baselines.of(frames[0]) is not None
    newest = shown(baselines, Draft(revision=KEPT))
    assert baselines.of(frames[0]) is not None
    assert baselines.of(newest) is not None
    assert baselines.of(frames[1]) is None
    assert baselines.of(frames[2]) is not None


def test_a_draft_whose_state_was_dropped_is_kept_anew(baselines: Baselines) -> None:
    shown(baselines, DRAFT)
    for number in range(KEPT):
        baselines.assigned(pd.DataFrame(), {str(number): ("a",)}, {})
    assert baselines.of(shown(baselines, DRAFT)) is not None
