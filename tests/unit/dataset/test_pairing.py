"""Pairs that the names of files already tell of."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from unit.dataset.drafts import assigned, named

from phoenix_nbtrain.dataset.pairing import pair_chosen, pair_up
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import PairError


def names(draft: Draft, ops: Any) -> list[tuple[str, str]]:
    after = assigned(draft, ops)
    return [(after.image[p.source].name, after.image[p.target].name) for p in after.pairs]


def made(draft: Draft, *groups: Any) -> list[tuple[str, str]]:
    return names(draft, pair_up(draft, *groups).ops)


@pytest.mark.parametrize(
    ("source", "target", "groups"),
    [
        ("line/cat.png", "colour/cat.png", ("line/", "colour/")),
        ("line/cat.png", "colour/cat.jpg", ("line", "colour")),
        ("cat_before.png", "cat_after.jpg", ("before", "after")),
        ("cat_before.png", "cat_after.jpg", ("_before", "_after")),
        ("cat.line.png", "cat.color.png", ("line", "color")),
        ("Before-Cat.PNG", "after-cat.png", ("before", "after")),
        ("x/line/cat.png", "x/colour/cat.png", ("line", "colour")),
        ("before_sunset_before.png", "before_sunset_after.png", ()),  # the last word counts
    ],
)
def test_two_groups_are_matched_by_the_rest_of_the_name(
    source: str, target: str, groups: Any
) -> None:
    assert made(named(source, target), *groups) == [(source, target)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("cat_before.png", "cat_after.png"),
        ("source/cat.png", "target/cat.png"),
        ("cat.line.png", "cat.color.png"),
        ("cat_in.webp", "cat_out.webp"),
    ],
)
def test_the_usual_words_need_not_be_given(source: str, target: str) -> None:
    for order in itertools.permutations([source, target, "other.png"]):
        assert made(named(*order)) == [(source, target)]


def test_lists_are_matched_by_name() -> None:
    draft = named("a-line.png", "b-line.png", "a-full.png", "b-full.png")
    assert made(draft, ["a-line.png", "b-line.png"], ["b-full.png", "a-full.png"]) == [
        ("a-line.png", "a-full.png"),
        ("b-line.png", "b-full.png"),
    ]


def test_pairs_come_in_natural_order_and_leftovers_are_named() -> None:
    draft = named(
        "10_before.png", "2_before.png", "10_after.png", "2_after.png", "3_after.png", "x.png"
    )
    assert made(draft)[0] == ("2_before.png", "2_after.png")
    found = pair_up(draft)
    assert (found.paired, found.left_over) == (2, ("3_after.png",))
    assert "3_after.png" in str(found)


def test_a_second_time_adds_nothing() -> None:
    draft = named("a_before.png", "a_after.png")
    once = assigned(draft, pair_up(draft, instruction="age it").ops)
    assert once.pairs[0].instruction == "age it"
    for again in (pair_up(once), pair_chosen(once, ["img_0", "img_1"])):
        assert (again.ops, again.paired) == ((), 1)
        assert str(again) == "0 pairs made, 1 was there already."


@pytest.mark.parametrize(
    ("names", "groups", "word"),
    [
        (["a.png", "b.png"], (), "suggest any pairs"),
        (["a_before.png"], ("before", None), "both"),
        (["a_before.png"], ("before", "after"), "after"),
        (["a_x.png", "b_y.png"], ("x", "y"), "No source matches a target"),
        (["1.png", "2.png"], (["1.png"], ["2"]), "No source matches a target"),
        (["a_x.png", "a_x.jpg", "a_y.png"], ("x", "y"), "same partner"),
        (["x_y_a.png"], ("x", "x"), "both groups"),
        (["a.png"], (5, 6), "list of names"),
        (["a.png"], (["zz"], ["a"]), "zz"),
    ],
)
def test_what_cannot_be_paired_says_why(names: list[str], groups: Any, word: str) -> None:
    with pytest.raises(PairError, match=word) as caught:
        pair_up(named(*names), *groups)
    assert len(str(caught.value)) <= 200


def chosen(draft: Draft, *numbers: int) -> list[tuple[str, str]]:
    return names(draft, pair_chosen(draft, [f"img_{n}" for n in numbers]).ops)


def test_two_chosen_images_are_paired_in_the_order_of_choice_whatever_their_names() -> None:
    draft = named("cat_before.png", "cat_after.png", "dog.png")
    assert chosen(draft, 1, 0) == [("cat_after.png", "cat_before.png")]
    assert chosen(draft, 2, 0, 2) == [("dog.png", "cat_before.png")]


def test_more_are_paired_by_their_names_and_only_they() -> None:
    draft = named("a_in.png", "a_out.png", "b_in.png", "b_out.png", "c_in.png", "c_out.png")
    assert chosen(draft, 3, 0, 2, 1, 4) == [("a_in.png", "a_out.png"), ("b_in.png", "b_out.png")]
    found = pair_chosen(draft, ["img_3", "img_0", "img_2", "img_1", "img_4"])
    assert str(found) == "2 pairs made; without a partner: c_in.png."


@pytest.mark.parametrize("ids", [[], ["img_0"], ["img_0", "img_gone"], ["img_0", "img_0"]])
def test_one_image_is_no_pair(ids: list[str]) -> None:
    with pytest.raises(PairError, match="needs two"):
        pair_chosen(named("a.png", "b.png"), ids)


def test_names_that_tell_nothing_are_answered_with_what_to_do() -> None:
    with pytest.raises(PairError, match="these 3 images don't suggest any pairs") as refused:
        pair_chosen(named("a.png", "b.png", "c.png"), ["img_0", "img_1", "img_2"])
    assert "two at a time" in refused.value.remedy
