"""Captions of many images and instructions of many pairs at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.dataset.drafts import assigned, named, refused

from phoenix_nbtrain.dataset.caption_edits import ensure_trigger, set_captions
from phoenix_nbtrain.dataset.instructions import filled, set_instructions
from phoenix_nbtrain.draft import Draft

NO_TEXT = [5, None, "x" * 70_000, "\ud800"]


def captioned(*captions: str) -> Draft:
    rows = named(*(f"{n}.png" for n in range(len(captions)))).images
    pairs = zip(rows, captions, strict=True)
    return Draft(images=tuple(replace(row, caption=text) for row, text in pairs))


def after(draft: Draft, ops: Any) -> list[str]:
    return [row.caption for row in assigned(draft, ops).images]


def test_a_trigger_word_is_put_where_it_is_missing() -> None:
    draft = captioned("a cat", "sks, a dog", "", "SKS bird", "sksy fish", "red, sks", "sks cow")
    ops = ensure_trigger(draft, " sks ")
    assert after(draft, ops) == [
        "sks, a cat",
        "sks, a dog",
        "sks",
        "sks, SKS bird",
        "sks, sksy fish",
        "red, sks",
        "sks cow",
    ]
    assert ensure_trigger(assigned(draft, ops), "sks") == ()


@pytest.mark.parametrize("word", ["", "  ", "a, b", "a\nb", *NO_TEXT])
def test_what_is_no_trigger_word_is_refused(word: Any) -> None:
    assert refused(ensure_trigger, captioned("x"), word)


def test_captions_come_by_name_or_from_a_function() -> None:
    draft = captioned("x", "y", "z")
    ops = set_captions(draft, {"0": "new", "img_1": "other"})
    assert after(draft, ops) == ["new", "other", "z"]
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
def test_captions_are_all_accepted_or_none(captions: Any) -> None:
    assert refused(set_captions, captioned("x", "y"), captions)


def test_a_template_says_what_differs_between_pairs(draft: Draft) -> None:
    renamed = replace(draft.images[0], name="line/cat.png")
    draft = replace(draft, images=(renamed, *draft.images[1:]))
    text = "{n}: {source} to { target }, {source_caption} {{as}} {target_caption}"
    assert filled(draft, text, ["pair_1", "pair_2", "pair_gone"]) == {
        "pair_1": "1: cat to b, a one {as} b two",
        "pair_2": "2: c to d,  {as} ",
    }
    assert filled(draft, "a { b", ["pair_1"]) == {"pair_1": "a { b"}


@pytest.mark.parametrize(
    "text", ["{file}", "{source.__class__}", "{0}", "{}", "{n!r}", "{n:9999999}"]
)
def test_an_unknown_placeholder_is_answered_with_the_known_ones(draft: Draft, text: str) -> None:
    message = refused(filled, draft, text, ["pair_1"])
    assert "{source}, {target}, {n}, {source_caption}, {target_caption}" in message


def test_only_pairs_that_say_something_else_get_the_instruction(draft: Draft) -> None:
    (op,) = set_instructions(draft, "turn", None)
    assert (op["row"], op["value"]) == ("pair_2", "turn")
    assert "no pair pair_9" in refused(set_instructions, draft, "turn", ["pair_9"])


@pytest.mark.parametrize("text", NO_TEXT)
def test_what_is_no_instruction_is_refused(draft: Draft, text: object) -> None:
    assert refused(filled, draft, text, ["pair_1"])


def test_a_template_that_grows_too_long_is_refused(draft: Draft) -> None:
    long = tuple(replace(row, caption="c" * 60_000) for row in draft.images)
    message = refused(filled, replace(draft, images=long), "{source_caption}" * 2, ["pair_1"])
    assert "64 KiB" in message
