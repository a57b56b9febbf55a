"""Edits: what is taken, what is refused and why, and that taking back restores everything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.dataset.edits import PAIRS_MAX, Applied, apply, insert_images
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, cell

TYPE = "flux.2-dev-lora"
HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "<script>top.__pwn=1</script>",
    "<select><iframe></select><img src=x: onerror=alert(1)>",
    '<button data-commandlinker-command="x">',
    "[x](javascript:alert(1))",
    "evil\u202egnp.exe",
    "e\u0301.png",
    "👩‍👩‍👧",
    "=HYPERLINK('http://x')",
]


def caption(row: str, value: Any) -> dict[str, Any]:
    return {"op": "set", "table": "images", "row": row, "column": "caption", "value": value}


def done(draft: Draft, *ops: Any, base: int | None = None, trusted: bool = False) -> Applied:
    return apply(draft, ops, base=base, type_name=TYPE, trusted=trusted)


def undone(applied: Applied) -> Draft:
    back = done(applied.draft, *applied.inverse, trusted=True)
    assert not back.refused
    return back.draft


def content(draft: Draft) -> tuple[Any, ...]:
    """What a person would call the draft's content, its order included."""
    return (
        [
            (r.image_id, r.name, r.caption, r.asset_id, r.attached, r.offered, r.theirs, r.gone)
            for r in draft.images
        ],
        [(r.pair_id, r.triple, r.refusal, r.offered) for r in draft.pairs],
        dict(draft.config),
        dict(draft.config_theirs),
        draft.removed,
        {row.image_id for row in draft.left_out},
        draft.left_out_pairs,
    )


def reason(applied: Applied) -> str:
    (refusal,) = applied.refused
    assert not applied.accepted
    assert len(refusal.reason) <= 200
    return refusal.reason


def test_a_caption_is_set_and_the_old_draft_stays(draft: Draft) -> None:
    applied = done(draft, caption("img_a", "new"), base=7)
    assert applied.accepted == (0,)
    assert applied.draft.image["img_a"].caption == "new"
    assert applied.draft.revision == 8
    assert applied.draft.touched[cell("images", "img_a", "caption")] == 8
    assert draft.image["img_a"].caption == "a one"
    assert applied.draft.images[1] is draft.images[1]


def test_an_edit_clears_the_rows_refusal(draft: Draft) -> None:
    rows = {"img_a": replace(draft.image["img_a"], refusal="too long")}
    name = {"op": "set", "table": "images", "row": "img_a", "column": "name", "value": "b.png"}
    for op in (caption("img_a", "short"), name):
        applied = done(draft.with_images(rows), op)
        assert applied.draft.image["img_a"].state == "kept"


def test_an_untouched_cell_takes_an_edit_made_on_an_older_revision(draft: Draft) -> None:
    later = done(draft, caption("img_b", "theirs")).draft
    applied = done(later, caption("img_a", "mine"), base=7)
    assert [r.caption for r in applied.draft.images[:2]] == ["mine", "theirs"]


def test_a_touched_cell_refuses_it_and_shows_what_stands(draft: Draft) -> None:
    later = done(draft, caption("img_a", "theirs")).draft
    applied = done(later, caption("img_a", "mine"), base=7)
    assert "meanwhile" in reason(applied)
    assert applied.refused[0].value == "theirs"
    assert applied.draft is later


def test_each_cell_of_a_block_stands_for_what_was_seen_of_it(draft: Draft) -> None:
    later = done(draft, caption("img_a", "theirs"), caption("img_b", "theirs")).draft
    seen = {**caption("img_a", "mine"), "base": 8}
    unseen = {**caption("img_b", "mine"), "base": 7}
    applied = done(later, seen, unseen, base=8)
    assert (applied.accepted, [r.op for r in applied.refused]) == ((0,), [1])
    assert [r.caption for r in applied.draft.images[:2]] == ["mine", "theirs"]
    for base in (9, "8", None, True):
        assert "Reload" in reason(done(later, {**seen, "base": base}, base=8))


