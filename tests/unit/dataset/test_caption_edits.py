"""Captions of many pictures at once."""

from __future__ import annotations

from typing import Any

import pytest

from phoenix_nbtrain.dataset.caption_edits import ensure_trigger, set_captions
from phoenix_nbtrain.dataset.edits import apply
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import InputError


def captioned(*captions: str) -> Draft:
    return Draft(
        images=tuple(
            ImageRow(image_id=f"img_{i}", name=f"{i}.png", caption=c)
            for i, c in enumerate(captions)
        )
    )


def after(draft: Draft, ops: Any) -> list[str]:
    applied = apply(draft, ops, type_name="flux.2-dev-lora")
    assert not applied.refused
    return [row.caption for row in applied.draft.images]


def test_a_trigger_word_is_put_where_it_is_missing() -> None:
    draft = captioned("a cat", "sks, a dog", "", "SKS bird", "sksy fish", "red, sks", "sks cow")
    assert after(draft, ensure_trigger(draft, " sks ")) == [
        "sks, a cat",
        "sks, a dog",
        "sks",
        "sks, SKS bird",
        "sks, sksy fish",
        "red, sks",
        "sks cow",
    ]


def test_a_second_time_changes_nothing() -> None:
    draft = captioned("sks, a cat", "sks")
    assert ensure_trigger(draft, "sks") == ()


@pytest.mark.parametrize("word", ["", "  ", "a, b", "a\nb", None, 5, "\udc80", "x" * 70_000])
def test_what_is_no_word_is_refused(word: Any) -> None:
    with pytest.raises(InputError) as caught:
        ensure_trigger(captioned("x"), word)
    assert len(str(caught.value)) <= 200


def test_captions_come_by_name_or_from_a_function() -> None:
    draft = captioned("x", "y", "z")
    assert after(draft, set_captions(draft, {"0": "new", "img_1": "other"})) == [
        "new",
        "other",
        "z",
    ]
    ops = set_captions(draft, lambda row: row.caption * 2 if row.name != "1.png" else None)
    assert after(draft, ops) == ["xx", "y", "zz"]


@pytest.mark.parametrize(
    "captions",
    [
        {"0.png": "a", "nine.png": "b"},
        {"0.png": "a", "0": "b"},
        {"0.png": 5},
        {"0.png": "\ud800"},
        lambda row: 5,
        ["a"],
        None,
    ],
)
def test_captions_are_all_taken_or_none(captions: Any) -> None:
    with pytest.raises(InputError) as caught:
        set_captions(captioned("x", "y"), captions)
    assert len(str(caught.value)) <= 200
