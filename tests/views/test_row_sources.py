"""Rows that views page through: what is counted of all agrees with what each one tells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trainings import EDIT, STYLE, StagedTraining, image, pair, training_of

from phoenix_nbtrain.dataset.listing import Wish
from phoenix_nbtrain.widgets.row_sources import DraftImages, DraftPairs, Listing, Source


def images_of(training: StagedTraining) -> DraftImages:
    captions = not training.needs_pairs
    return DraftImages(training.state.draft, training.session.findings(), captions=captions)


def attention_of(source: Source) -> tuple[str, ...]:
    return Listing(source).ids(Wish(attention=True))


@pytest.mark.parametrize(
    ("type_name", "expected"), [(STYLE, "img_1 img_2 img_3 img_4"), (EDIT, "img_3 img_4 img_5")]
)
def test_the_images_that_need_attention_are_those_whose_tiles_say_so(
    type_name: str, expected: str
) -> None:
    rows = [
        *(image(0, "sks, one"), image(1, ""), image(2, "two"), image(3, "sks, three")),
        *(image(4, "sks, four", refusal="It is too large."), image(5, "sks, five")),
    ]
    rows[3] = replace(rows[3], content_hash=rows[0].content_hash)
    training = training_of(rows, [pair(0, 0, 1), pair(1, 1, 2)], type=type_name)

    source = images_of(training)

    told = source.rows(source.ids)
    warned = [
        row["image_id"]
        for row in told
        if row["reason"] or any(badge["tone"] == "warn" for badge in row["badges"])
    ]
    assert sorted(source.needy) == warned == expected.split()
    assert attention_of(source) == tuple(warned)


def test_the_pairs_that_need_attention_are_those_whose_rows_say_so() -> None:
    training = training_of(
        [image(0), image(1), image(2)],
        [pair(0, 0, 1), pair(1, 0, 9), pair(2, 1, 1), pair(3, 1, 2, ""), pair(4, 2, 0)],
        type=EDIT,
    )

    source = DraftPairs(training.state.draft)

    told = [row["pair_id"] for row in source.rows(source.ids) if row["need"]]
    assert sorted(source.needy) == told == ["pair_1", "pair_2", "pair_3"]
    assert attention_of(source) == tuple(told)