def test_the_same_text_typed_twice_is_no_conflict(draft: Draft) -> None:
    later = done(draft, caption("img_a", "same")).draft
    assert done(later, caption("img_a", "same"), base=7).accepted == (0,)


@pytest.mark.parametrize(
    "op",
    [
        {"op": "delete", "table": "images", "row": "img_a"},
        {"op": "move", "table": "pairs", "row": "pair_1", "at": 1},
        {
            "op": "insert",
            "table": "pairs",
            "row": None,
            "at": None,
            "values": {"source": "img_a", "target": "img_c"},
        },
    ],
)
def test_whatever_is_no_set_needs_the_newest_revision(draft: Draft, op: Any) -> None:
    assert "Look again" in reason(done(draft, op, base=6))
    assert done(draft, op, base=7).accepted == (0,)


def test_a_view_from_another_time_is_refused(draft: Draft) -> None:
    assert "Reload" in reason(done(draft, caption("img_a", "x"), base=8))


def test_one_message_may_set_a_cell_twice(draft: Draft) -> None:
    applied = done(draft, caption("img_a", "x"), caption("img_a", "y"), base=7)
    assert applied.accepted == (0, 1)
    assert applied.draft.image["img_a"].caption == "y"
    assert undone(applied).image["img_a"].caption == "a one"


def test_each_operation_stands_or_falls_by_itself(draft: Draft) -> None:
    applied = done(draft, caption("img_a", "x"), caption("img_z", "x"), caption("img_b", "y"))
    assert applied.accepted == (0, 2)
    assert [r.op for r in applied.refused] == [1]


def test_captions_are_composed_and_keep_their_lines(draft: Draft) -> None:
    applied = done(draft, caption("img_a", "cafe\u0301\r\nline  two "))
    assert applied.draft.image["img_a"].caption == "caf\u00e9\nline  two "


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("\udc80", "surrogate"),
        ("x" * 65_537, "64 KiB"),
        ("é" * 40_000, "64 KiB"),
        ("x" * 10_000_000, "64 KiB"),
        ("a\0b", "NUL"),
        (None, "text"),
        (3, "text"),
        (["a"], "text"),
        ({"a": 1}, "text"),
    ],
)
def test_a_caption_that_cannot_be_kept_is_refused(draft: Draft, value: Any, word: str) -> None:
    applied = done(draft, caption("img_a", value))
    assert word in reason(applied)
    assert applied.refused[0].value == "a one"


def test_the_longest_caption_is_taken(draft: Draft) -> None:
    assert done(draft, caption("img_a", "x" * 65_536)).accepted == (0,)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_kept_as_the_text_they_are(draft: Draft, text: str) -> None:
    name = {"op": "set", "table": "images", "row": "img_a", "column": "name", "value": text}
    applied = done(draft, caption("img_b", text.replace("e\u0301", "é")), name)
    assert applied.draft.image["img_a"].name == text
    assert applied.draft.image["img_b"].caption == text.replace("e\u0301", "é")


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "x" * 256, "é" * 150, "\udcff.png", 7, None])
def test_a_name_that_cannot_be_kept_is_refused(draft: Draft, value: Any) -> None:
    op = {"op": "set", "table": "images", "row": "img_a", "column": "name", "value": value}
    applied = done(draft, op)
    assert reason(applied)
    assert applied.refused[0].value == "a.png"


