"""The draft: nothing typed is lost, every cell can be run again."""

from __future__ import annotations

import gc
import shutil
import weakref
from functools import partial

import pytest
from fake_service import down, lost, once
from PIL import Image

from phoenix_nbtrain.errors import InputError, ServiceError, ServiceUnreachable
from phoenix_nbtrain.training import Training


def test_running_all_cells_twice_makes_one_model_and_one_upload_per_image(opened, service, icons):
    for again in (False, False, True):
        training = opened(again=again, images=icons)
        training.ensure_trigger("inkling")
        training.sync()
    assert service.count("create_model") == 1
    assert service.count("upload_image") == 4
    assert service.count("add_training_images") == 1
    assert len(training.images) == 4


def test_captions_typed_before_a_kill_are_there_again(opened, service, icons):
    training = opened(images=icons)
    name = training.images["name"].iloc[0]
    training.set_captions({name: "typed, not sent"})
    assert service.count("update_asset") == 0
    again = opened(again=True)
    assert again is not training
    assert again.images["caption"].iloc[0] == "typed, not sent"
    assert again.images["state"].tolist() == ["kept"] * 4


def test_images_are_sent_although_their_folder_is_gone(opened, icons, tmp_path):
    opened().add_images(shutil.copytree(icons, tmp_path / "moved away"))
    shutil.rmtree(tmp_path / "moved away")
    training = opened(again=True)
    training.sync()
    assert training.images["state"].tolist() == ["saved"] * 4


def test_a_cell_run_again_gets_the_training_its_views_show(opened):
    assert opened() is opened()


def test_a_training_that_nobody_holds_is_let_go_with_its_subscribers(opened):
    training = opened()
    training._session.subscribe(partial(print, training))
    session = weakref.ref(training._session)
    del training
    gc.collect()
    assert session() is None


def test_an_edit_is_sent_once_typing_has_paused(training, service, runner):
    name = training.images["name"].iloc[0]
    for text in ("r", "re", "red"):
        training.set_captions({name: text})
        runner.advance(0.5)
    assert service.count("update_asset") == 0
    runner.advance(1.1)
    assert service.count("update_asset") == 1
    assert training.images["state"].tolist() == ["saved"] * 4


def test_assigning_a_frame_is_all_or_nothing(opened, icons):
    training = opened(images=icons)
    frame = training.images
    frame.loc[frame.index[0], "caption"] = "good"
    frame = frame.rename(index={frame.index[1]: "img_nobody"})
    with pytest.raises(InputError, match="img_nobody"):
        training.images = frame
    assert training.images["caption"].tolist() == [""] * 4


def test_a_frame_read_is_a_copy_and_assigning_it_is_the_truth(opened, icons):
    training = opened(images=icons)
    frame = training.images
    frame["caption"] = "all alike"
    assert training.images["caption"].tolist() == [""] * 4
    training.images = frame
    assert training.images["caption"].tolist() == ["all alike"] * 4
    training.undo()
    assert training.images["caption"].tolist() == [""] * 4
    training.redo()
    assert training.images["caption"].tolist() == ["all alike"] * 4


def test_a_removed_image_leaves_the_service_and_undo_brings_it_back(opened, service, icons):
    training = opened(images=icons)
    training.set_captions({training.images["name"].iloc[0]: "mine"})
    training.sync()
    training.remove(training.images.index[0])
    training.sync()
    assert len(service.models[training.model_id].training_images) == 3
    training.undo()
    training.sync()
    assert training.images["caption"].iloc[0] == "mine"
    assert len(service.models[training.model_id].training_images) == 4
    assert service.count("upload_image") == 4


def test_an_image_removed_and_added_anew_is_not_uploaded_again(training, service, icons):
    training.remove(training.images.index[0])
    training.sync()
    training.add_images(icons, again=True)
    training.sync()
    assert len(service.models[training.model_id].training_images) == 4
    assert service.count("upload_image") == 4


def test_too_many_images_are_refused_whole(opened, draw):
    training = opened()
    with pytest.raises(InputError, match="51"):
        training.add_images(draw(51))
    assert len(training.images) == 0


def test_an_image_restored_while_its_removal_is_on_its_way_is_sent_again(training, service):
    training.remove(training.images.index[0])
    service.before["delete_training_image"] = training.undo
    training.sync()
    service.before.clear()
    training.sync()
    assert training.images["state"].tolist() == ["saved"] * 4
    assert len(service.models[training.model_id].training_images) == 4


def test_an_image_removed_while_it_is_being_added_does_not_come_back(opened, service, icons):
    training = opened(images=icons)
    first = training.images.index[0]
    service.after["add_training_images"] = lambda: training.remove(first)
    training.sync()
    service.after.clear()
    training.sync()
    assert len(training.images) == 3
    assert len(service.models[training.model_id].training_images) == 3


