"""Images on their way: sent once, whatever interrupts it; added as far as they fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_service import interrupted, lost, once

from phoenix_nbtrain.errors import (
    AuthenticationFailed,
    PlanLimitReached,
    ServiceError,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.images.drawings import icon


class TestOnce:
    def test_an_upload_whose_asset_was_deleted_since_is_begun_anew(self, opened, service, icons):
        service.inline_max = 0
        service.after["complete_upload"] = lost
        training = opened(images=icons)
        with pytest.raises(ServiceUnreachable):
            training.sync()
        service.after.clear()
        for asset_id in list(service.assets):
            service.lose(asset_id)
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_refused_end_of_an_upload_is_looked_at_before_anything_is_sent_again(
        self, opened, service, icons, when
    ):
        # The refusal may answer a proxy's repeat, the first copy of which was taken.
        service.inline_max = 0
        getattr(service, when)["complete_upload"] = ServiceError("It is complete.", status=400)
        training = opened(images=icons)
        training.sync()
        assert training.images["state"].tolist() == ["refused"] * 4
        getattr(service, when).clear()
        training.set_captions(lambda row: "tried again")
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4
        assert max(service.sent.values()) == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("step", ["begin_upload", "send_part", "complete_upload"])
    @pytest.mark.parametrize("fault", [lost, interrupted])
    def test_an_upload_in_parts_goes_on_wherever_it_was_cut_off(
        self, opened, service, icons, step, when, fault
    ):
        service.inline_max = 0
        getattr(service, when)[step] = once(fault)
        training = opened(images=icons)
        with pytest.raises((ServiceUnreachable, KeyboardInterrupt)):
            training.sync()
        training = opened(again=True)
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4
        assert set(service.sent.values()) == {1}
        assert len(service.assets) == 4

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize(
        "step", ["get_model", "get_assets", "add_training_images", "update_asset", "replace_pairs"]
    )
    @pytest.mark.parametrize("fault", [lost, interrupted])
    def test_a_flight_goes_on_wherever_it_was_cut_off(
        self, opened, service, icons, step, when, fault
    ):
        training = opened("flux.2-dev-edit-lora", images=icons)
        names = training.images["name"].tolist()
        training.set_captions({names[0]: "mine"})
        training.set_pairs([{"source": names[0], "target": names[1], "instruction": "do"}])
        getattr(service, when)[step] = once(fault)
        for _ in range(2):
            try:
                training.sync()
            except (ServiceUnreachable, KeyboardInterrupt):
                training = opened("flux.2-dev-edit-lora", again=True)
        assert training.state.draft.unsent == 0
        assert set(service.sent.values()) == {1}
        model = service.get_model(training.model_id)
        assert [i.description for i in model.training_images] == ["mine", "", "", ""]
        assert len(model.training_image_pairs) == 1

    def test_only_a_lost_reply_to_an_image_sent_whole_can_send_it_twice(
        self, opened, service, icons
    ):
        """The reply alone names the asset, and assets cannot be searched by content."""
        service.after["upload_image"] = once(lost)
        training = opened(images=icons)
        with pytest.raises(ServiceUnreachable):
            training.sync()
        training.sync()
        assert sorted(service.sent.values()) == [1, 1, 1, 2]
        assert len(service.get_model(training.model_id).training_images) == 4

    def test_after_ctrl_c_the_rest_goes_up_by_itself(self, opened, service, runner, icons):
        service.before["add_training_images"] = once(interrupted)
        training = opened(images=icons)
        with pytest.raises(KeyboardInterrupt):
            training.sync()
        assert training.state.sync.phase == "waiting"
        assert training.images["state"].tolist() == ["kept"] * 4
        runner.advance(2)
        assert training.images["state"].tolist() == ["saved"] * 4

    def test_an_asset_deleted_on_the_service_is_uploaded_again(self, opened, service, icons):
        service.before["add_training_images"] = once(interrupted)
        training = opened(images=icons)
        with pytest.raises(KeyboardInterrupt):
            training.sync()
        service.lose(next(iter(service.assets)))
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4
        assert service.count("upload_image") == 5

    def test_an_asset_deleted_just_when_it_is_added_is_uploaded_again(self, opened, service, icons):
        gone: list[str] = []

        def delete() -> None:
            gone.append(next(iter(service.assets)))
            service.lose(gone[0])

        service.before["add_training_images"] = once(delete)
        training = opened(images=icons)
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4
        assert gone[0] not in training.images["asset_id"].tolist()

    def test_an_asset_id_that_the_service_does_not_have_is_refused_by_name(self, opened, service):
        training = opened(images=["asset_nowhere00"])
        training.sync()
        frame = training.images
        assert frame["state"].tolist() == ["refused"]
        assert "asset_nowhere00" in frame["reason"].iloc[0]
        assert service.count("add_training_images") == 0

    def test_an_image_replaced_while_it_is_on_its_way_is_not_taken_for_the_new_one(
        self, opened, service, icons, draw
    ):
        other = draw(1) / "00.png"
        training = opened(images=min(icons.glob("*.png")))
        row = training.images.index[0]
        service.after["upload_image"] = once(lambda: training.replace(row, other))
        training.sync()
        training.sync()
        (image,) = service.get_model(training.model_id).training_images
        assert service.contents[image.id] == training.image_bytes(row)
        assert training.images["state"].tolist() == ["saved"]


class TestManners:
    def test_a_wrong_key_refuses_no_image(self, opened, service, icons):
        service.before["upload_image"] = AuthenticationFailed("The token has expired.", status=403)
        training = opened(images=icons)
        with pytest.raises(AuthenticationFailed):
            training.sync()
        assert training.images["state"].tolist() == ["kept"] * 4
        service.before.clear()
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4

    def test_waits_grow_and_the_service_may_ask_for_a_longer_one(
        self, opened, service, runner, icons
    ):
        training = opened(images=icons)
        service.before["get_model"] = Throttled("Slow down.", status=429, retry_after=40)
        with pytest.raises(Throttled):
            training.sync()
        tried = service.count("get_model")
        runner.advance(39)
        assert service.count("get_model") == tried
        service.before["get_model"] = lost
        runner.advance(2)
        assert service.count("get_model") == tried + 1
        runner.advance(2)
        assert service.count("get_model") == tried + 1
        service.before.clear()
        runner.advance(2)
        assert training.images["state"].tolist() == ["saved"] * 4

    def test_a_long_refusal_fits_the_row(self, opened, service, icons):
        service.before["upload_image"] = ServiceError("No. " * 200, status=400)
        training = opened(images=icons)
        training.sync()
        assert {len(text) for text in training.images["reason"]} == {200}

    def test_an_image_given_again_is_tried_again(self, opened, service, icons):
        service.before["upload_image"] = ServiceError("Not today.", status=400)
        training = opened(images=icons)
        training.sync()
        service.before.clear()
        report = training.add_images(icons)
        assert (report.added, report.skipped) == (0, 4)
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 4


class TestAdding:
    def test_they_are_added_in_tens_and_in_order(self, opened, service, draw):
        training = opened(images=draw(23))
        training.sync()
        assert service.count("add_training_images") == 3
        there = [i.id for i in service.get_model(training.model_id).training_images]
        assert there == training.images["asset_id"].tolist()

    def test_one_refused_in_the_middle_loses_none_of_the_others(
        self, opened, service, monkeypatch, draw
    ):
        add = service.add_training_images

        def picky(model_id: str, ids: list[str]) -> object:
            if bad in ids:
                service.calls.append("refused")
                raise ServiceError("This image is not allowed.", status=400)
            return add(model_id, ids)

        training = opened(images=draw(12))
        service.before["add_training_images"] = interrupted
        with pytest.raises(KeyboardInterrupt):
            training.sync()
        service.before.clear()
        bad = training.images["asset_id"].iloc[4]
        monkeypatch.setattr(service, "add_training_images", picky)
        training.sync()
        frame = training.images
        assert frame["state"].tolist() == ["saved"] * 4 + ["refused"] + ["saved"] * 7
        assert "not allowed" in frame["reason"].iloc[4]
        assert set(service.sent.values()) == {1}

    def test_a_ceiling_says_how_many_fit_and_those_are_added(self, opened, service, draw):
        service.images_max = 12
        training = opened()
        files = sorted(draw(15).glob("*.png"))
        training.add_images(files[:10])
        training.sync()
        before = service.count("add_training_images")
        training.add_images(files)
        training.sync()
        frame = training.images
        assert frame["state"].tolist() == ["saved"] * 12 + ["refused"] * 3
        reason = frame["reason"].iloc[12]
        assert reason.startswith("The plan allows 12 images per model: 2 of these 5 fit.")
        assert len(reason) <= 200
        assert training.state.sync.message == reason
        assert service.count("add_training_images") == before + 2

    @pytest.mark.parametrize(("fit", "of", "named"), [(17, 25, True), (3, 5, True), (3, 5, False)])
    def test_a_batch_at_a_ceiling_is_added_as_far_as_it_fits(
        self, opened, service, draw, fit, of, named, monkeypatch
    ):
        add = service.add_training_images

        def nameless(model_id: str, ids: list[str]) -> object:
            if len(service.models[model_id].training_images) + len(ids) > fit:
                raise PlanLimitReached("Enough.", status=429)
            return add(model_id, ids)

        if named:
            service.images_max = fit
        else:  # the limit is found out one by one
            monkeypatch.setattr(service, "add_training_images", nameless)
        training = opened(images=draw(of))
        training.sync()
        frame = training.images
        assert frame["state"].tolist() == ["saved"] * fit + ["refused"] * (of - fit)
        assert f"{fit} of these {of} fit" in frame["reason"].iloc[-1]

    @pytest.mark.parametrize("room", ["an image is removed", "the plan is larger"])
    def test_what_was_kept_out_is_added_once_there_is_room_and_somebody_syncs(
        self, opened, service, draw, room
    ):
        service.images_max = 3
        training = opened(images=draw(5))
        training.sync()
        calls = service.count("add_training_images")
        training.estimate()  # syncs, too, but nobody asked for what was kept out
        assert service.count("add_training_images") == calls
        if room == "the plan is larger":
            service.images_max = 10
        else:
            training.remove("00.png")
        training.sync()
        states = training.images["state"].tolist()
        assert states == (
            ["saved"] * 5 if service.images_max == 10 else ["saved"] * 3 + ["refused"]
        )
        assert set(service.sent.values()) == {1}

    def test_a_removal_makes_room_before_anything_is_added(self, opened, service, draw):
        service.images_max = 3
        training = opened(images=draw(3))
        training.sync()
        training.replace("01.png", icon("key", 32))
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 3

    def test_what_was_removed_while_its_reply_was_lost_does_not_come_back(
        self, opened, service, icons
    ):
        service.after["add_training_images"] = once(lost)
        training = opened(images=icons)
        with pytest.raises(ServiceUnreachable):
            training.sync()
        training.remove(training.images.index[0])
        training.sync()
        assert len(training.images) == 3
        assert len(service.get_model(training.model_id).training_images) == 3


class TestCaptionsAndPairs:
    def test_a_caption_written_there_while_images_go_up_is_not_overwritten(
        self, training, service, draw
    ):
        row = training.images.iloc[0]
        training.set_captions({row["name"]: "ours"})
        training.add_images(draw(1))
        service.before["upload_image"] = lambda: service.update_asset(
            row["asset_id"], description="theirs"
        )
        training.sync()
        row = training.images.iloc[0]
        assert service.assets[row["asset_id"]].description == "theirs"
        assert (row["caption"], row["state"]) == ("ours", "refused")
        assert "theirs" in row["reason"]

    def test_the_caption_of_an_asset_given_by_its_id_is_read_before_it_is_written(
        self, opened, service
    ):
        one = service.upload_image("one.png", b"one")
        two = service.upload_image("two.png", b"two")
        for asset in (one, two):
            service.update_asset(asset.id, description="as it was")
        training = opened(images={one.id: "mine"})
        training.add_images([two.id])
        training.sync()
        frame = training.images
        assert service.assets[one.id].description == "as it was"
        assert "as it was" in frame["reason"].iloc[0]
        assert (frame["caption"].iloc[1], frame["state"].iloc[1]) == ("as it was", "saved")

    def test_both_instructions_are_shown_where_both_wrote_one(self, opened, service, icons):
        training = opened("flux.2-dev-edit-lora", images=icons)
        names = training.images["name"].tolist()
        training.set_pairs([{"source": names[0], "target": names[1], "instruction": "x"}])
        training.sync()
        (pair,) = service.get_model(training.model_id).training_image_pairs
        service.replace_pairs(training.model_id, [replace(pair, instruction="theirs")])
        training.pairs = training.pairs.assign(instruction="ours")
        training.sync()
        frame = training.pairs
        assert frame["instruction"].tolist() == ["ours", "theirs"]
        assert frame["state"].tolist() == ["refused", "saved"]
        assert "theirs" in frame["reason"].iloc[0]
        (pair,) = service.get_model(training.model_id).training_image_pairs
        assert pair.instruction == "theirs"
        training.pairs = frame.iloc[:1].assign(instruction="ours, after all")
        training.sync()
        (pair,) = service.get_model(training.model_id).training_image_pairs
        assert pair.instruction == "ours, after all"

    @pytest.mark.parametrize("drops", [False, True])
    @pytest.mark.parametrize("kind", ["replaced", "removed and restored"])
    def test_a_pair_survives_its_image(self, opened, service, icons, kind, drops):
        service.drops_pairs = drops
        training = opened("flux.2-dev-edit-lora", images=icons)
        names = training.images["name"].tolist()
        training.set_captions({names[0]: "kept"})
        training.set_pairs([{"source": names[0], "target": names[1], "instruction": "do"}])
        training.sync()
        if kind == "replaced":
            training.replace(names[0], icon("key", 48))
        else:
            training.remove(names[0])
            training.sync()
            training.undo()
        training.sync()
        (pair,) = service.get_model(training.model_id).training_image_pairs
        assert pair.source_id == training.images["asset_id"].iloc[0]
        assert pair.instruction == "do"
        assert training.pairs["state"].tolist() == ["saved"]
        assert training.images["caption"].iloc[0] == "kept"
        assert service.assets[pair.source_id].description == "kept"

    def test_an_image_to_be_replaced_stays_until_the_new_one_is_there(self, training, service):
        old = training.images["asset_id"].iloc[0]
        service.before["upload_image"] = ServiceError("Not this one.", status=400)
        training.replace(training.images.index[0], icon("key", 48))
        training.sync()
        assert training.images["state"].iloc[0] == "refused"
        assert old in [i.id for i in service.get_model(training.model_id).training_images]
        training.undo()
        training.sync()
        assert training.images["asset_id"].iloc[0] == old
        assert training.images["state"].tolist() == ["saved"] * 4
        service.before.clear()
        training.redo()
        training.sync()
        there = [i.id for i in service.get_model(training.model_id).training_images]
        assert old not in there
        assert len(there) == 4
        assert training.images["state"].tolist() == ["saved"] * 4