@pytest.mark.parametrize(
    "op",
    [
        None,
        5,
        "set",
        [],
        {},
        {"op": "set"},
        {"op": "drop", "table": "images"},
        {"op": ["set"], "table": {"a": 1}},
        {"op": "insert", "table": "images", "row": None, "at": None, "values": {}},
        {"op": "set", "table": "images", "row": "img_a", "column": "asset_id", "value": "asset_x"},
        {"op": "set", "table": "images", "row": "img_a", "column": "caption"},
        {"op": "set", "table": "images", "row": ["img_a"], "column": "caption", "value": "x"},
        {"op": "set", "table": "images", "row": "img_a", "column": ["caption"], "value": "x"},
        {"op": "delete", "table": "config", "row": "epochs"},
        {"op": "delete", "table": "images", "row": None},
        {"op": "move", "table": "pairs", "row": "pair_1"},
        {"op": "move", "table": "pairs", "row": "pair_1", "at": "first"},
        {"op": "insert", "table": "pairs", "row": "x", "at": 0, "values": {}},
        {"op": "insert", "table": "pairs", "row": "pair_1", "at": 0, "values": {}},
        {"op": "insert", "table": "pairs", "row": None, "at": 0, "values": None},
        {"op": "set", "table": "config", "row": 5, "value": 5},
        {"op": "set", "table": "config", "row": "no_such", "value": 5},
    ],
)
def test_what_is_no_edit_is_refused_and_raises_nothing(draft: Draft, op: Any) -> None:
    applied = done(draft, op)
    assert reason(applied)
    assert applied.draft is draft


@pytest.mark.parametrize("ops", [None, "set", {"op": "set"}, 5])
def test_what_is_no_list_of_edits_is_refused(draft: Draft, ops: Any) -> None:
    assert reason(apply(draft, ops, type_name=TYPE))


def test_a_deleted_picture_leaves_its_pairs_with_a_reason(draft: Draft) -> None:
    applied = done(draft, {"op": "delete", "table": "images", "row": "img_b"})
    assert [r.image_id for r in applied.draft.images] == ["img_a", "img_c", "img_d"]
    assert applied.draft.pair["pair_1"].refusal == "its target picture was removed"
    assert applied.draft.pair["pair_2"].refusal == ""
    assert applied.draft.removed == {"asset_bbbbbbbb"}
    assert content(undone(applied)) == content(draft)


def test_a_pair_of_a_removed_picture_is_mended_by_another(draft: Draft) -> None:
    gone = done(draft, {"op": "delete", "table": "images", "row": "img_b"}).draft
    side = {"op": "set", "table": "pairs", "row": "pair_1", "column": "target", "value": "img_c"}
    words = {**side, "column": "instruction", "value": "x"}
    assert done(gone, words).draft.pair["pair_1"].refusal == "its target picture was removed"
    mended = done(gone, side)
    assert mended.draft.pair["pair_1"].refusal == ""
    assert content(undone(mended)) == content(gone)


def test_a_restored_picture_that_the_service_let_go_is_attached_again(draft: Draft) -> None:
    applied = done(draft, {"op": "delete", "table": "images", "row": "img_b"})
    synced = replace(applied.draft, removed=frozenset())
    row = done(synced, *applied.inverse, trusted=True).draft.image["img_b"]
    assert (row.asset_id, row.attached) == ("asset_bbbbbbbb", False)


def test_a_browser_restores_nothing(draft: Draft) -> None:
    rows = [replace(draft.image["img_a"], image_id="img_new", content_hash="zz")]
    op = {"op": "restore", "table": "images", "at": 0, "rows": rows}
    assert "no edit" in reason(done(draft, op))
    assert done(draft, op, trusted=True).accepted == (0,)
    fake = {"op": "restore", "table": "images", "at": 0, "rows": [{"image_id": "img_x"}]}
    assert reason(done(draft, fake, trusted=True))


def test_a_picture_is_never_its_own_target(draft: Draft) -> None:
    op = {"op": "set", "table": "pairs", "row": "pair_1", "column": "source", "value": "img_b"}
    applied = done(draft, op)
    assert "same picture" in reason(applied)
    assert applied.refused[0].value == "img_a"
    values = {"source": "img_a", "target": "img_a"}
    assert "same" in reason(done(draft, {"op": "insert", "table": "pairs", "values": values}))


@pytest.mark.parametrize("value", ["img_zz", None, 5, "../../secret", "x" * 70_000])
def test_a_side_names_a_picture_of_the_set(draft: Draft, value: Any) -> None:
    op = {"op": "set", "table": "pairs", "row": "pair_1", "column": "source", "value": value}
    assert reason(done(draft, op))


