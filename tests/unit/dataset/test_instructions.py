"""One sentence for many pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phoenix_nbtrain.dataset.instructions import filled, set_instructions
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import InputError


def test_a_template_says_what_differs_between_pairs(draft: Draft) -> None:
    images = [replace(draft.images[0], name="line/cat.png"), *draft.images[1:]]
    draft = replace(draft, images=tuple(images))
    text = "{n}: {source} to { target }, {source_caption} {{as}} {target_caption}"
    assert filled(draft, text, ["pair_1", "pair_2", "pair_gone"]) == {
        "pair_1": "1: cat to b, a one {as} b two",
        "pair_2": "2: c to d,  {as} ",
    }
    assert filled(draft, "a { b", ["pair_1"]) == {"pair_1": "a { b"}


@pytest.mark.parametrize(
    "text", ["{file}", "{source.__class__}", "{0}", "{}", "{n!r}", "{n:9999999}"]
)
def test_an_unknown_placeholder_names_those_that_there_are(draft: Draft, text: str) -> None:
    with pytest.raises(InputError) as error:
        filled(draft, text, ["pair_1"])
    assert "{source}, {target}, {n}, {source_caption}, {target_caption}" in str(error.value)
    assert len(str(error.value)) <= 200


def test_what_already_says_so_is_left(draft: Draft) -> None:
    (op,) = set_instructions(draft, "turn", None)
    assert (op["row"], op["value"]) == ("pair_2", "turn")
    with pytest.raises(InputError, match="no pair pair_9"):
        set_instructions(draft, "turn", ["pair_9"])


@pytest.mark.parametrize("text", [5, None, "x" * 70_000, "\ud800"])
def test_what_is_no_sentence_is_refused(draft: Draft, text: object) -> None:
    with pytest.raises(InputError):
        filled(draft, text, ["pair_1"])


def test_a_template_that_grows_too_long_is_refused(draft: Draft) -> None:
    images = [replace(row, caption="c" * 60_000) for row in draft.images]
    with pytest.raises(InputError, match="64 KiB"):
        filled(replace(draft, images=tuple(images)), "{source_caption}" * 2, ["pair_1"])
