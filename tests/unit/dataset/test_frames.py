"""Frames: a copy to look at, and a whole to assign."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.dataset.drafts import TYPE, assigned, image, named, op, refused

from phoenix_nbtrain.dataset.checks import check
from phoenix_nbtrain.dataset.frames import (
    findings_frame,
    images_frame,
    images_from_frame,
    pairs_frame,
    pairs_from_frame,
)
from phoenix_nbtrain.draft import Draft
from phoenix_nbtrain.errors import PairError


def with_images(draft: Draft, frame: Any, **how: Any) -> Draft:
    """The draft after assigning these images."""
    return assigned(draft, images_from_frame(draft, frame, **how).ops)


def with_pairs(draft: Draft, frame: Any, **how: Any) -> Draft:
    return assigned(draft, pairs_from_frame(draft, frame, **how).ops)


def triples(draft: Draft) -> list[Any]:
    return [row.triple for row in draft.pairs]


def test_dtypes_are_the_same_with_rows_and_without(draft: Draft) -> None:
    for frame in (images_frame, pairs_frame):
        full, empty = frame(draft), frame(Draft())
        assert full.dtypes.to_dict() == empty.dtypes.to_dict()
        assert full.index.dtype == empty.index.dtype
        assert full.index.name == empty.index.name
    images = images_frame(draft)
    columns = "name caption automatic_caption width height bytes state reason asset_id"
    assert list(images.columns) == columns.split()
    assert str(images["width"].dtype) == "Int64"
    assert str(images["caption"].dtype) == "str"
    assert images.loc["img_a", "width"] == 2000
    assert images.loc["img_c", "width"] is pd.NA
    assert images["asset_id"].isna().tolist() == [True, False, True, True]


def test_pairs_show_image_ids_and_states(draft: Draft) -> None:
    pairs = pairs_frame(draft)
    assert pairs.loc["pair_1"].tolist()[:3] == ["img_a", "img_b", "turn"]
    assert pairs["state"].tolist() == ["kept", "kept"]


def test_findings_are_a_frame(draft: Draft) -> None:
    frame = findings_frame(check(draft, TYPE))
    assert "no-caption" in set(frame["kind"])
    assert findings_frame([]).dtypes.to_dict() == frame.dtypes.to_dict()


def test_what_was_read_and_assigned_again_changes_nothing(draft: Draft) -> None:
    assert images_from_frame(draft, images_frame(draft)).ops == ()
    assert pairs_from_frame(draft, pairs_frame(draft)).ops == ()


def test_captions_are_set_and_missing_rows_removed(draft: Draft) -> None:
    frame = images_frame(draft).drop(index="img_d")
    frame.loc["img_b", "caption"] = None
    frame.loc["img_c", "caption"] = "c three"
    frame.loc["img_a", "name"] = "first.png"
    after = with_images(draft, frame)
    assert [(r.name, r.caption) for r in after.images] == [
        ("first.png", "a one"),
        ("b.png", ""),
        ("c.png", "c three"),
    ]


def test_only_what_a_frame_showed_is_missing_in_it(draft: Draft) -> None:
    seen = replace(draft, images=draft.images[:2], pairs=draft.pairs[:1])
    images, pairs = images_frame(seen), pairs_frame(seen)
    assert list(with_images(draft, images.iloc[:1]).image) == ["img_a", "img_c", "img_d"]
    assert list(with_pairs(draft, pairs.iloc[:0]).pair) == ["pair_2"]


def test_a_frame_that_lost_what_it_showed_stands_against_what_is_known(draft: Draft) -> None:
    images, pairs = images_frame(draft).iloc[:1], pairs_frame(draft).iloc[:0]
    images.attrs.clear()
    pairs.attrs.clear()
    after = with_images(draft, images, known=["img_a", "img_b"])
    assert list(after.image) == ["img_a", "img_c", "img_d"]
    after = with_pairs(draft, pairs, known=["pair_2"])
    assert list(after.pair) == ["pair_1"]


def test_a_pair_that_was_not_shown_is_never_rewritten(draft: Draft) -> None:
    table = [{"source": "img_a", "target": "img_b", "instruction": "another"}]
    after = with_pairs(draft, table, known=[])
    assert [row.instruction for row in after.pairs[:1]] == ["another"]
    assert after.pair["pair_1"].instruction == "turn"


def test_the_order_of_rows_is_taken_over(draft: Draft) -> None:
    frame = images_frame(draft).iloc[[2, 0, 3, 1]]
    assert list(with_images(draft, frame).image) == list(frame.index)


def test_a_state_that_moved_on_meanwhile_is_no_obstacle(draft: Draft) -> None:
    frame = images_frame(draft)
    frame["state"] = "sending"
    frame["automatic_caption"] = "a thing"
    assert images_from_frame(draft, frame).ops == ()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: None, ["DataFrame"]),
        (lambda _: {"name": []}, ["DataFrame"]),
        (lambda f: f["caption"], ["DataFrame"]),
        (lambda f: f.drop(columns="caption"), ["caption"]),
        (lambda f: f[["name", "caption", "caption"]], ["caption"]),
        (lambda f: f.assign(captions="x"), ["captions"]),
        (lambda f: f.reset_index(drop=True), ["no longer has image ids", "reset_index"]),
        (lambda f: f.rename(index=lambda i: i.replace("g_", "g_z")), ["img_za", "3 more"]),
        (lambda f: f.rename(index={"img_a": "img_zz"}), ["img_zz"]),
        (lambda f: pd.concat([f, f.iloc[:1]]), ["img_a", "more than once"]),
        (lambda f: f.assign(width=5), ["img_a", "width"]),
        (lambda f: f.assign(width=[np.arange(2)] * len(f)), ["img_a", "width"]),
        (lambda f: f.assign(caption=["x", "\udc80", "y", "z"]), ["img_b", "surrogate"]),
        (lambda f: f.assign(caption=["x", "y" * 70_000, "y", "z"]), ["img_b", "64 KiB"]),
        (lambda f: f.assign(caption=[1, 2, 3, 4]), ["img_a", "text"]),
        (lambda f: f.assign(name=np.nan), ["img_a", "name"]),
        (
            lambda f: pd.concat([f, pd.DataFrame({"name": range(9999)}, index=range(9999))]),
            ["10,003"],
        ),
    ],
)
def test_a_table_that_cannot_be_taken_says_why(draft: Draft, make: Any, words: list[str]) -> None:
    message = refused(images_from_frame, draft, make(images_frame(draft)))
    assert all(word in message for word in words), message


def test_new_pairs_are_named_by_file(draft: Draft) -> None:
    frame = pd.DataFrame(
        {
            "source": ["a.png", Path("somewhere/c.png"), "asset_bbbbbbbb"],
            "target": ["b", "img_d", "..\\d.png"],
            "instruction": ["turn", None, "go"],
        }
    )
    after = with_pairs(draft, frame)
    assert triples(after) == [
        ("img_a", "img_b", "turn"),
        ("img_c", "img_d", ""),
        ("img_b", "img_d", "go"),
    ]
    assert list(after.pair)[:2] == ["pair_1", "pair_2"]  # recognised, so they stay saved
    assert pairs_from_frame(after, frame).ops == ()


def test_a_list_of_dicts_and_a_file_are_tables_too(draft: Draft, tmp_path: Path) -> None:
    after = with_pairs(draft, [{"source": "d.png", "target": "a.png"}])
    assert triples(after) == [("img_d", "img_a", "")]
    assert with_pairs(draft, []).pairs == ()
    table = tmp_path / "pairs.csv"
    table.write_text("\ufeffsource;target;instruction\na.png;c.png;=1+1\n", "utf-8")
    (pair,) = with_pairs(draft, table).pairs
    assert pair.triple == ("img_a", "img_c", "=1+1")


def test_pairs_swap_move_and_go(draft: Draft) -> None:
    frame = pairs_frame(draft).iloc[::-1]
    frame.loc["pair_1", ["source", "target"]] = ["img_b", "img_a"]
    after = with_pairs(draft, frame)
    assert list(after.pair) == ["pair_2", "pair_1"]
    assert after.pair["pair_1"].triple == ("img_b", "img_a", "turn")
    assert list(with_pairs(draft, frame.iloc[:1]).pair) == ["pair_2"]


def test_a_broken_pair_that_nobody_touched_does_not_stop_the_others(draft: Draft) -> None:
    gone = assigned(draft, [op("delete", "img_b")])
    frame = pairs_frame(gone)
    frame.loc["pair_2", "instruction"] = "x"
    after = with_pairs(gone, frame)
    assert after.pair["pair_1"].refusal
    assert after.pair["pair_2"].instruction == "x"


def test_a_name_of_two_images_lists_both(draft: Draft) -> None:
    rows = (image("line/cat.png"), image("colour/cat.png"))
    both = Draft(images=(*draft.images, *rows))
    message = refused(pairs_from_frame, both, [{"source": "cat.png", "target": "a.png"}])
    assert "line/cat.png" in message
    assert "colour/cat.png" in message
    frame = [{"source": "data/line/cat.png", "target": "colour/cat"}]
    (pair,) = with_pairs(both, frame).pairs
    assert pair.triple[:2] == ("img_line_cat", "img_colour_cat")
    refused(pairs_from_frame, both, [{"source": "grey/cat.png", "target": "a.png"}])


def test_composed_and_decomposed_names_are_told_apart() -> None:
    table = [{"source": "\u00e9.png", "target": "e\u0301.png"}]
    (pair,) = with_pairs(named("\u00e9.png", "e\u0301.png"), table).pairs
    assert pair.triple[:2] == ("img_0", "img_1")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"source": "a.png"}], ["target"]),
        ([{"source": "a.png", "target": "a"}], ["pair 0", "same image"]),
        ([{"source": "a.png", "target": None}], ["pair 0", "No image"]),
        ([{"source": 5, "target": "b.png"}], ["pair 0"]),
        ([{"source": "asset_unknown1", "target": "b.png"}], ["asset_unknown1"]),
        ([{"source": "../../secret", "target": "b.png"}], ["secret"]),
        ([{"source": "%2e%2e%2fa.png", "target": "b.png"}], ["%2e%2e"]),
        ([{"source": "a", "target": "b", "caption": "x"}], ["caption"]),
        ([{"source": "a", "target": "b", "instruction": "\ud800"}], ["surrogate"]),
        ([{"source": "nope" * 99, "target": "zz"}] * 9, ["8 more"]),
        ([{"source": "a", "target": "b"}] * 3000, ["3,000"]),
        ("nowhere.csv", ["nowhere.csv"]),
        (5, ["DataFrame"]),
    ],
)
def test_pairs_that_cannot_be_taken_say_why(draft: Draft, rows: Any, words: list[str]) -> None:
    message = refused(pairs_from_frame, draft, rows)
    assert all(word in message for word in words), message


def test_an_unknown_pair_id_is_refused(draft: Draft) -> None:
    frame = pairs_frame(draft).rename(index={"pair_2": "pair_9"})
    with pytest.raises(PairError, match="pair_9"):
        pairs_from_frame(draft, frame)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"source,target\na.png,b.png,x\n", "Line 2"),
        (b"source,target\na.png,b.png\nc.png\n", "Line 3"),
        (b"source,source\n", "distinct"),
        (b"", "first line"),
        (b"source,target\n\xff\xfe,b\n", "line 2"),
        ("source,target\ná,b\n".encode("latin-1"), "UTF-8"),
        (b'source,target\n"a.png,b.png\n', "CSV"),
        (b"source,target\n" + b"a.png,b.png\n" * 1_000_000, "10,000"),
        (b"source,target\n" + b"x" * 30_000_000, "20 MB"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_line(
    draft: Draft, tmp_path: Path, content: bytes, word: str
) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    assert word in refused(pairs_from_frame, draft, path)


def test_json_lines_are_a_table(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"source": "a.png", "target": "c.png"}\n\n', "utf-8")
    assert len(with_pairs(draft, path).pairs) == 1
    path.write_text('{"source": "a.png", "target": "c.png"}\n' + "[" * 100_000, "utf-8")
    assert "Line 2" in refused(pairs_from_frame, draft, path)
    path.write_text('{"source": "a.png", "source": "b.png", "target": "c.png"}', "utf-8")
    assert "Line 1 of pairs.jsonl: it gives source twice" in refused(pairs_from_frame, draft, path)
    path.write_text("\n", "utf-8")
    assert "is empty" in refused(pairs_from_frame, draft, path)


IDS = ["img_a", "img_b", "img_c", "img_d"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pair_1", "pair_2", None]),
            st.sampled_from(IDS),
            st.sampled_from(IDS),
            st.sampled_from(["", "turn", "go"]),
        ).filter(lambda row: row[1] != row[2]),
        max_size=6,
        unique_by=lambda row: row[0] or object(),
    )
)
def test_whatever_is_assigned_is_what_is_read(draft: Draft, rows: list[Any]) -> None:
    frame = pd.DataFrame(
        [row[1:] for row in rows],
        columns=["source", "target", "instruction"],
        index=pd.Index([row[0] or i for i, row in enumerate(rows)], dtype="object"),
    )
    after = with_pairs(draft, frame)
    assert triples(after) == [row[1:] for row in rows]
    for row, pair in zip(rows, after.pairs, strict=True):
        assert row[0] in (None, pair.pair_id)


def with_remedy(message: str, draft: Draft, frame: pd.DataFrame) -> pd.DataFrame:
    """Type the line that a message tells of."""
    found = re.search(r"(frame(?:\.index)? = .*?)(?: (?:makes|keeps|gives) .*)?$", message)
    assert found
    training = SimpleNamespace(images=images_frame(draft), pairs=pairs_frame(draft))
    names = {"frame": frame.copy(), "training": training}
    exec(found[1], names)  # a line of our own
    return names["frame"]  # type: ignore[return-value]


@pytest.mark.parametrize(
    "make",
    [
        lambda f: f.reset_index(drop=True),
        lambda f: f.sort_values("name", ascending=False).reset_index(drop=True),
        lambda f: f.reset_index(),
        lambda f: f.rename_axis(None).reset_index(),
        lambda f: pd.concat([f, f.iloc[:2].assign(caption=list("ab"))]),
        lambda f: pd.concat([f.iloc[:2].reset_index(drop=True), f.iloc[2:].reset_index(drop=True)]),
    ],
)
def test_the_line_that_mends_an_index_does(draft: Draft, make: Any) -> None:
    broken = make(images_frame(draft).assign(caption=["a", "b", "c", "d"]))
    mended = with_remedy(refused(images_from_frame, draft, broken), draft, broken)
    after = with_images(draft, mended)
    assert {row.name: row.caption for row in after.images} == {f"{c}.png": c for c in "abcd"}


def test_a_merge_is_told_how_to_keep_the_index(draft: Draft) -> None:
    new = pd.DataFrame({"name": ["a.png", "b.png"], "caption": ["x", "y"]})
    merged = images_frame(draft).drop(columns="caption").merge(new, on="name")
    message = refused(images_from_frame, draft, merged)
    assert "training.images.reset_index().merge(…).set_index('image_id')" in message
    frame = images_frame(draft).drop(columns="caption").reset_index()
    kept = frame.merge(new, on="name", how="left").set_index("image_id")
    after = with_images(draft, kept)
    assert [row.caption for row in after.images] == ["x", "y", "", ""]


@pytest.mark.parametrize(
    "make",
    [
        lambda f: f.reset_index(),
        lambda f: pd.concat([f.iloc[:1], f]),
        lambda f: pd.concat(
            [f.reset_index(drop=True).iloc[i : i + 1].reset_index(drop=True) for i in (0, 1)]
        ),
    ],
)
def test_the_line_that_mends_an_index_of_pairs_does(draft: Draft, make: Any) -> None:
    broken = make(pairs_frame(draft))
    mended = with_remedy(refused(pairs_from_frame, draft, broken), draft, broken)
    assert pairs_from_frame(draft, mended).ops == ()