@pytest.mark.parametrize("value", ["d.png", "d", "props/d.png", "img_d"])
def test_a_side_is_called_by_whatever_names_one_picture(draft: Draft, value: str) -> None:
    op = {"op": "set", "table": "pairs", "row": "pair_1", "column": "source", "value": value}
    assert done(draft, op).draft.pair["pair_1"].source == "img_d"
    rename = {"op": "set", "table": "images", "row": "img_c", "column": "name", "value": "x.png"}
    after = done(draft, op, rename, {**op, "value": "x.png"}).draft
    assert after.pair["pair_1"].source == "img_c"


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(draft: Draft) -> None:
    images = (*draft.images, ImageRow(image_id="img_g", name="giraffe.png"))
    op = {"op": "set", "table": "pairs", "row": "pair_1", "column": "source"}
    for near in ("girafe.png", "girafe", "GIRAFFE.PNG"):
        said = reason(done(replace(draft, images=images), {**op, "value": near}))
        assert said.endswith("Did you mean giraffe.png?")


def test_both_sides_may_change_places_one_after_the_other(draft: Draft) -> None:
    def side(column: str, value: str, row: str = "pair_1") -> dict[str, Any]:
        return {"op": "set", "table": "pairs", "row": row, "column": column, "value": value}

    swapped = done(draft, side("source", "img_b"), side("target", "img_a"))
    assert swapped.accepted == (0, 1)
    assert swapped.draft.pair["pair_1"].triple == ("img_b", "img_a", "turn")
    assert content(undone(swapped)) == content(draft)

    # What ends as one picture is taken back, and nothing else.
    words = {**side("instruction", "new")}
    half = done(draft, side("source", "img_c"), words, side("target", "img_c"))
    assert half.accepted == (1,)
    assert [(r.op, r.value) for r in half.refused] == [(0, "img_a"), (2, "img_b")]
    assert half.draft.pair["pair_1"].triple == ("img_a", "img_b", "new")
    later = done(half.draft, side("source", "img_d"), base=draft.revision)
    assert later.accepted == (0,)  # it was not touched
    assert content(undone(half)) == content(draft)


def test_a_pair_may_be_begun_with_nothing_and_says_what_it_lacks(draft: Draft) -> None:
    values = {"source": "", "target": "", "instruction": "turn"}
    insert = {"op": "insert", "table": "pairs", "row": "pair_9", "values": values}
    side = {"op": "set", "table": "pairs", "row": "pair_9"}
    begun = done(draft, insert)
    assert begun.draft.pair["pair_9"].refusal == "it has no source picture yet"
    half = done(begun.draft, {**side, "column": "source", "value": "a.png"})
    assert half.draft.pair["pair_9"].refusal == "it has no target picture yet"
    whole = done(half.draft, {**side, "column": "target", "value": "b.png"})
    assert whole.draft.pair["pair_9"].refusal == ""
    assert content(undone(begun)) == content(draft)


def test_a_swap_changes_sides_and_keeps_the_rest(draft: Draft) -> None:
    swap = {"op": "swap", "table": "pairs", "row": "pair_1"}
    applied = done(draft, swap)
    row = applied.draft.pair["pair_1"]
    assert row == replace(draft.pair["pair_1"], source="img_b", target="img_a")
    assert content(undone(applied)) == content(draft)
    touched = {"op": "set", "table": "pairs", "row": "pair_1", "column": "target", "value": "img_c"}
    moved_on = done(draft, touched).draft
    late = done(moved_on, swap, base=draft.revision)
    assert "meanwhile" in reason(late) and late.draft is moved_on
    assert done(moved_on, swap, base=moved_on.revision).accepted == (0,)


def test_a_pair_is_inserted_where_it_was_put(draft: Draft) -> None:
    values = {"source": "img_a", "target": "img_d", "instruction": "e\u0301"}
    op = {"op": "insert", "table": "pairs", "row": "pair_new", "at": 1, "values": values}
    applied = done(draft, op, base=7)
    assert list(applied.draft.pair) == ["pair_1", "pair_new", "pair_2"]
    assert applied.draft.pair["pair_new"].instruction == "é"
    assert content(undone(applied)) == content(draft)
    assert "already" in reason(done(applied.draft, op))


