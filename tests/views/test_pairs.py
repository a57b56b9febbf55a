"""The pair table without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trainings import EDIT, StagedTraining, image, pair, training_of

from phoenix_nbtrain.errors import StoreError
from phoenix_nbtrain.widgets.pairs import PairTable


def opened(training: StagedTraining) -> tuple[PairTable, list[dict[str, Any]]]:
    table = PairTable(training)
    heard: list[dict[str, Any]] = []
    table.send = lambda content, buffers=None: heard.append(content)
    return table, heard


def training_of_two() -> StagedTraining:
    rows = [image(n, name=f"{n}.png") for n in ("a", "b", "c")]
    return training_of(rows, [pair(1, "a", "b"), pair(2, "b", "c", "")], type=EDIT)


def test_pairs_come_with_the_names_of_their_images() -> None:
    table, heard = opened(training_of_two())
    table._handle_custom_msg(
        {"id": "a", "kind": "rows", "table": "pairs", "start": 0, "stop": 9}, []
    )
    reply = heard.pop()
    assert reply["total"] == 2
    assert reply["rows"][0] == {
        "pair_id": "pair_1",
        "source": "img_a",
        "target": "img_b",
        "source_name": "a.png",
        "target_name": "b.png",
        "instruction": "colour it",
        "state": "saved",
        "reason": "",
        "theirs": None,
        "need": None,
    }
    assert table.summary["counts"]["uninstructed"] == 1
    assert table.summary["type"] == "flux.2-dev-edit-lora · pairs"


def test_a_pair_whose_image_is_gone_says_so() -> None:
    training = training_of_two()
    table, heard = opened(training)
    training.edit([{"op": "delete", "table": "images", "row": "img_a"}]).result()
    table._handle_custom_msg(
        {"id": "a", "kind": "rows", "table": "pairs", "start": 0, "stop": 9}, []
    )
    row = heard.pop()["rows"][0]
    assert (row["state"], row["source_name"]) == ("refused", "")
    assert "removed" in row["reason"] and table.summary["counts"]["refused"] == 1


def test_what_pairs_lack_is_counted_and_placed() -> None:
    rows = [image(n, name=f"{n}.png") for n in ("a", "b")]
    rows += [image("c", name="c.png", refusal="no"), replace(image("d"), width=9, height=9)]
    both = [
        pair(1, "a", "b"),
        pair(2, "a", "b"),
        replace(pair(3, "a", "b"), source=""),
        pair(4, "a", "x", ""),
        pair(5, "a", "a", "self"),
        pair(6, "a", "c", "refused"),
        pair(7, "a", "d", "small"),
    ]
    training = training_of(rows, both, type=EDIT)
    table, heard = opened(training)
    told = {need["text"]: (need["tone"], need["places"]) for need in table.summary["needs"]}
    assert told == {
        "1 without source": ("bad", [2]),
        "1 with a removed image": ("bad", [3]),
        "1 of an image with itself": ("bad", [4]),
        "1 with a refused image": ("bad", [5]),
        "1 without instruction": ("warn", [3]),
        "1 there twice": ("warn", [1]),
        "1 of different sizes": ("warn", [6]),
    }
    request = {"id": "a", "kind": "rows", "table": "pairs", "start": 0, "stop": 9}
    table._handle_custom_msg(request, [])
    needs = [row["need"] for row in heard.pop()["rows"]]
    assert needs[0] is None
    assert needs[2] == {
        "text": "no source yet",
        "tone": "warn",
        "why": "it has no source image yet",
    }
    assert needs[6]["why"] == "its images differ in size: 1024 × 768 → 9 × 9"
    attention = {"id": "b", "kind": "rows", "table": "pairs", "start": 0, "stop": 9}
    table._handle_custom_msg({**attention, "attention": True}, [])
    assert heard.pop()["total"] == 6


def test_a_pair_is_inserted_and_deleted_and_both_can_be_undone() -> None:
    training = training_of_two()
    table, heard = opened(training)
    values = {"source": "img_a", "target": "img_c", "instruction": "x"}
    insert = {"op": "insert", "table": "pairs", "row": "pair_9", "values": values}
    table._handle_custom_msg({"id": "a", "kind": "edit", "base": 1, "ops": [insert]}, [])
    delete = {"op": "delete", "table": "pairs", "row": "pair_1"}
    table._handle_custom_msg({"id": "b", "kind": "edit", "base": 2, "ops": [delete]}, [])
    assert [p.pair_id for p in training.state.draft.pairs] == ["pair_2", "pair_9"]
    for n in (3, 4):
        table._handle_custom_msg({"id": f"u{n}", "kind": "undo", "base": n}, [])
    assert [p.pair_id for p in training.state.draft.pairs] == ["pair_1", "pair_2"]
    assert all(reply["ok"] and not reply["refused"] for reply in heard)


def test_a_block_is_one_message_and_each_refused_cell_is_told() -> None:
    training = training_of_two()
    table, heard = opened(training)
    ops = [
        {"op": "insert", "table": "pairs", "row": "pair_9", "values": {"source": "", "target": ""}},
        {"op": "set", "table": "pairs", "row": "pair_9", "column": "source", "value": "a.png"},
        {"op": "set", "table": "pairs", "row": "pair_9", "column": "target", "value": "cc.png"},
        {"op": "swap", "table": "pairs", "row": "pair_1"},
    ]
    table._handle_custom_msg({"id": "a", "kind": "edit", "base": 1, "ops": ops}, [])
    reply = heard.pop()
    assert reply["accepted"] == [0, 1, 3]
    (refused,) = reply["refused"]
    assert refused["op"] == 2 and not refused["value"]
    assert "Did you mean c.png" in refused["reason"]
    assert training.state.draft.pair["pair_1"].triple == ("img_b", "img_a", "colour it")
    table._handle_custom_msg({"id": "b", "kind": "undo", "base": 2}, [])
    assert list(training.state.draft.pair) == ["pair_1", "pair_2"]


@pytest.mark.parametrize("name", sorted(PairTable.parts))
def test_each_part_is_a_module_that_exports_one_function(name: str) -> None:
    table, heard = opened(training_of_two())
    table._handle_custom_msg({"id": "a", "kind": "part", "name": name}, [])
    text = heard.pop()["text"]
    assert text.count("export default") == 1 and len(text.encode()) < 40 * 1024


def test_a_closed_table_lets_the_training_go() -> None:
    training = training_of_two()
    table, heard = opened(training)
    table.close()
    training.change(problem="late")
    assert training.hears == 0 and heard == []


def asked(training: StagedTraining, **request: Any) -> dict[str, Any]:
    table, heard = opened(training)
    table._handle_custom_msg({"id": "a", **request}, [])
    table.close()
    return heard.pop()


def test_a_template_is_previewed_and_changes_nothing() -> None:
    training = training_of_two()
    reply = asked(training, kind="template", text="{n} {source}", rows=["pair_2", "pair_x"])
    assert reply["rows"] == [{"row": "pair_2", "n": 2, "before": "", "after": "2 b"}]
    assert training.edits == 0
    wrong = asked(training, kind="template", text="{no}", rows=["pair_2"])
    assert "There is no {no}." in wrong["error"]["message"]
    for bad in ({"text": 5, "rows": []}, {"text": "x", "rows": "pair_1"}):
        assert not asked(training, kind="template", **bad)["ok"]


def test_a_file_is_read_and_written_on_the_kernels_side(tmp_path: Path) -> None:
    training = training_of_two()
    path = str(tmp_path / "pairs.csv")
    assert asked(training, kind="save pairs", path=path)["path"] == path
    text = Path(path).read_bytes().decode("utf-8-sig")
    assert asked(training, kind="pairs as text", format="csv")["text"] == text
    Path(path).write_text("source,target\na.png,c.png\n<b>,c.png\n")
    way = asked(training, kind="save pairs", path=path)
    assert "different content" in way["error"]["message"]
    reply = asked(training, kind="add pairs", path=path)
    assert reply["summary"] == "1 added, 1 refused" and reply["more"] == 0
    (row,) = reply["rows"]
    assert (row["line"], row["fate"], row["names"]) == (3, "refused", "<b> → c.png")
    assert asked(training, kind="save pairs", path=path, overwrite=True)["ok"]
    for bad in ({"path": ""}, {"path": 5}, {}):
        assert not asked(training, kind="add pairs", **bad)["ok"]


def test_a_file_of_thousands_is_told_in_part_and_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    lines = ["a.png,c.png,go", *(f"{n},b.png,go" for n in range(600))]
    path.write_text("\n".join(["source,target,instruction", *lines]))
    training = training_of_two()
    table, heard = opened(training)
    for _ in range(2):
        table._handle_custom_msg({"id": "1", "kind": "add pairs", "path": str(path)}, [])
    first, again = heard
    assert first == again and training.edits == 1
    assert len(first["rows"]) == 500 and first["more"] == 100
    assert all(row["fate"] == "refused" for row in first["rows"])


def test_refused_words_are_kept_within_a_bound_and_let_go_when_the_cell_is_set() -> None:
    training = training_of_two()
    table, heard = opened(training)

    def ask(**request: Any) -> dict[str, Any]:
        table._handle_custom_msg({"id": f"r{len(heard)}", **request}, [])
        return heard[-1]

    def put(row: str, value: str) -> dict[str, Any]:
        op = {"op": "set", "table": "pairs", "row": row, "column": "source", "value": value}
        return {**op, "base": training.state.draft.revision}

    ask(kind="edit", base=9, ops=[put("pair_1", "no such"), put("pair_2", "a.png")])
    (cell,) = ask(kind="refused", table="pairs")["cells"]
    assert (cell["row"], cell["column"], cell["value"]) == ("pair_1", "source", "no such")
    assert "There is no image no such" in cell["reason"]
    assert asked(training, kind="refused", table="pairs")["cells"] == [
        cell
    ]  # in each view of the training
    assert asked(training_of_two(), kind="refused", table="pairs")["cells"] == []  # and of no other
    ask(kind="edit", base=9, ops=[put("pair_1", "c.png")])
    assert ask(kind="refused", table="pairs")["cells"] == []
    ask(kind="edit", base=9, ops=[put(f"gone_{n}", "x") for n in range(1200)])
    assert len(ask(kind="refused", table="pairs")["cells"]) == 1000
    assert ask(kind="refused", table="pairs")["cells"] == []  # of rows that are gone: told once


def test_what_is_typed_is_offered_until_it_is_sent_or_let_go() -> None:
    training = training_of_two()
    cell = {"table": "pairs", "row": "pair_1", "column": "instruction"}

    def offered(table: str = "pairs") -> list[tuple[str, bool, bool]]:
        cells = asked(training, kind="refused", table=table)["cells"]
        return [(c["value"], c["typed"], c["there"]) for c in cells]

    asked(training, kind="typing", **cell, value="half a")
    asked(training, kind="typing", **cell, value="half a sent")
    assert offered() == offered() == [("half a sent", True, True)]
    assert offered("images") == []
    put = {"op": "set", **cell, "value": "half a sentence"}
    asked(training, kind="edit", base=1, ops=[put])
    assert offered() == []
    asked(training, kind="typing", **cell, value="again")
    asked(training, kind="let go", **cell)
    assert offered() == []
    asked(training, kind="typing", table="dialogs", row="", column="template", value="{n}. go")
    assert offered("dialogs") == offered("dialogs") == [("{n}. go", True, False)]


def test_what_is_typed_after_an_edit_was_sent_outlives_its_refusal() -> None:
    training = training_of_two()
    cell = {"table": "pairs", "row": "pair_1", "column": "source"}
    training.runner.hold = True
    table, _ = opened(training)
    ops = [{"op": "set", **cell, "value": "giraffe"}]
    table._handle_custom_msg({"id": "a", "kind": "edit", "base": 1, "ops": ops}, [])
    asked(training, kind="typing", **cell, value="c.pn")
    training.runner.release()
    (kept,) = asked(training, kind="refused", table="pairs")["cells"]
    assert (kept["value"], kept["typed"]) == ("c.pn", True)


def test_an_edit_that_failed_whole_is_offered_again() -> None:
    training = training_of_two()
    cell = {"table": "pairs", "row": "pair_1", "column": "instruction"}
    training.breaks(StoreError("The disk is full."))
    asked(training, kind="edit", base=1, ops=[{"op": "set", **cell, "value": "typed for long"}])
    (kept,) = asked(training, kind="refused", table="pairs")["cells"]
    assert kept["value"] == "typed for long" and "The disk is full." in kept["reason"]


def test_a_line_that_was_to_become_a_pair_is_offered_as_one_text() -> None:
    training = training_of_two()
    values = {"source": "a.png", "target": "giraffe", "instruction": "grow"}
    insert = {"op": "insert", "table": "pairs", "row": "pair_9", "values": values}
    asked(training, kind="edit", base=1, ops=[{**insert, "line": 0}, {**insert, "row": "pair_8"}])
    (kept,) = asked(training, kind="refused", table="pairs")["cells"]
    assert (kept["row"], kept["value"]) == ("pair_9", "a.png\tgiraffe\tgrow")
    assert asked(training, kind="refused", table="pairs")["cells"] == []


def test_undo_of_one_change_takes_no_other_back() -> None:
    training = training_of_two()
    cell = {"op": "set", "table": "pairs", "row": "pair_1", "column": "instruction"}
    first = asked(training, kind="edit", base=1, ops=[{**cell, "value": "first"}])["revision"]
    table = PairTable(training)
    assert table.summary["undoes"] == first
    second = asked(training, kind="edit", base=2, ops=[{**cell, "value": "second"}])["revision"]
    reply = asked(training, kind="undo", of=first)
    assert "Something else has changed since then" in reply["refused"][0]["reason"]
    assert training.state.draft.pair["pair_1"].instruction == "second"
    assert asked(training, kind="undo", of=second)["refused"] == []
    assert training.state.draft.pair["pair_1"].instruction == "first"
    assert asked(training, kind="undo", of=second)["refused"] != []


def test_what_the_service_refused_is_counted_and_asked_to_be_sent_again() -> None:
    training = training_of_two()
    service, person, lacking = (
        replace(pair(3, "a", "c"), refusal="Not today."),
        replace(pair(4, "a", "c"), refusal="Someone else wrote", theirs="theirs"),
        replace(pair(5, "a", "a"), refusal="its source and target are the same image"),
    )
    draft = training.state.draft
    training.change(draft=replace(draft, pairs=(*draft.pairs, service, person, lacking)))
    assert PairTable(training).summary["counts"]["retry"] == 1
    assert asked(training, kind="retry")["ok"]
    draft = training.state.draft
    states = [draft.pair_state(row) for row in draft.pairs[2:]]
    assert states == ["saved", "refused", "refused"]


def test_images_are_paired_by_their_names() -> None:
    rows = [image(n, name=f"{n}_{word}.png") for n in ("x", "y") for word in ("before", "after")]
    rows = [replace(row, image_id=f"img_{i}") for i, row in enumerate(rows)]
    training = training_of(rows, type=EDIT)
    assert asked(training, kind="pair up", instruction="go")["message"] == "2 pairs made."
    assert [row.instruction for row in training.state.draft.pairs] == ["go", "go"]
    assert "don't suggest any pairs" in asked(training_of_two(), kind="pair up")["error"]["message"]
