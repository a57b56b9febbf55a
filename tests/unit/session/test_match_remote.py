"""A second computer, or one whose memory is gone: what the service holds is recognised."""

from __future__ import annotations

import io
import shutil

import pytest
from PIL import Image, PngImagePlugin

from phoenix_nbtrain.errors import ServiceUnreachable
from phoenix_nbtrain.home import home
from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training


@pytest.fixture
def model_id(opened, icons) -> str:
    """A model whose images were sent by a computer that has forgotten it."""
    training = opened(images=icons)
    training.ensure_trigger("inkling")
    training.sync()
    shutil.rmtree(home())
    _here.clear()
    return training.model_id


@pytest.fixture
def joined(model_id, service, runner) -> Training:
    training = Training.open(model_id=model_id, client=service, runner=runner)
    training.sync()
    service.calls.clear()
    return training


def test_files_that_the_service_holds_are_not_sent_again(joined, service, icons):
    report = joined.add_images(icons)
    assert (report.added, report.skipped, report.problem) == (0, 4, "")
    joined.sync()
    assert service.count("upload_image") == 0
    assert joined.images["state"].tolist() == ["saved"] * 4
    assert joined.images["caption"].tolist() == ["inkling"] * 4
    assert joined.images["width"].tolist() == [64] * 4


def test_each_is_read_back_once(joined, service, icons):
    joined.add_images(icons)
    assert service.count("fetch") == 4
    joined.add_images(icons)
    assert service.count("fetch") == 4
    assert joined.image_bytes(joined.images.index[0]) in service.contents.values()
    assert service.count("fetch") == 4


def test_only_what_could_be_the_same_is_read_back(joined, service, tmp_path):
    icon("key", 32).save(tmp_path / "new.png")
    report = joined.add_images(tmp_path / "new.png")
    assert report.added == 1
    assert service.count("fetch") == 0
    joined.sync()
    assert service.count("upload_image") == 1


def test_a_file_of_the_same_size_that_is_another_image_is_added(joined, service, icons, tmp_path):
    content = bytearray(min(icons.glob("*.png")).read_bytes())
    content[-20] ^= 1  # within the pixels' data: the same size, and another image
    (tmp_path / "other.png").write_bytes(content)
    assert joined.add_images(tmp_path / "other.png").added == 1
    assert service.count("fetch") == 1


def test_one_that_was_sent_with_its_metadata_by_another_program_is_recognised(
    model_id, service, runner, tmp_path
):
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", "somebody")
    Image.new("RGB", (16, 16), "red").save(tmp_path / "told.png", pnginfo=told)
    asset = service.upload_image("told.png", (tmp_path / "told.png").read_bytes())
    service.add_training_images(model_id, [asset.id])
    joined = Training.open(model_id=model_id, client=service, runner=runner)
    joined.sync()
    assert joined.add_images(tmp_path / "told.png").skipped == 1


def test_a_full_set_is_recognised_though_nothing_more_would_fit(opened, service, runner, tmp_path):
    for i in range(50):
        picture = icon("cup", 32)
        picture.putpixel((0, 0), (i, i, i))
        picture.save(tmp_path / f"{i:02}.png")
    training = opened(images=tmp_path)
    training.sync()
    # Beside the test's own folder, so that nothing but the memory goes.
    for name in ("drafts.sqlite3", "journal.sqlite3"):
        (home() / name).unlink()
    _here.clear()
    joined = Training.open(model_id=training.model_id, client=service, runner=runner)
    joined.sync()
    report = joined.add_images(tmp_path)
    assert (report.added, report.skipped) == (0, 50)


def test_where_only_the_draft_is_gone_the_journal_tells_without_asking(
    opened, service, runner, icons
):
    url = "https://cdn.example.com/ref1.png"
    service.web[url] = icon_bytes()
    training = opened(images=icons)
    training.add_images(url)
    training.sync()
    (home() / "drafts.sqlite3").unlink()
    _here.clear()
    joined = Training.open(model_id=training.model_id, client=service, runner=runner)
    joined.sync()
    report = joined.add_images([*icons.glob("*.png"), url])
    assert (report.added, report.skipped) == (0, 5)
    assert service.count("fetch") == 0


def icon_bytes() -> bytes:
    out = io.BytesIO()
    icon("fish", 40).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("step", ["get_assets", "fetch"])
def test_where_the_service_cannot_be_read_they_are_added_and_the_report_says_so(
    joined, service, icons, step
):
    service.before[step] = ServiceUnreachable(
        "Nobody answers.", sent=False, remedy="Try it later. " * 20
    )
    report = joined.add_images(icons)
    assert report.added == 4
    assert "Nobody answers" in report.problem
    assert len(report.problem) <= 200
    assert "Nobody answers" in str(report)
    assert "Nobody answers" in report._repr_html_()


def test_what_was_bought_before_is_not_bought_again_for_having_been_recognised(
    joined, service, icons
):
    joined.start()
    service.finish(joined.model_id)
    joined.refresh()
    joined.add_images(icons)
    joined.start()
    assert len(service.launches) == 1