def test_chosen_rows_move_together_past_the_others(draft: Draft) -> None:
    def moved(draft: Draft, rows: list[Any], by: Any) -> Applied:
        return done(draft, {"op": "move", "table": "images", "rows": rows, "by": by})

    def order(applied: Applied) -> str:
        return "".join(i[-1] for i in applied.draft.image)

    assert order(moved(draft, ["img_c", "img_b"], -1)) == "bcad"
    assert order(moved(draft, ["img_a", "img_c"], 1)) == "badc"
    assert order(moved(draft, ["img_a", "img_b", "img_d"], -1)) == "abdc"  # the first stay
    assert order(moved(draft, ["img_b", "img_d"], 1)) == "acbd"
    assert content(undone(moved(draft, ["img_a", "img_c"], 1))) == content(draft)
    for rows, by in ((["img_zz"], 1), ("img_a", 1), (["img_a"], 2), ([5], 1), (["img_a"], None)):
        assert reason(moved(draft, rows, by))


def test_a_million_pairs_are_not_taken(draft: Draft) -> None:
    values = {"source": "img_a", "target": "img_b"}
    op = {"op": "insert", "table": "pairs", "row": None, "at": None, "values": values}
    applied = done(draft, *[op] * PAIRS_MAX)
    assert len(applied.draft.pairs) == PAIRS_MAX
    assert len(applied.refused) == 2


def test_a_parameter_is_checked_by_the_catalog(draft: Draft) -> None:
    def config(name: str, value: Any) -> Applied:
        return done(draft, {"op": "set", "table": "config", "row": name, "value": value})

    assert dict(config("rank", 32).draft.config) == {"epochs": 12, "rank": 32}
    assert dict(config("nbEpochs", 14).draft.config) == {"epochs": 14}
    assert dict(config("epochs", None).draft.config) == {}
    assert dict(config("epochs", 10).draft.config) == {}  # the default
    assert dict(undone(config("epochs", None)).config) == {"epochs": 12}
    over = config("epochs", 10_000)
    assert "1 to 100" in reason(over)
    assert over.refused[0].value == 12
    assert "learning_rate" in reason(config("lr", 1e-4))
    assert "epochs" in reason(config("nb_epochs", 14))


def test_inserted_pictures_are_taken_back_together(draft: Draft) -> None:
    rows = [ImageRow(image_id=f"img_n{i}", name=f"n{i}.png", content_hash=f"n{i}") for i in "12"]
    applied = insert_images(draft, rows, at=1)
    assert list(applied.draft.image) == ["img_a", "img_n1", "img_n2", "img_b", "img_c", "img_d"]
    assert applied.draft.revision == 8
    assert content(undone(applied)) == content(draft)


def test_a_picture_is_not_inserted_twice(draft: Draft) -> None:
    twin = ImageRow(image_id="img_twin", name="x.png", content_hash="aa")
    assert "already" in reason(insert_images(draft, [twin]))


def test_an_asset_given_again_after_its_removal_is_not_taken_out_behind(draft: Draft) -> None:
    gone = done(draft, {"op": "delete", "table": "images", "row": "img_b"}).draft
    row = ImageRow(image_id="img_b2", name="b.png", asset_id="asset_bbbbbbbb")
    back = insert_images(gone, [row]).draft
    assert not back.removed


def test_a_removed_asset_goes_there_too_though_no_reply_said_that_it_was_added() -> None:
    row = ImageRow(image_id="img_x", name="x.png", asset_id="asset_xxxxxxxx", attached=False)
    draft = Draft(images=(row,))
    gone = done(draft, {"op": "delete", "table": "images", "row": "img_x"})
    assert gone.draft.removed == {"asset_xxxxxxxx"}
    assert undone(gone).removed == frozenset()


