"""What is worth a look before money is spent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from unit.dataset.drafts import EDIT_TYPE, TYPE, pair, refused
from unit.dataset.drafts import image as row_named

from phoenix_nbtrain.dataset.checks import Finding, check
from phoenix_nbtrain.draft import Draft, ImageRow

REMEDY = "Add the file, or leave it out and run sync() again."


def image(i: int, caption: str | None = None, **rest: Any) -> ImageRow:
    known = {"width": 1024, "height": 2000, "content_hash": str(i)}
    text = f"sks, thing {i}" if caption is None else caption
    return row_named(f"{i}.png", caption=text, **(known | rest))


def good(count: int = 8, *others: ImageRow) -> Draft:
    """A good dataset but for the rows that stand in the places of others."""
    rows = tuple(image(i) for i in range(count))
    return Draft(images=rows).with_images({row.image_id: row for row in others})


def paired(*pairs: tuple[int, int, str], **rest: Any) -> Draft:
    rows = tuple(pair(n, str(s), str(t), words) for n, (s, t, words) in enumerate(pairs))
    return replace(good(6), pairs=rows, **rest)


GOOD_PAIRS = (0, 1, "a"), (2, 3, "b"), (4, 5, "c")


def kinds(draft: Draft, type_name: str = TYPE) -> dict[str, int]:
    found = check(draft, type_name)
    assert all(len(finding.message) <= 200 for finding in found)
    return Counter(finding.kind for finding in found)


def only(kind: str, row: ImageRow) -> Finding:
    (found,) = (f for f in check(good(8, row), TYPE) if f.kind == kind)
    return found


@pytest.mark.parametrize(
    "draft",
    [
        good(),
        good(8, image(1, "", automatic_caption="a thing")),
        # Captions without a word in common have no trigger word.
        Draft(images=tuple(image(i, f"a {w} on a table") for i, w in enumerate("pqrstuv"))),
    ],
)
def test_a_good_dataset_has_no_findings(draft: Draft) -> None:
    assert check(draft, TYPE) == ()


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (image(1, ""), "no-caption"),
        (image(1, "sks, thing 2"), "same-caption"),
        (image(1, "a thing"), "trigger-missing"),
        (image(1, width=1023), "small"),
        (image(1, content_hash="2"), "same-image"),
        (image(1, refusal="not an image"), "refused"),
    ],
)
def test_one_bad_row_is_found(row: ImageRow, kind: str) -> None:
    found = check(good(8, row), TYPE)
    assert kind in {f.kind for f in found}
    assert all(f.image_id for f in found)


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ["too-few"]), (4, ["few"]), (5, []), (20, []), (21, ["many"])]
)
def test_the_number_of_images_is_judged(count: int, expected: list[str]) -> None:
    assert list(kinds(good(count))) == expected


def test_more_images_than_a_training_takes_are_a_problem_and_come_first() -> None:
    found = check(good(51, image(1, "")), TYPE)
    assert (found[0].kind, found[0].severity) == ("too-many", "problem")


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (paired(*GOOD_PAIRS), {}),
        (paired((0, 1, "a")), {"too-few-pairs": 1, "unused": 4}),
        (
            paired((0, 1, ""), (2, 3, "b"), (4, 9, "c"), (2, 3, "b")),
            {"no-instruction": 1, "broken-pair": 1, "same-pair": 1, "unused": 1},
        ),
        (
            paired(*GOOD_PAIRS, config={"sample_sources": ("img_0", "img_gone")}),
            {"sample-source-gone": 1},
        ),
    ],
)
def test_an_edit_dataset_is_judged_by_its_pairs(draft: Draft, expected: dict[str, int]) -> None:
    assert kinds(draft, EDIT_TYPE) == expected


def test_pairs_do_not_matter_to_a_style(draft: Draft) -> None:
    assert "unused" not in kinds(draft, TYPE)


def test_a_refusal_is_told_in_whole_sentences() -> None:
    found = only("refused", image(1, refusal=REMEDY))
    assert found.message == f"1.png was refused: {REMEDY}"
    found = only("refused", image(1, refusal=f"{'so ' * 44}long. {REMEDY} {REMEDY}"))
    assert found.message.endswith("long.")
    assert len(found.message) <= 200


def test_a_hostile_name_is_shown_as_text() -> None:
    message = only("no-caption", replace(image(1, ""), name="evil\u202egnp\n.exe")).message
    assert "\u202e" not in message
    assert "\n" not in message


def test_an_unknown_type_is_an_error() -> None:
    assert refused(check, good(), "nope")
