"""Pairs that the names of files already tell of."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from phoenix_nbtrain.dataset.edits import apply
from phoenix_nbtrain.dataset.pairing import pair_chosen, pair_up
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import PairError


def named(*names: str) -> Draft:
    return Draft(images=tuple(ImageRow(image_id=f"img_{i}", name=n) for i, n in enumerate(names)))


def made(draft: Draft, *groups: Any, **rest: Any) -> list[tuple[str, str]]:
    found = pair_up(draft, *groups, **rest)
    applied = apply(draft, found.ops, type_name="flux.2-dev-edit-lora")
    assert not applied.refused
    images = applied.draft.image
    return [(images[p.source].name, images[p.target].name) for p in applied.draft.pairs]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["line/cat.png", "colour/cat.png"], ("line/", "colour/")),
        (["line/cat.png", "colour/cat.jpg"], ("line", "colour")),
        (["cat_before.png", "cat_after.jpg"], ("before", "after")),
        (["cat_before.png", "cat_after.jpg"], ("_before", "_after")),
        (["cat.line.png", "cat.color.png"], ("line", "color")),
        (["Before-Cat.PNG", "after-cat.png"], ("before", "after")),
        (["x/line/cat.png", "x/colour/cat.png"], ("line", "colour")),
        (["1.png", "2.png"], (["1.png"], ["2"])),
    ],
)
def test_two_groups_are_matched_by_the_rest_of_the_name(names: list[str], groups: Any) -> None:
    if groups[0] == ["1.png"]:
        with pytest.raises(PairError, match="No source has a partner"):
            pair_up(named(*names), *groups)
        return
    assert made(named(*names), *groups) == [tuple(names)]


@pytest.mark.parametrize(
    "names",
    [
        ["cat_before.png", "cat_after.png"],
        ["source/cat.png", "target/cat.png"],
        ["cat.line.png", "cat.color.png"],
        ["cat_in.webp", "cat_out.webp"],
    ],
)
def test_the_usual_words_need_not_be_given(names: list[str]) -> None:
    for order in itertools.permutations([*names, "other.png"]):
        assert made(named(*order)) == [tuple(names)]


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
    assert found.paired == 2
    assert found.left_over == ("3_after.png",)
    assert "3_after.png" in str(found)


def test_the_last_word_tells_the_side() -> None:
    names = ["before_sunset_before.png", "before_sunset_after.png"]
    assert made(named(*names)) == [tuple(names)]


def test_a_second_time_adds_nothing() -> None:
    draft = named("a_before.png", "a_after.png")
    once = apply(draft, pair_up(draft, instruction="age it").ops, type_name="x").draft
    assert once.pairs[0].instruction == "age it"
    again = pair_up(once)
    assert (again.ops, again.paired) == ((), 1)
    assert str(again) == "0 pairs made, 1 was there already."


@pytest.mark.parametrize(
    ("names", "groups", "word"),
    [
        (["a.png", "b.png"], (), "no pairs"),
        (["a_before.png"], ("before", None), "both"),
        (["a_before.png"], ("before", "after"), "after"),
        (["a_x.png", "b_y.png"], ("x", "y"), "No source has a partner"),
        (["a_x.png", "a_x.jpg", "a_y.png"], ("x", "y"), "same partner"),
        (["x_y_a.png"], ("x", "x"), "both groups"),
        (["a.png"], (5, 6), "list of names"),
        (["a.png"], (["zz"], ["a"]), "zz"),
    ],
)
def test_what_cannot_be_paired_says_why(names: list[str], groups: Any, word: str) -> None:
    with pytest.raises(PairError) as caught:
        pair_up(named(*names), *groups)
    assert word in str(caught.value)
    assert len(str(caught.value)) <= 200


def chosen(draft: Draft, *ids: str) -> list[tuple[str, str]]:
    found = pair_chosen(draft, ids)
    images = draft.image
    return [
        (images[op["values"]["source"]].name, images[op["values"]["target"]].name)
        for op in found.ops
    ]


def test_two_chosen_pictures_are_paired_in_the_order_of_choice_whatever_their_names() -> None:
    draft = named("cat_before.png", "cat_after.png", "dog.png")
    assert chosen(draft, "img_1", "img_0") == [("cat_after.png", "cat_before.png")]
    assert chosen(draft, "img_2", "img_0", "img_2") == [("dog.png", "cat_before.png")]


def test_more_are_paired_by_their_names_and_only_they() -> None:
    draft = named("a_in.png", "a_out.png", "b_in.png", "b_out.png", "c_in.png", "c_out.png")
    ids = ["img_3", "img_0", "img_2", "img_1", "img_4"]
    assert chosen(draft, *ids) == [("a_in.png", "a_out.png"), ("b_in.png", "b_out.png")]
    found = pair_chosen(draft, ids)
    assert str(found) == "2 pairs made; without a partner: c_in.png."


def test_a_pair_that_is_there_is_not_made_again() -> None:
    draft = named("a.png", "b.png")
    draft = apply(
        draft, pair_chosen(draft, ["img_0", "img_1"]).ops, type_name="flux.2-dev-lora"
    ).draft
    found = pair_chosen(draft, ["img_0", "img_1"])
    assert found.ops == () and str(found) == "0 pairs made, 1 was there already."


@pytest.mark.parametrize("ids", [[], ["img_0"], ["img_0", "img_gone"], ["img_0", "img_0"]])
def test_one_picture_is_no_pair(ids: list[str]) -> None:
    with pytest.raises(PairError, match="takes two"):
        pair_chosen(named("a.png", "b.png"), ids)


def test_names_that_tell_nothing_are_answered_with_what_to_do() -> None:
    with pytest.raises(PairError, match="these 3 pictures tell of no pairs") as refused:
        pair_chosen(named("a.png", "b.png", "c.png"), ["img_0", "img_1", "img_2"])
    assert "two at a time" in refused.value.remedy