def both_wrote() -> Draft:
    mine = ImageRow(
        image_id="img_a", name="a", caption="mine", attached=True, theirs="theirs", refusal="both"
    )
    gone = ImageRow(image_id="img_b", name="b", asset_id="asset_b", gone=True, refusal="gone")
    pair = PairRow(
        pair_id="pair_1", source="img_a", target="img_b", theirs="theirs", refusal="both"
    )
    other = PairRow(pair_id="pair_2", source="img_a", target="img_b", instruction="theirs")
    return Draft(revision=1, images=(mine, gone), pairs=(pair, other))


def keep(row: str, side: str) -> dict[str, Any]:
    table = "pairs" if row.startswith("pair") else "images"
    return {"op": "keep", "table": table, "row": row, "side": side}


@pytest.mark.parametrize(("side", "stands"), [("mine", "mine"), ("theirs", "theirs")])
def test_one_of_two_captions_is_kept_and_the_choice_can_be_taken_back(
    side: str, stands: str
) -> None:
    kept = done(both_wrote(), keep("img_a", side))
    row = kept.draft.image["img_a"]
    assert (row.caption, row.theirs, row.refusal) == (stands, None, "")
    assert undone(kept).image["img_a"] == both_wrote().image["img_a"]


def test_a_picture_removed_elsewhere_goes_or_is_added_again() -> None:
    assert "img_b" not in done(both_wrote(), keep("img_b", "theirs")).draft.image
    again = done(both_wrote(), keep("img_b", "mine"))
    assert again.draft.image["img_b"].state == "kept"
    assert undone(again).image["img_b"].gone


def test_of_two_pairs_of_the_same_pictures_one_stays() -> None:
    mine = done(both_wrote(), keep("pair_1", "mine"))
    assert [(r.instruction, r.refusal) for r in mine.draft.pairs] == [("", "")]
    assert content(undone(mine)) == content(both_wrote())
    assert undone(mine).pair["pair_1"].theirs == "theirs"
    theirs = done(both_wrote(), keep("pair_1", "theirs"))
    assert [r.pair_id for r in theirs.draft.pairs] == ["pair_2"]
    assert content(undone(theirs))[0] == content(both_wrote())[0]


def test_typing_anew_is_a_choice_too() -> None:
    typed = done(both_wrote(), caption("img_a", "new"))
    assert typed.draft.image["img_a"].theirs is None
    assert undone(typed).image["img_a"] == both_wrote().image["img_a"]


def test_neither_a_new_name_nor_the_same_caption_chooses() -> None:
    name = {"op": "set", "table": "images", "row": "img_a", "column": "name", "value": "c"}
    for op in (name, caption("img_a", "mine")):
        row = done(both_wrote(), op).draft.image["img_a"]
        assert (row.theirs, row.refusal) == ("theirs", "both")


def test_an_edit_that_is_taken_back_chooses_nothing_of_what_came_since() -> None:
    edit = done(both_wrote(), caption("img_a", "new"))
    since = edit.draft.with_images({"img_a": both_wrote().images[0]})
    back = done(since, *edit.inverse, trusted=True).draft.image["img_a"]
    assert (back.caption, back.theirs, back.refusal) == ("mine", "theirs", "both")


@pytest.mark.parametrize(
    ("op", "says"),
    [
        (keep("img_a", "yours"), "mine or theirs"),
        (keep("pair_2", "mine"), "nothing to choose"),
        (keep("img_c", "mine"), "no longer in the set"),
    ],
)
def test_a_choice_that_is_none_is_refused(op: Any, says: str) -> None:
    assert says in reason(done(both_wrote(), op))


# -- taking back, whatever was done -----------------------------------------------------------

