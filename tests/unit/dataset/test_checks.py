"""What is worth a look before money is spent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phoenix_nbtrain.dataset.checks import check
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError

TYPE = "flux.2-dev-lora"
EDIT_TYPE = "flux.2-dev-edit-lora"


def image(i: int, caption: str | None = None, **rest: Any) -> ImageRow:
    known: dict[str, Any] = {"width": 1024, "height": 2000, "content_hash": str(i)}
    text = f"sks, thing {i}" if caption is None else caption
    return ImageRow(image_id=f"img_{i}", name=f"{i}.png", caption=text, **{**known, **rest})


def good(count: int = 8) -> Draft:
    return Draft(images=tuple(image(i) for i in range(count)))


def kinds(draft: Draft, type_name: str = TYPE) -> dict[str, int]:
    found: dict[str, int] = {}
    for finding in check(draft, type_name):
        assert len(finding.message) <= 200
        found[finding.kind] = found.get(finding.kind, 0) + 1
    return found


def with_row(draft: Draft, row: ImageRow) -> Draft:
    return draft.with_images({row.image_id: row})


def test_a_good_set_has_nothing_to_say() -> None:
    assert check(good(), TYPE) == ()


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (image(1, ""), "no-caption"),
        (image(1, "sks, thing 2"), "same-caption"),
        (image(1, "a thing"), "trigger-missing"),
        (image(1, width=1023), "small"),
        (image(1, content_hash="2"), "same-picture"),
        (image(1, refusal="not a picture"), "refused"),
    ],
)
def test_one_bad_row_is_found(row: ImageRow, kind: str) -> None:
    found = check(with_row(good(), row), TYPE)
    assert kind in {f.kind for f in found}
    assert all(f.image_id for f in found)


def test_an_automatic_caption_is_a_caption() -> None:
    assert kinds(with_row(good(), image(1, "", automatic_caption="a thing"))) == {}


def test_captions_without_a_common_word_have_no_trigger() -> None:
    images = tuple(image(i, f"a {w} on a table") for i, w in enumerate("pqrstuv"))
    assert kinds(Draft(images=images)) == {}


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "too-few"), (4, "few"), (5, None), (20, None), (21, "many")]
)
def test_the_number_of_pictures_is_judged(count: int, expected: str | None) -> None:
    assert list(kinds(good(count))) == ([expected] if expected else [])


def test_more_pictures_than_a_training_takes_are_a_problem_and_come_first() -> None:
    found = check(with_row(good(51), image(1, "")), TYPE)
    assert (found[0].kind, found[0].severity) == ("too-many", "problem")


def paired(*pairs: tuple[int, int, str]) -> Draft:
    rows = tuple(
        PairRow(pair_id=f"pair_{n}", source=f"img_{s}", target=f"img_{t}", instruction=words)
        for n, (s, t, words) in enumerate(pairs)
    )
    return replace(good(6), pairs=rows)


def test_a_good_edit_set_has_nothing_to_say() -> None:
    assert kinds(paired((0, 1, "a"), (2, 3, "b"), (4, 5, "c")), EDIT_TYPE) == {}


def test_an_edit_set_is_judged_by_its_pairs() -> None:
    assert kinds(paired((0, 1, "a")), EDIT_TYPE) == {"too-few-pairs": 1, "unused": 4}
    found = kinds(paired((0, 1, ""), (2, 3, "b"), (4, 9, "c"), (2, 3, "b")), EDIT_TYPE)
    assert found == {"no-instruction": 1, "broken-pair": 1, "same-pair": 1, "unused": 1}


def test_pairs_do_not_matter_to_a_style(draft: Draft) -> None:
    assert "unused" not in kinds(draft, TYPE)


def test_a_removed_sample_source_is_found() -> None:
    draft = replace(
        paired((0, 1, "a"), (2, 3, "b"), (4, 5, "c")),
        config={"sample_sources": ("img_0", "img_gone")},
    )
    assert kinds(draft, EDIT_TYPE) == {"sample-source-gone": 1}


def test_a_refusal_is_told_in_whole_sentences() -> None:
    remedy = "Add the file, or leave it out and run sync() again."
    (found,) = (
        f for f in check(with_row(good(), image(1, refusal=remedy)), TYPE) if f.kind == "refused"
    )
    assert found.message == f"1.png was refused: {remedy}"
    long = f"{'so ' * 44}long. {remedy} {remedy}"
    (found,) = (
        f for f in check(with_row(good(), image(1, refusal=long)), TYPE) if f.kind == "refused"
    )
    assert found.message.endswith("long.")
    assert len(found.message) <= 200


def test_a_hostile_name_is_shown_as_text() -> None:
    row = replace(image(1, ""), name="evil\u202egnp\n.exe")
    (finding,) = check(with_row(good(), row), TYPE)
    assert "\u202e" not in finding.message
    assert "\n" not in finding.message


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(InputError):
        check(good(), "nope")
