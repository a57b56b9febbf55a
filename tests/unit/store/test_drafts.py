"""Drafts outlive kernels, and two kernels never overwrite each other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import MappingProxyType

import pytest

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.store.drafts import Drafts

KEY = {"origin": "o", "model_id": "m"}

FULL = Draft(
    revision=7,
    images=(
        ImageRow(image_id="img_1", name="é.png", caption="one\ntwo", width=4, content_hash="h"),
        ImageRow(image_id="img_2", name="b.png", asset_id="asset_2", attached=True),
    ),
    pairs=(PairRow(pair_id="pair_1", source="img_1", target="img_2", instruction="colour it"),),
    config=MappingProxyType({"epochs": 3, "sample_prompts": ("a", "b")}),
    config_theirs=MappingProxyType({"epochs": 4, "sample_prompts": None}),
    touched=MappingProxyType({"images/img_1/caption": 7}),
    removed=frozenset({"asset_9"}),
    left_out=(ImageRow(image_id="img_3", name="c.png", content_hash="k", bytes=9),),
    left_out_pairs=frozenset({("h", "k")}),
    served_pairs=(("img_1", "img_2", "colour it"),),
    served_config=MappingProxyType({}),
)


def test_a_draft_comes_back_as_it_was(tmp_path):
    Drafts(tmp_path / "d").change(lambda draft: FULL, **KEY)
    assert Drafts(tmp_path / "d").read(**KEY) == FULL


def test_a_file_of_the_first_version_is_taken_on_as_it_is(tmp_path):
    path = tmp_path / "d"
    Drafts(path).change(lambda draft: FULL, **KEY)
    with closing(sqlite3.connect(path)) as connection:
        (body,) = connection.execute("SELECT body FROM drafts").fetchone()
        new = ("left_out", "left_out_pairs", "config_theirs")
        older = {k: v for k, v in json.loads(body).items() if k not in new}
        connection.execute("UPDATE drafts SET body = ?", (json.dumps(older),))
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    plain = replace(
        FULL, left_out=(), left_out_pairs=frozenset(), config_theirs=MappingProxyType({})
    )
    assert Drafts(path).read(**KEY) == plain
    Drafts(path).change(lambda draft: FULL, **KEY)
    assert Drafts(path).read(**KEY) == FULL


def test_what_was_on_its_way_is_not_any_more_after_a_kill(tmp_path):
    sending = FULL.with_images({"img_1": replace(FULL.images[0], sending=True)})
    Drafts(tmp_path / "d").change(lambda draft: sending, **KEY)
    assert Drafts(tmp_path / "d").read(**KEY) == FULL


def test_an_edit_meets_what_another_kernel_wrote(tmp_path):
    one, two = Drafts(tmp_path / "d"), Drafts(tmp_path / "d")
    one.change(lambda draft: FULL, **KEY)
    two.change(lambda draft: replace(draft, revision=draft.revision + 1), **KEY)
    seen = one.change(lambda draft: replace(draft, revision=draft.revision + 1), **KEY)
    assert seen.revision == 9


def test_an_edit_meets_what_another_kernel_wrote_to_a_file_begun_anew(tmp_path):
    path = tmp_path / "d"
    one, two = Drafts(path), Drafts(path)
    one.change(lambda draft: replace(FULL, pairs=()), **KEY)
    path.unlink()
    two.change(lambda draft: FULL, **KEY)
    seen = one.change(lambda draft: replace(draft, revision=draft.revision + 1), **KEY)
    assert seen == replace(FULL, revision=8)


def test_an_edit_that_fails_changes_nothing(tmp_path):
    drafts = Drafts(tmp_path / "d")
    drafts.change(lambda draft: FULL, **KEY)

    def fail(draft: Draft) -> Draft:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        drafts.change(fail, **KEY)
    assert drafts.read(**KEY) == FULL


def test_an_unreadable_draft_is_refused_and_kept(tmp_path):
    path = tmp_path / "d"
    Drafts(path).change(lambda draft: FULL, **KEY)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE drafts SET body = '{', stamp = stamp + 1")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="left unchanged"):
        Drafts(path).read(**KEY)
    assert path.read_bytes() == before