IDS = ["img_a", "img_b", "img_c", "img_d", "img_gone"]
PAIRS = ["pair_1", "pair_2", "pair_3", "pair_gone"]
TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["a one", "e\u0301", "\udc80", "x" * 300]))
OPS = st.one_of(
    st.builds(
        lambda r, c, v: {"op": "set", "table": "images", "row": r, "column": c, "value": v},
        st.sampled_from(IDS),
        st.sampled_from(["name", "caption"]),
        TEXTS,
    ),
    st.builds(
        lambda r, c, v: {"op": "set", "table": "pairs", "row": r, "column": c, "value": v},
        st.sampled_from(PAIRS),
        st.sampled_from(["source", "target", "instruction"]),
        st.one_of(st.sampled_from(IDS), TEXTS),
    ),
    st.builds(
        lambda r, at, s, t: {
            "op": "insert",
            "table": "pairs",
            "row": r,
            "at": at,
            "values": {"source": s, "target": t, "instruction": "do"},
        },
        st.sampled_from(PAIRS),
        st.one_of(st.none(), st.integers(-2, 9)),
        st.sampled_from([*IDS, ""]),
        st.sampled_from([*IDS, ""]),
    ),
    st.builds(lambda r: {"op": "swap", "table": "pairs", "row": r}, st.sampled_from(PAIRS)),
    st.builds(lambda r: {"op": "delete", "table": "images", "row": r}, st.sampled_from(IDS)),
    st.builds(lambda r: {"op": "delete", "table": "pairs", "row": r}, st.sampled_from(PAIRS)),
    st.builds(
        lambda r, at: {"op": "move", "table": "pairs", "row": r, "at": at},
        st.sampled_from(PAIRS),
        st.integers(-2, 9),
    ),
    st.builds(
        lambda rows, by: {"op": "move", "table": "pairs", "rows": rows, "by": by},
        st.lists(st.sampled_from(PAIRS)),
        st.sampled_from([1, -1]),
    ),
    st.builds(
        lambda r, at: {"op": "move", "table": "images", "row": r, "at": at},
        st.sampled_from(IDS),
        st.integers(-2, 9),
    ),
    st.builds(
        lambda t, r, side: {"op": "keep", "table": t, "row": r, "side": side},
        st.sampled_from(["images", "pairs", "config"]),
        st.sampled_from([*IDS, *PAIRS, "epochs", "rank"]),
        st.sampled_from(["mine", "theirs", ""]),
    ),
    st.builds(
        lambda t, r, v: {"op": "offer", "table": t, "row": r, "value": v},
        st.sampled_from(["images", "pairs"]),
        st.sampled_from([*IDS, *PAIRS]),
        st.one_of(st.none(), st.sampled_from(["do", "another", 5])),
    ),
    st.builds(
        lambda r, v: {"op": "set", "table": "config", "row": r, "value": v},
        st.sampled_from(["epochs", "rank", "sample_prompts", "nope"]),
        st.one_of(st.none(), st.integers(-1, 200), st.lists(st.text(max_size=3), max_size=3)),
    ),
)


def start() -> Draft:
    return Draft(
        revision=3,
        images=tuple(
            ImageRow(
                image_id=i,
                name=f"{i}.png",
                caption="cafe\u0301 \r",
                content_hash=i,
                asset_id=f"asset_{i}" if i < "img_c" else None,
                attached=i < "img_b",
                theirs="another" if i == "img_a" else None,
                gone=i == "img_b",
                offered="offered" if i in ("img_a", "img_c") else None,
            )
            for i in IDS[:4]
        ),
        pairs=(
            PairRow(pair_id="pair_1", source="img_a", target="img_b", instruction="\ud800"),
            PairRow(pair_id="pair_2", source="img_c", target="img_d", theirs="do", offered="or"),
            PairRow(pair_id="pair_3", source="img_c", target="img_d", instruction="do"),
        ),
        config={"epochs": 12, "from_the_future": 1},
        config_theirs={"epochs": 9, "rank": 8},
        left_out=(ImageRow(image_id="img_z", name="z.png", content_hash="img_z"),),
        left_out_pairs=frozenset({("img_d", "img_a"), ("img_b", "img_a"), ("img_z", "img_a")}),
    )


