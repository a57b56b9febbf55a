"""Pairs of a training from files, by sentences for many, and without waiting."""

from __future__ import annotations

import pytest

from phoenix_nbtrain.errors import InputError, PairError

EDIT = "flux.2-dev-edit-lora"


def test_pairs_go_to_a_file_and_come_from_one_in_one_step(opened, icons, tmp_path):
    training = opened(type=EDIT, images=icons)
    names = training.images["name"].tolist()
    report = training.add_pairs(
        [
            {"source": names[0], "target": names[1], "instruction": "=paint"},
            {"source": names[2], "target": "nothing.png"},
        ]
    )
    assert report.summary == "1 added, 1 refused"
    path = training.save_pairs(tmp_path / "pairs.csv")
    assert training._session.pairs.text("csv") == path.read_bytes().decode("utf-8-sig")
    before = training.state.draft.pairs
    training.undo()
    assert training.state.draft.pairs == ()
    assert (
        training._session.behind("pairs", training._session.pairs.add, path).result().count("added")
        == 1
    )
    assert [row.triple for row in training.state.draft.pairs] == [row.triple for row in before]
    other = training._session.behind(
        "pairs", training._session.pairs.save, str(tmp_path / "pairs.jsonl")
    ).result()
    assert training.add_pairs(other).summary == "1 already there"
    with pytest.raises(InputError, match="does not exist"):
        training.add_pairs(tmp_path / "gone.csv")


def test_one_sentence_is_written_over_all_pairs_and_undone(opened, icons):
    training = opened(type=EDIT, images=icons)
    names = training.images["name"].tolist()
    sides = [(0, 1), (1, 2)]
    training.add_pairs([{"source": names[a], "target": names[b]} for a, b in sides])
    training.set_instructions("{n}: {source}")
    first = training.pairs["instruction"].tolist()
    assert first == [f"{n}: {names[n - 1].rpartition('.')[0]}" for n in (1, 2)]
    training.set_instructions("x", [training.pairs.index[1]])
    assert training.pairs["instruction"].tolist() == [first[0], "x"]
    training.undo()
    assert training.pairs["instruction"].tolist() == first
    with pytest.raises(InputError, match="source_caption"):
        training.set_instructions("{nope}")


def test_names_that_tell_of_no_pairs_say_so_to_who_does_not_wait(opened, icons):
    training = opened(type=EDIT, images=icons)
    with pytest.raises(PairError, match="don't suggest any pairs"):
        training._session.behind("pairs", training._session.pairs.pair_up).result()
