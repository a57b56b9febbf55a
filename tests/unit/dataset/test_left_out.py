"""What is remembered of removed images and pairs, and how that is taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.dataset import drafts
from unit.dataset.drafts import pair

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.draft import Draft, ImageRow


def image(name: str, **fields: Any) -> ImageRow:
    return drafts.image(f"{name}.png", **{"content_hash": f"hash_{name}", **fields})


A, B, C = image("a"), image("b"), image("c")


class TestNoted:
    def test_a_removed_image_is_remembered_by_its_keys_name_and_size(self) -> None:
        gone = image(
            "a", url_key="url:a", asset_id="asset_a", bytes=9, caption="c", attached=True, width=3
        )
        after, inverse = left_out.noted(Draft(images=(gone, B)), Draft(images=(B,)), taken_out=True)
        assert after.left_out == (image("a", url_key="url:a", asset_id="asset_a", bytes=9),)
        assert inverse == []
        assert left_out.keys(after) == {"hash_a", "url:a", "asset_a"}
        assert left_out.ids(after) == dict.fromkeys(("hash_a", "url:a", "asset_a"), "img_a")

    def test_one_that_was_removed_before_is_kept_beside_it(self) -> None:
        before = Draft(images=(A, B), left_out=(C,))
        after, _ = left_out.noted(before, replace(before, images=(B,)), taken_out=True)
        assert after.left_out == (C, A)

    def test_an_undo_takes_nothing_out(self) -> None:
        before = Draft(images=(A, B), pairs=(pair(1, "a", "b"),))
        after = Draft(images=(B,))
        assert left_out.noted(before, after, taken_out=False) == (after, [])

    def test_one_without_a_key_is_not_remembered(self) -> None:
        before = Draft(images=(image("a", content_hash=None),))
        after, _ = left_out.noted(before, Draft(), taken_out=True)
        assert after.left_out == ()

    def test_one_that_is_there_under_another_id_is_not_remembered(self) -> None:
        after = Draft(images=(image("a", image_id="img_twin"),))
        noted, _ = left_out.noted(Draft(images=(A,)), after, taken_out=True)
        assert noted.left_out == ()

    @pytest.mark.parametrize("taken_out", [True, False])
    def test_one_that_comes_back_is_forgotten_and_can_be_left_out_again(
        self, taken_out: bool
    ) -> None:
        before = Draft(left_out=(A, C))
        after, inverse = left_out.noted(
            before, replace(before, images=(image("a", image_id="img_new"),)), taken_out=taken_out
        )
        assert after.left_out == (C,)
        assert inverse == [{"op": "leave out", "table": "images", "rows": [A]}]

    def test_a_removed_pair_is_remembered_by_its_first_keys(self) -> None:
        a = replace(A, asset_id="asset_a")
        before = Draft(images=(a, B), pairs=(pair(1, "a", "b"), pair(2, "b", "a")))
        after, inverse = left_out.noted(
            before, replace(before, pairs=(pair(2, "b", "a"),)), taken_out=True
        )
        assert after.left_out_pairs == {("hash_a", "hash_b")}
        assert inverse == []
        assert left_out.has_pair(after, "img_a", "img_b")
        assert not left_out.has_pair(after, "img_b", "img_a")

    def test_a_pair_that_went_with_its_image_is_remembered_too(self) -> None:
        before = Draft(images=(A, B), pairs=(pair(1, "a", "b"),))
        after, _ = left_out.noted(before, Draft(images=(B,)), taken_out=True)
        assert after.left_out_pairs == {("hash_a", "hash_b")}

    def test_a_pair_that_comes_back_is_forgotten_by_any_key(self) -> None:
        a = replace(A, asset_id="asset_a")
        known = frozenset({("asset_a", "hash_b"), ("x", "y")})
        before = Draft(images=(a, B), left_out_pairs=known)
        after, inverse = left_out.noted(
            before, replace(before, pairs=(pair(1, "a", "b"),)), taken_out=True
        )
        assert after.left_out_pairs == {("x", "y")}
        assert inverse == [{"op": "leave out", "table": "pairs", "rows": [("asset_a", "hash_b")]}]

    def test_what_changes_nothing_notes_nothing(self) -> None:
        draft = Draft(
            images=(A, B), pairs=(pair(1, "a", "b"),), left_out_pairs=frozenset({("x", "y")})
        )
        assert left_out.noted(draft, draft, taken_out=True) == (draft, [])


def test_an_image_that_was_replaced_goes_by_its_last_keys_and_its_free_id() -> None:
    draft = Draft(images=(B,), left_out=(A, replace(A, content_hash="later"), B))
    assert left_out.ids(draft) == {"later": "img_a"}


@pytest.mark.parametrize(
    ("source", "target"), [("img_z", "img_b"), ("img_a", "img_z"), ("img_y", "img_z")]
)
def test_a_pair_of_images_that_are_not_there_was_not_removed(source: str, target: str) -> None:
    draft = Draft(images=(A, B), left_out_pairs=frozenset({("hash_a", "hash_b")}))
    assert not left_out.has_pair(draft, source, target)


def test_pairs_of_a_replaced_image_stay_out_under_its_new_key() -> None:
    pairs = frozenset({("hash_a", "hash_b"), ("hash_c", "asset_a"), ("hash_b", "hash_c")})
    old = replace(A, asset_id="asset_a")
    assert left_out.moved(pairs, old, image("n")) == pairs | {
        ("hash_n", "hash_b"),
        ("hash_c", "hash_n"),
    }


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, ""),
        ({"images": 1}, "1 image you removed was left out"),
        ({"pairs": 2}, "2 pairs you removed were left out"),
        ({"images": 2, "pairs": 1}, "2 images and 1 pair you removed were left out"),
        ({"images": 1200, "pairs": 0}, "1,200 images you removed were left out"),
    ],
)
def test_how_much_was_left_out(counts: dict[str, int], words: str) -> None:
    assert left_out.said(**counts) == words


def test_a_name_means_a_removed_image_where_none_of_it_is_there() -> None:
    later = replace(image("b", image_id="img_later"), name="a.png")
    twins = (replace(image("t1"), name="twin.png"), replace(image("t2"), name="twin.png"))
    draft = Draft(images=(C, *twins), left_out=(A, later, replace(C, image_id="img_old")))
    names = left_out.Names(draft)
    assert names.find("a.png") == later
    assert "a.png" in names
    assert names.find("c.png") is None
    assert names.find("unknown.png") is None
    assert names.find("twin.png") is None, "it is ambiguous, and none was removed"
    assert "unknown.png" not in names