@given(st.lists(st.lists(OPS, max_size=6), max_size=4))
def test_taking_back_restores_everything(batches: list[list[dict[str, Any]]]) -> None:
    draft = start()
    history: list[tuple[Any, tuple[Any, ...]]] = []
    for ops in batches:
        applied = done(draft, *ops)
        assert set(applied.accepted) | {r.op for r in applied.refused} == set(range(len(ops)))
        json.dumps([(r.op, r.value, r.reason) for r in applied.refused])
        history.append((content(draft), tuple(applied.inverse)))
        draft = applied.draft
    after = content(draft)
    redo: list[tuple[Any, ...]] = []
    for before, inverse in reversed(history):
        back = done(draft, *inverse, trusted=True)
        assert not back.refused
        assert back.draft.revision >= draft.revision
        draft = back.draft
        assert content(draft) == before
        redo.append(tuple(back.inverse))
    for inverse in reversed(redo):
        draft = done(draft, *inverse, trusted=True).draft
    assert content(draft) == after


@given(st.lists(OPS, max_size=6), st.integers(0, 5))
def test_rows_that_did_not_change_are_the_same_objects(ops: list[Any], base: int) -> None:
    before = start()
    after = done(before, *ops, base=base).draft
    for row in after.images:
        old = before.image.get(row.image_id)
        assert row is old or row != old or row.image_id in str(ops)
    ids = set(after.image)
    for pair in after.pairs:
        assert bool(pair.refusal) == (not {pair.source, pair.target} <= ids)


class TestLines:
    """Operations of one line are taken together or not at all."""

    def given(self) -> Draft:
        rows = tuple(ImageRow(image_id=f"img_{n}", name=f"{n}.png") for n in "abc")
        pairs = tuple(
            PairRow(pair_id=f"pair_{n}", source="img_a", target="img_b", instruction=f"{n}")
            for n in range(3)
        )
        return Draft(revision=1, images=rows, pairs=pairs)

    def line(self, n: int, **cells: str) -> list[dict[str, object]]:
        return [
            {
                "op": "set",
                "table": "pairs",
                "row": f"pair_{n}",
                "column": column,
                "value": value,
                "line": n,
            }
            for column, value in cells.items()
        ]

    @pytest.mark.parametrize("wrong", [{"target": "giraffe"}, {"target": "c.png"}])
    def test_a_line_with_one_wrong_cell_changes_nothing_and_the_others_are_taken(
        self, wrong: dict[str, str]
    ) -> None:
        draft = self.given()
        ops = [
            *self.line(0, source="c.png", instruction="first"),
            *self.line(1, source="c.png", **wrong, instruction="second"),
            *self.line(2, instruction="third"),
        ]
        applied = apply(draft, ops, base=1, type_name="flux.2-dev-edit-lora")
        assert [row.triple for row in applied.draft.pairs] == [
            ("img_c", "img_b", "first"),
            ("img_a", "img_b", "1"),
            ("img_a", "img_b", "third"),
        ]
        assert applied.accepted == (0, 1, 5)
        assert [r.op for r in applied.refused] == [2, 3, 4]
        assert [r.value for r in applied.refused] == ["img_a", "img_b", "1"]
        assert len({r.reason for r in applied.refused}) == 1
        assert applied.draft.touched.keys() == {
            "pairs/pair_0/source",
            "pairs/pair_0/instruction",
            "pairs/pair_2/instruction",
        }
        back = apply(applied.draft, applied.inverse, type_name="flux.2-dev-edit-lora", trusted=True)
        assert back.draft.pairs == draft.pairs

    def test_without_a_line_each_stands_by_itself(self) -> None:
        ops = [{**op, "line": None} for op in self.line(1, source="c.png", target="giraffe")]
        applied = apply(self.given(), ops, base=1, type_name="flux.2-dev-edit-lora")
        assert applied.accepted == (0,)

    def test_a_whole_table_of_wrong_lines_is_judged_in_one_more_pass(self) -> None:
        draft = self.given()
        ops = [op for n in range(3) for op in self.line(n, source="c.png", target="giraffe")]
        applied = apply(draft, ops, base=1, type_name="flux.2-dev-edit-lora")
        assert applied.draft is draft and len(applied.refused) == 6
