"""Edits: what is accepted, what is refused and why, and that undo restores everything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dataset.drafts import HOSTILE, TYPE, caption, done, image, op, pair, put

from phoenix_nbtrain.dataset.edits import PAIRS_MAX, Applied, apply, insert_images
from phoenix_nbtrain.draft import Draft, cell


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


def captions(draft: Draft) -> list[str]:
    return [row.caption for row in draft.images]


def reason(applied: Applied) -> str:
    """Why the only edit was refused."""
    (refusal,) = applied.refused
    assert not applied.accepted
    assert len(refusal.reason) <= 200
    return refusal.reason


# -- cells and revisions ----------------------------------------------------------------------


def test_a_caption_is_set_and_the_old_draft_stays(draft: Draft) -> None:
    applied = done(draft, caption("img_a", "new"), base=7)
    assert applied.accepted == (0,)
    assert applied.draft.image["img_a"].caption == "new"
    assert applied.draft.revision == 8
    assert applied.draft.touched[cell("images", "img_a", "caption")] == 8
    assert draft.image["img_a"].caption == "a one"
    assert applied.draft.images[1] is draft.images[1]


def test_an_edit_clears_the_refusal_of_its_row(draft: Draft) -> None:
    refused = draft.with_images({"img_a": replace(draft.image["img_a"], refusal="too long")})
    for edit in (caption("img_a", "short"), put("img_a", "name", "b.png")):
        assert done(refused, edit).draft.image["img_a"].state == "kept"


def test_a_cell_that_changed_since_it_was_read_is_refused_with_what_it_holds(draft: Draft) -> None:
    later = done(draft, caption("img_a", "theirs"), caption("img_b", "theirs")).draft
    stale = done(later, caption("img_a", "mine"), base=7)
    assert "in the meantime" in reason(stale)
    assert stale.refused[0].value == "theirs"
    assert stale.draft is later
    other = done(later, caption("img_c", "mine"), base=7)
    assert captions(other.draft)[:3] == ["theirs", "theirs", "mine"]
    assert done(later, caption("img_a", "theirs"), base=7).accepted == (0,), "the same text"
    # Each cell of a pasted block may have been read at a revision of its own.
    block = done(later, caption("img_a", "mine", base=8), caption("img_b", "mine", base=7), base=8)
    assert (block.accepted, [r.op for r in block.refused]) == ((0,), [1])
    assert captions(block.draft)[:2] == ["mine", "theirs"]


@pytest.mark.parametrize("base", [9, "8", None, True])
def test_a_revision_that_never_was_is_refused(draft: Draft, base: Any) -> None:
    assert "Reload" in reason(done(draft, caption("img_a", "x", base=base), base=7))
    assert "Reload" in reason(done(draft, caption("img_a", "x"), base=8))


@pytest.mark.parametrize(
    "edit",
    [
        op("delete", "img_a"),
        op("move", "pair_1", at=1),
        op("insert", "pair_9", at=None, values={"source": "img_a", "target": "img_c"}),
    ],
)
def test_only_cells_may_be_edited_on_an_older_revision(draft: Draft, edit: Any) -> None:
    assert "try again" in reason(done(draft, edit, base=6))
    assert done(draft, edit, base=7).accepted == (0,)


def test_each_edit_is_accepted_or_refused_by_itself(draft: Draft) -> None:
    applied = done(
        draft, *(caption(f"img_{row}", text) for row, text in ("ax", "zx", "by", "az")), base=7
    )
    assert applied.accepted == (0, 2, 3)
    assert [r.op for r in applied.refused] == [1]
    assert captions(applied.draft)[:2] == ["z", "y"], "one message may set a cell twice"
    assert content(undone(applied)) == content(draft)


# -- texts ------------------------------------------------------------------------------------


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


def test_a_caption_is_composed_and_keeps_its_lines_up_to_64_kib(draft: Draft) -> None:
    for typed, kept in (("cafe\u0301\r\nline  two ", "caf\u00e9\nline  two "), ("x" * 65_536,) * 2):
        assert done(draft, caption("img_a", typed)).draft.image["img_a"].caption == kept


@pytest.mark.parametrize("text", [*HOSTILE, "</script>", "e\u0301.png", "=HYPERLINK('http://x')"])
def test_hostile_words_are_kept_as_the_text_they_are(draft: Draft, text: str) -> None:
    after = done(draft, caption("img_b", text), put("img_a", "name", text)).draft
    assert after.image["img_a"].name == text
    assert after.image["img_b"].caption == text.replace("e\u0301", "é")


@pytest.mark.parametrize("value", ["", "  ", "a\nb", "x" * 256, "é" * 150, "\udcff.png", 7, None])
def test_a_name_that_cannot_be_kept_is_refused(draft: Draft, value: Any) -> None:
    applied = done(draft, put("img_a", "name", value))
    assert reason(applied)
    assert applied.refused[0].value == "a.png"


SIDES = {"source": "img_a", "target": "img_b"}


@pytest.mark.parametrize(
    "edit",
    [
        None,
        5,
        "set",
        [],
        {},
        {"op": "set"},
        {"op": "drop", "table": "images"},
        {"op": ["set"], "table": {"a": 1}},
        {"op": "insert", "table": "images", "row": None, "values": {}},
        {"op": "delete", "table": "images", "row": None},
        put("img_a", "asset_id", "asset_x"),
        op("set", "img_a", column="caption"),
        {**caption("img_a", "x"), "row": ["img_a"]},
        {**caption("img_a", "x"), "column": ["caption"]},
        op("delete", "epochs"),
        op("move", "pair_1"),
        op("move", "pair_1", at="first"),
        {"op": "insert", "table": "pairs", "row": "x", "at": 0, "values": SIDES},
        op("insert", "pair_1", at=0, values=SIDES),
        op("insert", "pair_9", at=0, values={}),
        op("insert", "pair_9", at=0, values=None),
        op("set", 5, value=5),
        op("set", "no_such", value=5),
    ],
)
def test_what_is_no_edit_is_refused_and_raises_nothing(draft: Draft, edit: Any) -> None:
    applied = done(draft, edit)
    assert reason(applied)
    assert applied.draft is draft


@pytest.mark.parametrize("ops", [None, "set", {"op": "set"}, 5])
def test_what_is_no_list_of_edits_is_refused(draft: Draft, ops: Any) -> None:
    assert reason(apply(draft, ops, type_name=TYPE))


# -- images removed and restored --------------------------------------------------------------


def test_a_deleted_image_leaves_its_pairs_with_a_reason(draft: Draft) -> None:
    applied = done(draft, op("delete", "img_b"))
    gone = applied.draft
    assert list(gone.image) == ["img_a", "img_c", "img_d"]
    assert gone.pair["pair_1"].refusal == "its target image was removed"
    assert gone.pair["pair_2"].refusal == ""
    assert gone.removed == {"asset_bbbbbbbb"}
    assert content(undone(applied)) == content(draft)

    worded = done(gone, put("pair_1", "instruction", "x")).draft
    assert worded.pair["pair_1"].refusal == "its target image was removed"
    fixed = done(gone, put("pair_1", "target", "img_c"))
    assert fixed.draft.pair["pair_1"].refusal == ""
    assert content(undone(fixed)) == content(gone)


def test_a_restored_image_that_the_service_let_go_is_attached_again(draft: Draft) -> None:
    applied = done(draft, op("delete", "img_b"))
    synced = replace(applied.draft, removed=frozenset())
    row = done(synced, *applied.inverse, trusted=True).draft.image["img_b"]
    assert (row.asset_id, row.attached) == ("asset_bbbbbbbb", False)


def test_a_browser_restores_nothing(draft: Draft) -> None:
    rows = [replace(draft.image["img_a"], image_id="img_new", content_hash="zz")]
    restore = op("restore", "img_new", at=0, rows=rows)
    assert "no edit" in reason(done(draft, restore))
    assert done(draft, restore, trusted=True).accepted == (0,)
    assert reason(done(draft, {**restore, "rows": [{"image_id": "img_x"}]}, trusted=True))


def test_inserted_images_are_taken_back_together_and_none_is_doubled(draft: Draft) -> None:
    rows = [image(f"n{i}.png", content_hash=f"n{i}") for i in "12"]
    applied = insert_images(draft, rows, at=1)
    assert list(applied.draft.image) == ["img_a", "img_n1", "img_n2", "img_b", "img_c", "img_d"]
    assert applied.draft.revision == 8
    assert content(undone(applied)) == content(draft)
    assert "already" in reason(insert_images(draft, [image("x.png", content_hash="aa")]))


def test_an_asset_that_is_added_again_after_its_removal_is_not_removed_later(draft: Draft) -> None:
    gone = done(draft, op("delete", "img_b")).draft
    assert not insert_images(gone, [image("b2.png", asset_id="asset_bbbbbbbb")]).draft.removed


def test_an_asset_is_removed_there_even_where_no_reply_said_that_it_was_added() -> None:
    draft = Draft(images=(image("x.png", asset_id="asset_xxxxxxxx", attached=False),))
    gone = done(draft, op("delete", "img_x"))
    assert gone.draft.removed == {"asset_xxxxxxxx"}
    assert undone(gone).removed == frozenset()


# -- pairs ------------------------------------------------------------------------------------


def test_an_image_is_never_its_own_target(draft: Draft) -> None:
    applied = done(draft, put("pair_1", "source", "img_b"))
    assert "same image" in reason(applied)
    assert applied.refused[0].value == "img_a"
    insert = op("insert", "pair_9", values={"source": "img_a", "target": "img_a"})
    assert "same" in reason(done(draft, insert))


@pytest.mark.parametrize("value", ["img_zz", None, 5, "../../secret", "x" * 70_000])
def test_a_side_that_names_no_image_is_refused(draft: Draft, value: Any) -> None:
    assert reason(done(draft, put("pair_1", "source", value)))


@pytest.mark.parametrize("value", ["d.png", "d", "props/d.png", "img_d"])
def test_a_side_may_be_anything_that_names_one_image(draft: Draft, value: str) -> None:
    side, rename = put("pair_1", "source", value), put("img_c", "name", "x.png")
    assert done(draft, side).draft.pair["pair_1"].source == "img_d"
    renamed = done(draft, side, rename, put("pair_1", "source", "x.png")).draft
    assert renamed.pair["pair_1"].source == "img_c"


@pytest.mark.parametrize("near", ["girafe.png", "girafe", "GIRAFFE.PNG"])
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
    draft: Draft, near: str
) -> None:
    draft = replace(draft, images=(*draft.images, image("giraffe.png")))
    assert reason(done(draft, put("pair_1", "source", near))).endswith("Did you mean giraffe.png?")


def test_both_sides_may_change_places_one_after_the_other(draft: Draft) -> None:
    swapped = done(draft, put("pair_1", "source", "img_b"), put("pair_1", "target", "img_a"))
    assert swapped.accepted == (0, 1)
    assert swapped.draft.pair["pair_1"].triple == ("img_b", "img_a", "turn")
    assert content(undone(swapped)) == content(draft)


def test_sides_that_end_as_one_image_are_taken_back_and_nothing_else(draft: Draft) -> None:
    half = done(
        draft,
        put("pair_1", "source", "img_c"),
        put("pair_1", "instruction", "new"),
        put("pair_1", "target", "img_c"),
    )
    assert half.accepted == (1,)
    assert [(r.op, r.value) for r in half.refused] == [(0, "img_a"), (2, "img_b")]
    assert half.draft.pair["pair_1"].triple == ("img_a", "img_b", "new")
    later = done(half.draft, put("pair_1", "source", "img_d"), base=draft.revision)
    assert later.accepted == (0,), "the source was not touched"
    assert content(undone(half)) == content(draft)


def test_a_pair_may_begin_empty_and_says_what_it_lacks(draft: Draft) -> None:
    values = {"source": "", "target": "", "instruction": "turn"}
    begun = done(draft, op("insert", "pair_9", values=values))
    assert begun.draft.pair["pair_9"].refusal == "it has no source image yet"
    half = done(begun.draft, put("pair_9", "source", "a.png")).draft
    assert half.pair["pair_9"].refusal == "it has no target image yet"
    whole = done(half, put("pair_9", "target", "b.png")).draft
    assert whole.pair["pair_9"].refusal == ""
    assert content(undone(begun)) == content(draft)


def test_a_swap_changes_the_sides_and_keeps_the_rest(draft: Draft) -> None:
    swap = op("swap", "pair_1")
    applied = done(draft, swap)
    row = applied.draft.pair["pair_1"]
    assert row == replace(draft.pair["pair_1"], source="img_b", target="img_a")
    assert content(undone(applied)) == content(draft)
    later = done(draft, put("pair_1", "target", "img_c")).draft
    late = done(later, swap, base=draft.revision)
    assert "in the meantime" in reason(late) and late.draft is later
    assert done(later, swap, base=later.revision).accepted == (0,)


def test_a_pair_is_inserted_where_it_was_put(draft: Draft) -> None:
    values = {"source": "img_a", "target": "img_d", "instruction": "e\u0301"}
    insert = op("insert", "pair_new", at=1, values=values)
    applied = done(draft, insert, base=7)
    assert list(applied.draft.pair) == ["pair_1", "pair_new", "pair_2"]
    assert applied.draft.pair["pair_new"].instruction == "é"
    assert content(undone(applied)) == content(draft)
    assert "already" in reason(done(applied.draft, insert))


def test_there_are_never_more_pairs_than_a_draft_takes(draft: Draft) -> None:
    insert = {"op": "insert", "table": "pairs", "row": None, "at": None, "values": SIDES}
    applied = done(draft, *[insert] * PAIRS_MAX)
    assert len(applied.draft.pairs) == PAIRS_MAX
    assert len(applied.refused) == 2


@pytest.mark.parametrize(
    ("rows", "by", "order"),
    [
        ("cb", -1, "bcad"),
        ("ac", 1, "badc"),
        ("abd", -1, "abdc"),  # the first stay
        ("bd", 1, "acbd"),
    ],
)
def test_chosen_rows_move_together_past_the_others(
    draft: Draft, rows: str, by: int, order: str
) -> None:
    applied = done(draft, op("move", "img_a", rows=[f"img_{row}" for row in rows], by=by))
    assert list(applied.draft.image) == [f"img_{row}" for row in order]
    assert content(undone(applied)) == content(draft)


@pytest.mark.parametrize(
    ("rows", "by"),
    [(["img_zz"], 1), ("img_a", 1), (["img_a"], 2), ([5], 1), (["img_a"], None)],
)
def test_a_move_of_no_rows_or_too_far_is_refused(draft: Draft, rows: Any, by: Any) -> None:
    assert reason(done(draft, op("move", "img_a", rows=rows, by=by)))


def test_a_parameter_is_checked_by_the_catalog(draft: Draft) -> None:
    def config(name: str, value: Any) -> Applied:
        return done(draft, op("set", name, value=value))

    assert dict(config("rank", 32).draft.config) == {"epochs": 12, "rank": 32}
    assert dict(config("nbEpochs", 14).draft.config) == {"epochs": 14}
    for default in (None, 10):
        assert dict(config("epochs", default).draft.config) == {}
    assert dict(undone(config("epochs", None)).config) == {"epochs": 12}
    over = config("epochs", 10_000)
    assert "1 to 100" in reason(over)
    assert over.refused[0].value == 12
    assert "learning_rate" in reason(config("lr", 1e-4))
    assert "epochs" in reason(config("nb_epochs", 14))


# -- lines: edits that are accepted together or not at all ------------------------------------


def three_pairs() -> Draft:
    rows = tuple(image(f"{name}.png") for name in "abc")
    return Draft(revision=1, images=rows, pairs=tuple(pair(n, "a", "b", f"{n}") for n in range(3)))


def line(n: int, **cells: str) -> list[dict[str, Any]]:
    return [put(f"pair_{n}", column, value, line=n) for column, value in cells.items()]


@pytest.mark.parametrize("target", ["giraffe", "c.png"])
def test_a_line_with_one_wrong_cell_changes_nothing_and_the_others_are_accepted(
    target: str,
) -> None:
    draft = three_pairs()
    applied = done(
        draft,
        *line(0, source="c.png", instruction="first"),
        *line(1, source="c.png", target=target, instruction="second"),
        *line(2, instruction="third"),
        base=1,
    )
    assert [row.triple for row in applied.draft.pairs] == [
        ("img_c", "img_b", "first"),
        ("img_a", "img_b", "1"),
        ("img_a", "img_b", "third"),
    ]
    assert applied.accepted == (0, 1, 5)
    assert [(r.op, r.value) for r in applied.refused] == [(2, "img_a"), (3, "img_b"), (4, "1")]
    assert len({r.reason for r in applied.refused}) == 1
    assert applied.draft.touched.keys() == {
        "pairs/pair_0/source",
        "pairs/pair_0/instruction",
        "pairs/pair_2/instruction",
    }
    assert undone(applied).pairs == draft.pairs


def test_edits_without_a_line_are_judged_by_themselves() -> None:
    ops = [{**edit, "line": None} for edit in line(1, source="c.png", target="giraffe")]
    assert done(three_pairs(), *ops, base=1).accepted == (0,)


def test_where_every_line_is_wrong_nothing_changes() -> None:
    draft = three_pairs()
    wrong = [edit for n in range(3) for edit in line(n, source="c.png", target="giraffe")]
    applied = done(draft, *wrong, base=1)
    assert applied.draft is draft and len(applied.refused) == 6


# -- where somebody else changed the same -----------------------------------------------------


def both_wrote() -> Draft:
    mine = image("a.png", caption="mine", attached=True, theirs="theirs", refusal="both")
    gone = image("b.png", asset_id="asset_b", gone=True, refusal="gone")
    pairs = pair(1, "a", "b", theirs="theirs", refusal="both"), pair(2, "a", "b", "theirs")
    return Draft(revision=1, images=(mine, gone), pairs=pairs)


@pytest.mark.parametrize(
    ("edit", "stands"),
    [
        (op("keep", "img_a", side="mine"), "mine"),
        (op("keep", "img_a", side="theirs"), "theirs"),
        (caption("img_a", "new"), "new"),  # typing anew is a choice, too
    ],
)
def test_one_of_two_captions_is_kept_and_the_choice_can_be_undone(edit: Any, stands: str) -> None:
    kept = done(both_wrote(), edit)
    row = kept.draft.image["img_a"]
    assert (row.caption, row.theirs, row.refusal) == (stands, None, "")
    assert undone(kept).image["img_a"] == both_wrote().image["img_a"]


@pytest.mark.parametrize("edit", [put("img_a", "name", "c"), caption("img_a", "mine")])
def test_neither_a_new_name_nor_the_same_caption_chooses(edit: Any) -> None:
    row = done(both_wrote(), edit).draft.image["img_a"]
    assert (row.theirs, row.refusal) == ("theirs", "both")


def test_an_undo_chooses_nothing_of_what_came_since() -> None:
    edit = done(both_wrote(), caption("img_a", "new"))
    since = edit.draft.with_images({"img_a": both_wrote().images[0]})
    back = done(since, *edit.inverse, trusted=True).draft.image["img_a"]
    assert (back.caption, back.theirs, back.refusal) == ("mine", "theirs", "both")


def test_an_image_removed_elsewhere_goes_or_is_added_again() -> None:
    assert "img_b" not in done(both_wrote(), op("keep", "img_b", side="theirs")).draft.image
    again = done(both_wrote(), op("keep", "img_b", side="mine"))
    assert again.draft.image["img_b"].state == "kept"
    assert undone(again).image["img_b"].gone


def test_of_two_pairs_of_the_same_images_one_stays() -> None:
    mine = done(both_wrote(), op("keep", "pair_1", side="mine"))
    assert [(r.instruction, r.refusal) for r in mine.draft.pairs] == [("", "")]
    assert content(undone(mine)) == content(both_wrote())
    assert undone(mine).pair["pair_1"].theirs == "theirs"
    theirs = done(both_wrote(), op("keep", "pair_1", side="theirs"))
    assert list(theirs.draft.pair) == ["pair_2"]
    assert content(undone(theirs))[0] == content(both_wrote())[0]


@pytest.mark.parametrize(
    ("row", "side", "says"),
    [
        ("img_a", "yours", "mine or theirs"),
        ("pair_2", "mine", "nothing to choose"),
        ("img_c", "mine", "no longer in the dataset"),
    ],
)
def test_a_choice_that_is_none_is_refused(row: str, side: str, says: str) -> None:
    assert says in reason(done(both_wrote(), op("keep", row, side=side)))


# -- undo, whatever was done ------------------------------------------------------------------

IDS = ["img_a", "img_b", "img_c", "img_d", "img_gone"]
IMAGE, PAIR = st.sampled_from(IDS), st.sampled_from(["pair_1", "pair_2", "pair_3", "pair_gone"])
TEXT = st.one_of(st.text(max_size=5), st.sampled_from(["a one", "e\u0301", "\udc80", "x" * 300]))
AT = st.integers(-2, 9)
CHOICE = st.sampled_from(["mine", "theirs", ""])
OFFER = st.sampled_from([None, "do", "another", 5])
VALUE = st.one_of(st.none(), st.integers(-1, 200), st.lists(st.text(max_size=3), max_size=3))


def of(**parts: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(parts)


def edits(kind: str, row: Any, **rest: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(row, of(**rest)).map(lambda drawn: op(kind, drawn[0], **drawn[1]))


OPS = st.one_of(
    edits("set", IMAGE, column=st.sampled_from(["name", "caption"]), value=TEXT),
    edits(
        "set",
        PAIR,
        column=st.sampled_from(["source", "target", "instruction"]),
        value=IMAGE | TEXT,
    ),
    edits("set", st.sampled_from(["epochs", "rank", "sample_prompts", "nope"]), value=VALUE),
    edits(
        "insert",
        PAIR,
        at=st.none() | AT,
        values=of(
            source=IMAGE | st.just(""), target=IMAGE | st.just(""), instruction=st.just("do")
        ),
    ),
    edits("swap", PAIR),
    edits("delete", IMAGE | PAIR),
    edits("move", IMAGE | PAIR, at=AT),
    edits("move", PAIR, rows=st.lists(PAIR), by=st.sampled_from([1, -1])),
    edits("keep", IMAGE | PAIR | st.sampled_from(["epochs", "rank"]), side=CHOICE),
    edits("offer", IMAGE | PAIR, value=OFFER),
)


def start() -> Draft:
    """A draft in which each row is in a state of its own."""
    a, b, c, d = (
        image(f"{n}.png", caption="cafe\u0301 \r", content_hash=f"img_{n}") for n in "abcd"
    )
    return Draft(
        revision=3,
        images=(
            replace(a, asset_id="asset_a", attached=True, theirs="another", offered="offered"),
            replace(b, asset_id="asset_b", gone=True),
            replace(c, offered="offered"),
            d,
        ),
        pairs=(
            pair(1, "a", "b", "\ud800"),
            pair(2, "c", "d", theirs="do", offered="or"),
            pair(3, "c", "d", "do"),
        ),
        config={"epochs": 12, "from_the_future": 1},
        config_theirs={"epochs": 9, "rank": 8},
        left_out=(image("z.png", content_hash="img_z"),),
        left_out_pairs=frozenset({("img_d", "img_a"), ("img_b", "img_a"), ("img_z", "img_a")}),
    )


@given(st.lists(st.lists(OPS, max_size=6), max_size=4))
def test_undo_restores_everything_and_redo_repeats_it(batches: list[list[dict[str, Any]]]) -> None:
    draft = start()
    history = []
    for ops in batches:
        applied = done(draft, *ops)
        assert set(applied.accepted) | {r.op for r in applied.refused} == set(range(len(ops)))
        json.dumps([(r.op, r.value, r.reason) for r in applied.refused])
        history.append((content(draft), applied.inverse))
        draft = applied.draft
    after, redo = content(draft), []
    for before, inverse in reversed(history):
        back = done(draft, *inverse, trusted=True)
        assert not back.refused
        assert back.draft.revision >= draft.revision
        draft = back.draft
        assert content(draft) == before
        redo.append(back.inverse)
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
    for row in after.pairs:
        assert bool(row.refusal) == (not {row.source, row.target} <= ids)