def test_images_are_sent_without_their_metadata(opened, service, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "a camera that tells on its owner"
    Image.new("RGB", (64, 64), "red").save(tmp_path / "photo.jpg", exif=exif)
    training = opened(images=tmp_path / "photo.jpg")
    training.sync()
    assert b"tells on its owner" in (tmp_path / "photo.jpg").read_bytes()
    (content,) = service.sent
    assert b"tells on its owner" not in content


class TestFailures:
    def test_a_service_that_is_down_keeps_the_draft_and_tries_again(
        self, opened, service, runner, icons
    ):
        training = opened(images=icons)
        service.before["get_model"] = down
        with pytest.raises(ServiceUnreachable):
            training.sync()
        assert training.state.sync.phase == "failed"
        assert training.images["state"].tolist() == ["kept"] * 4
        service.before.clear()
        runner.advance(10)
        assert training.images["state"].tolist() == ["saved"] * 4

    @pytest.mark.parametrize(
        ("when", "step", "calls"),
        [("before", "upload_image", 5), ("after", "add_training_images", 1)],
    )
    def test_what_arrived_before_the_connection_was_lost_is_not_sent_again(
        self, opened, service, icons, when, step, calls
    ):
        getattr(service, when)[step] = once(lost)
        training = opened(images=icons)
        with pytest.raises(ServiceUnreachable):
            training.sync()
        training.sync()
        assert service.count(step) == calls
        assert len(service.assets) == 4
        assert training.images["state"].tolist() == ["saved"] * 4

    def test_a_refused_image_says_why_and_the_others_are_saved(self, opened, service, icons):
        service.before["upload_image"] = once(ServiceError("Not an image we take.", status=400))
        training = opened(images=icons)
        training.sync()
        frame = training.images
        assert sorted(frame["state"]) == ["refused", "saved", "saved", "saved"]
        assert "Not an image" in frame["reason"].iloc[0]
        with pytest.raises(InputError, match="not on the service"):
            training.start()
        assert service.launches == []

    def test_nothing_is_sent_while_the_model_trains(self, opened, service, icons):
        training = opened(images=icons)
        training.start()
        training.set_captions({training.images["name"].iloc[0]: "later"})
        training.sync()
        assert training.state.sync.phase == "blocked"
        assert service.count("update_asset") == 0
        service.finish(training.model_id)
        training.sync()
        assert service.count("update_asset") == 1


class TestOthers:
    def test_a_caption_someone_else_wrote_is_taken_where_ours_is_untouched(self, training, service):
        asset_id = training.images["asset_id"].iloc[0]
        service.update_asset(asset_id, description="theirs")
        training.refresh()
        assert training.images["caption"].iloc[0] == "theirs"

    @pytest.fixture
    def disputed(self, training, service) -> Training:
        """The training, whose first caption was written both here and there."""
        row = training.images.iloc[0]
        service.update_asset(row["asset_id"], description="theirs")
        training.set_captions({row["name"]: "ours"})
        training.sync()
        return training

    def test_where_both_wrote_both_texts_are_shown_and_ours_is_not_sent(self, disputed, service):
        row = disputed.images.iloc[0]
        assert (row["caption"], row["state"]) == ("ours", "refused")
        assert "theirs" in row["reason"]
        assert service.assets[row["asset_id"]].description == "theirs"
        disputed.set_captions({row["name"]: "ours, after all"})
        disputed.sync()
        assert service.assets[row["asset_id"]].description == "ours, after all"

    @pytest.mark.parametrize("side", ["ours", "theirs"])
    def test_where_both_wrote_one_is_kept_and_both_sides_agree(self, disputed, service, side):
        (disputed.keep_mine if side == "ours" else disputed.take_theirs)()
        disputed.sync()
        row = disputed.images.iloc[0]
        assert row["caption"] == service.assets[row["asset_id"]].description == side
        assert disputed.images["state"].tolist() == ["saved"] * 4
        with pytest.raises(InputError, match="nothing to choose"):
            disputed.keep_mine(disputed.images.index[0])

    def test_where_they_come_to_write_the_same_nothing_waits(self, disputed, service):
        service.update_asset(disputed.images["asset_id"].iloc[0], description="ours")
        disputed.refresh()
        assert disputed.images["state"].iloc[0] == "saved"

    def test_an_image_removed_elsewhere_is_added_again_or_let_go(self, training, service):
        first, second = training.images.index[:2]
        for asset_id in training.images["asset_id"].iloc[:2]:
            service.delete_training_image(training.model_id, asset_id)
        training.refresh()
        assert training.images["state"].tolist() == ["refused"] * 2 + ["saved"] * 2
        training.keep_mine(first)
        training.take_theirs(second)
        training.sync()
        assert training.images["state"].tolist() == ["saved"] * 3
        assert len(service.get_model(training.model_id).training_images) == 3

    def test_an_image_added_elsewhere_appears(self, training, service):
        asset = service.upload_image("theirs.png", b"theirs")
        service.add_training_images(training.model_id, [asset.id])
        training.refresh()
        assert training.images["name"].tolist()[-1] == "theirs.png"
        assert training.images["state"].tolist() == ["saved"] * 5
