"""The three-way merge, case by case: agreed on last, ours, theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.records import Model, TrainingImage, TrainingPair
from phoenix_nbtrain.session.merge import captioned, merge

ALL = frozenset({"trainingImages", "trainingImagePairs", "parameters"})
TYPE = "flux.2-dev-edit-lora"


def image(number: int, **fields: Any) -> ImageRow:
    given = {
        "image_id": f"img_{number}",
        "name": f"{number}.png",
        "asset_id": f"asset_{number}",
        "attached": True,
        "served_caption": "",
    }
    return ImageRow(**(given | fields))


def served(number: int, **fields: Any) -> TrainingImage:
    return TrainingImage(**({"id": f"asset_{number}", "name": f"{number}.png"} | fields))


def model(*said: str, **fields: Any) -> Model:
    """Return a model whose reply held these keys only."""
    return Model(id="m", type=TYPE, left_out=ALL - set(said), **fields)


def with_images(*images: TrainingImage) -> Model:
    return model("trainingImages", training_images=images)


def with_pairs(*triples: tuple[int, int, str]) -> Model:
    pairs = tuple(
        TrainingPair(source_id=f"asset_{a}", target_id=f"asset_{b}", instruction=text)
        for a, b, text in triples
    )
    return model("trainingImagePairs", training_image_pairs=pairs)


def with_parameters(**parameters: Any) -> Model:
    return model("parameters", parameters=parameters)


class TestWhole:
    def test_a_reply_that_holds_nothing_changes_nothing(self):
        draft = Draft(
            images=(image(1, caption="c"),), pairs=(PairRow(pair_id="p", source="", target=""),)
        )
        assert merge(draft, model()) is draft

    def test_what_was_agreed_on_already_is_the_same_object(self):
        draft = Draft(
            images=(image(1, caption="c", served_caption="c"),), served_config={}, served_pairs=()
        )
        said = replace(with_images(served(1, description="c")), left_out=frozenset())
        assert merge(draft, said) is draft

    def test_a_change_of_what_nobody_typed_is_no_new_revision(self):
        draft = Draft(revision=7, images=(image(1, attached=False),))
        merged = merge(draft, with_images(served(1)))
        assert merged.images[0].attached
        assert (merged.revision, dict(merged.touched)) == (7, {})

    def test_each_cell_that_they_changed_is_touched_and_no_other(self):
        draft = Draft(
            revision=7,
            touched={"images/img_1/caption": 2, "images/img_9/name": 3},
            images=(image(1), image(2, name="asset_2"), image(3)),
            config={"epochs": 3, "rank": 8},
            served_config={"epochs": 3, "rank": 8},
        )
        said = replace(
            with_images(served(1, description="theirs"), served(2), served(3)),
            parameters={"nbEpochs": 5, "rank": 8},
            left_out=frozenset({"trainingImagePairs"}),
        )
        merged = merge(draft, said)
        assert merged.revision == 8
        assert dict(merged.touched) == {
            "images/img_1/caption": 8,
            "images/img_9/name": 3,
            "images/img_2/name": 8,
            "config/epochs/value": 8,
        }


class TestImages:
    def test_one_of_somebody_else_comes_as_it_is_there(self):
        theirs = served(5, description="theirs", automatic_captioning="auto")
        (row,) = merge(Draft(), with_images(theirs)).images
        assert row == ImageRow(
            image_id=row.image_id,
            name="5.png",
            caption="theirs",
            automatic_caption="auto",
            asset_id="asset_5",
            attached=True,
            served_caption="theirs",
        )
        assert row.image_id.startswith("img_")
        (nameless,) = merge(Draft(), with_images(served(5, name=""))).images
        assert nameless.name == "asset_5"

    def test_one_that_we_took_out_stays_out_until_it_is_gone_there(self):
        draft = Draft(images=(image(1),), removed=frozenset({"asset_2", "asset_3"}))
        merged = merge(draft, with_images(served(1), served(2)))
        assert [row.image_id for row in merged.images] == ["img_1"]
        assert merged.removed == {"asset_2"}

    def test_one_that_somebody_took_out_waits(self):
        draft = Draft(
            images=(image(1), image(2, attached=False), image(3, asset_id=None, attached=False))
        )
        gone, never, new = merge(draft, with_images()).images
        assert (gone.attached, gone.gone) == (False, True)
        assert gone.refusal == "Someone removed it on the service"
        assert (never, new) == draft.images[1:]

    @pytest.mark.parametrize(
        ("name", "theirs", "left"),
        [
            ("asset_1", "cup.png", "cup.png"),
            ("mine.png", "cup.png", "mine.png"),
            ("asset_1", "", "asset_1"),
        ],
    )
    def test_a_name_comes_from_there_only_where_there_was_none(self, name, theirs, left):
        draft = Draft(images=(image(1, name=name),))
        assert merge(draft, with_images(served(1, name=theirs))).images[0].name == left

    @pytest.mark.parametrize(
        ("theirs", "left"), [("auto", "auto"), ("", "before")], ids=["new", "none"]
    )
    def test_the_automatic_caption_follows(self, theirs, left):
        draft = Draft(images=(image(1, automatic_caption="before"),))
        merged = merge(draft, with_images(served(1, automatic_captioning=theirs)))
        assert merged.images[0].automatic_caption == left


class TestCaptions:
    @pytest.mark.parametrize(
        ("base", "ours", "sent", "theirs", "caption", "waits"),
        [
            ("a", "a", None, "a", "a", None),
            ("a", "b", None, "a", "b", None),
            ("a", "a", None, "c", "c", None),
            ("a", "b", None, "c", "b", "c"),
            ("a", "b", None, "b", "b", None),
            ("a", "b", "c", "c", "b", None),
            (None, "", None, "c", "c", None),
            (None, "b", None, "c", "b", "c"),
            (None, "b", None, "", "b", None),
        ],
    )
    def test_of_one_image(self, base, ours, sent, theirs, caption, waits):
        row = image(1, caption=ours, served_caption=base, sending_caption=sent)
        read = captioned(row, theirs)
        assert (read.caption, read.theirs, read.served_caption) == (caption, waits, theirs)
        assert read.sending_caption is None
        assert read.refusal == (f"Someone else wrote “{waits}”" if waits else "")

    def test_one_that_was_sent_and_has_not_arrived_is_still_expected(self):
        row = image(1, caption="b", served_caption="a", sending_caption="b")
        assert captioned(row, "a").sending_caption == "b"

    def test_where_they_come_to_write_the_same_nothing_waits(self):
        row = image(1, caption="b", served_caption="c", theirs="c", refusal="Someone else wrote")
        assert captioned(row, "b") == image(1, caption="b", served_caption="b")
        assert captioned(row, "c").theirs == "c"

    def test_a_long_text_of_theirs_is_cut_in_words_and_kept_whole(self):
        read = captioned(image(1, caption="b", served_caption="a"), "x" * 200)
        assert read.theirs == "x" * 200
        assert len(read.refusal) == len("Someone else wrote “”") + 80


class TestPairs:
    IMAGES = (image(1), image(2), image(3), image(4, attached=False))

    def draft(self, *pairs: PairRow, **fields: Any) -> Draft:
        return Draft(images=self.IMAGES, pairs=pairs, **fields)

    def test_one_of_somebody_else_comes_last(self):
        ours = _pair(1, 2, "a")
        draft = self.draft(ours, served_pairs=(ours.triple,))
        merged = merge(draft, with_pairs((2, 3, "theirs"), (1, 2, "a")))
        assert [row.triple for row in merged.pairs] == [ours.triple, ("img_2", "img_3", "theirs")]
        assert merged.pairs[1].pair_id.startswith("pair_")
        assert merged.served_pairs == (("img_2", "img_3", "theirs"), ours.triple)
        assert merged.revision == 1

    def test_one_that_we_took_out_does_not_come_back(self):
        draft = self.draft(served_pairs=(("img_1", "img_2", "a"),))
        assert merge(draft, with_pairs((1, 2, "a"))).pairs == ()

    def test_one_that_somebody_took_out_goes(self):
        ours = _pair(1, 2, "a")
        draft = self.draft(ours, _pair(2, 3, "new"), served_pairs=(ours.triple,))
        assert [row.instruction for row in merge(draft, with_pairs()).pairs] == ["new"]

    @pytest.mark.parametrize(("source", "target"), [(4, 1), (1, 4)])
    def test_one_whose_image_is_not_there_stays(self, source, target):
        ours = _pair(source, target, "a")
        draft = self.draft(ours, served_pairs=(ours.triple,))
        assert merge(draft, with_pairs()).pairs == (ours,)

    def test_one_that_we_sent_without_is_ours(self):
        """The list was sent without it, and drawn again since: nobody else took it out."""
        kept, again = _pair(1, 2, "a"), _pair(2, 3, "b")
        draft = self.draft(
            kept, again, served_pairs=(kept.triple, again.triple), sending_pairs=(kept.triple,)
        )
        merged = merge(draft, with_pairs((1, 2, "a")))
        assert merged.pairs == (kept, again)
        assert merged.sending_pairs is None
        lost = merge(draft, with_pairs((2, 3, "b")))
        assert lost.pairs == (again,)
        assert lost.sending_pairs == (kept.triple,)

    def test_one_that_was_sent_comes_from_nobody_else(self):
        draft = self.draft(served_pairs=(), sending_pairs=(("img_1", "img_2", "a"),))
        assert merge(draft, with_pairs((1, 2, "a"))).pairs == ()

    def test_two_instructions_for_the_same_two_wait(self):
        agreed, mine, refused = _pair(1, 2, "a"), _pair(2, 3, "mine"), _pair(1, 3, "no")
        refused = replace(refused, refusal="Refused before")
        draft = self.draft(agreed, mine, refused, served_pairs=(agreed.triple,))
        merged = merge(
            draft, with_pairs((1, 2, "a"), (1, 2, "other"), (2, 3, "t" * 200), (1, 3, "yes"))
        )
        assert merged.pairs[0] == agreed
        assert merged.pairs[1].theirs == "t" * 200
        assert merged.pairs[1].refusal == f"Someone else wrote “{'t' * 79}…” for these two"
        assert merged.pairs[2] == refused
        assert [row.instruction for row in merged.pairs[3:]] == ["other", "t" * 200, "yes"]

    @pytest.mark.parametrize("foreign", [(9, 1, "x"), (1, 9, "x")])
    def test_one_of_images_that_are_not_here_is_known_for_foreign(self, foreign):
        merged = merge(self.draft(), with_pairs((1, 2, "a"), foreign))
        assert merged.served_pairs == (("img_1", "img_2", "a"), ("", "", ""))
        assert [row.instruction for row in merged.pairs] == ["a"]


def _pair(source: int, target: int, text: str) -> PairRow:
    return PairRow(
        pair_id=f"pair_{source}{target}",
        source=f"img_{source}",
        target=f"img_{target}",
        instruction=text,
    )


class TestConfig:
    @pytest.mark.parametrize(
        ("base", "ours", "sent", "theirs", "left", "waits"),
        [
            ({"rank": 8}, {"rank": 8}, None, {"rank": 8}, {"rank": 8}, {}),
            ({"rank": 8}, {"rank": 8}, None, {"rank": 16}, {"rank": 16}, {}),
            ({"rank": 8}, {"rank": 8}, None, {}, {}, {}),
            ({"rank": 8}, {"rank": 32}, None, {"rank": 8}, {"rank": 32}, {}),
            ({"rank": 8}, {"rank": 32}, None, {"rank": 16}, {"rank": 32}, {"rank": 16}),
            ({"rank": 8}, {"rank": 32}, None, {}, {"rank": 32}, {"rank": None}),
            ({"rank": 8}, {"rank": 32}, None, {"rank": 32}, {"rank": 32}, {}),
            ({"rank": 8}, {"rank": 32}, {"rank": 16}, {"rank": 16}, {"rank": 32}, {}),
            ({"rank": 8}, {"rank": 8}, {"rank": 8, "seed": 1}, {"rank": 16}, {"rank": 16}, {}),
            (None, {}, None, {"rank": 16}, {"rank": 16}, {}),
            (None, {"rank": 32}, None, {"rank": 16}, {"rank": 32}, {"rank": 16}),
        ],
    )
    def test_of_one_parameter(self, base, ours, sent, theirs, left, waits):
        draft = Draft(config=ours, served_config=base, sending_config=sent)
        merged = merge(draft, with_parameters(**theirs))
        assert (dict(merged.config), dict(merged.config_theirs)) == (left, waits)
        assert dict(merged.served_config or {}) == theirs
        assert merged.sending_config == (None if sent == theirs else sent)

    def test_one_that_waits_takes_their_newest_and_no_more_than_they_differ(self):
        draft = Draft(config={"rank": 32}, config_theirs={"rank": 16}, served_config={"rank": 16})
        merged = merge(draft, with_parameters(rank=8))
        assert (merged.config["rank"], merged.config_theirs["rank"]) == (32, 8)
        assert dict(merge(merged, with_parameters(rank=32)).config_theirs) == {}

    def test_what_nobody_changed_stands_between_what_they_changed(self):
        agreed = {"epochs": 3, "repeats": 3, "seed": 3, "rank": 8}
        draft = Draft(config=agreed, served_config=agreed)
        for name, wire in (("epochs", "nbEpochs"), ("repeats", "nbRepeats"), ("seed", "seed")):
            said = {"nbEpochs": 3, "nbRepeats": 3, "seed": 3, "rank": 8}
            merged = merge(draft, with_parameters(**said | {wire: 5}))
            assert dict(merged.config) == agreed | {name: 5}

    def test_sources_of_samples_are_images_of_the_draft_where_they_are_known(self):
        draft = Draft(images=(image(1), image(2, asset_id=None)))
        merged = merge(draft, with_parameters(sampleSourceImages=["asset_1", "asset_9"]))
        assert merged.config["sample_sources"] == ("img_1", "asset_9")
