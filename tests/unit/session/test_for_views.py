"""What views call: nothing blocks, and what goes wrong reaches their future."""

from __future__ import annotations

import pytest

from phoenix_nbtrain.dataset.checks import check
from phoenix_nbtrain.errors import InputError, PairError


def test_two_selected_images_become_a_pair_that_can_be_taken_back(opened, icons):
    training = opened("flux.2-dev-edit-lora", images=icons)
    first, second, third, _ = training.images.index
    found, revision = training._session.pairs.pair_chosen([second, first]).result()
    assert len(found.ops) == 1 and revision == training.state.undoes
    assert training.pairs[["source", "target"]].to_numpy().tolist() == [[second, first]]
    training.undo()
    assert training.pairs.empty
    with pytest.raises(PairError, match="don't suggest any pairs"):
        training._session.pairs.pair_chosen([first, second, third]).result()
    assert training.pairs.empty


def test_undo_of_one_change_takes_no_other_back(opened, icons):
    training = opened(images=icons)
    first, second, *_ = training.images.index
    training.set_captions({first: "a fox"})
    made = training.state.undoes
    assert made == training.state.draft.revision
    training.set_captions({second: "a cat"})
    (refusal,) = training._session.editing.undo(made).result().refused
    assert "Something else has changed since then" in refusal.reason
    assert training.images["caption"].tolist()[:2] == ["a fox", "a cat"]
    training.undo()
    assert training.state.undoes == made
    assert training._session.editing.undo(made).result().refused == ()
    assert training.images["caption"].tolist()[:2] == ["", ""]
    assert training._session.editing.undo(made).result().refused != ()
    training.redo()
    assert training.state.undoes == training.state.draft.revision > made


def test_an_image_replaced_behind_keeps_its_caption_and_can_be_taken_back(opened, icons, tmp_path):
    training = opened()
    one, other, *_ = sorted(icons.glob("*.png"))
    training.add_images(one)
    (row,) = training.images.index
    training.set_captions({row: "mine"})
    before = training.state.draft.images[0].content_hash
    training._session.behind("replace", training._session.adding.replace, row, str(other)).result()
    replaced = training.state.draft.images[0]
    assert (replaced.image_id, replaced.caption) == (row, "mine")
    assert replaced.content_hash != before
    training.undo()
    assert training.state.draft.images[0].content_hash == before
    with pytest.raises(InputError):
        training._session.behind(
            "replace", training._session.adding.replace, row, str(tmp_path / "missing.png")
        ).result()
    assert training.state.draft.images[0].content_hash == before


def test_findings_are_what_check_tells(opened, icons):
    training = opened(images=icons)
    findings = training._session.findings()
    assert findings == check(training.state.draft, training.type) and findings
    assert training.check()["kind"].tolist() == [finding.kind for finding in findings]
