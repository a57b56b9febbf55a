"""The automatic caption: what the image's colours and shape and its name say, and no more."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image
from unit.local.local_phoenix import drawing

from phoenix_nbtrain.errors import ImageError
from phoenix_nbtrain.local.captioner import automatic_caption


def plain(colour: str, size: tuple[int, int] = (40, 40)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("colour", "word"),
    [
        ("black", "black"),
        ("white", "white"),
        ("grey", "grey"),
        ("red", "red"),
        ("yellow", "yellow"),
        ("limegreen", "green"),
        ("navy", "dark blue"),
        ("skyblue", "light blue"),
        ("hotpink", "pink"),
        ("saddlebrown", "brown"),
    ],
)
def test_a_colour_is_called_what_people_call_it(colour, word):
    assert automatic_caption("", plain(colour)) == f"{word}, square"


def test_colours_come_by_their_share_and_small_ones_are_left_out():
    picture = Image.new("RGB", (100, 100), "white")
    picture.paste("red", (0, 0, 30, 100))
    picture.paste("blue", (30, 0, 50, 100))
    picture.paste("green", (98, 0, 100, 100))
    out = io.BytesIO()
    picture.save(out, "PNG")
    assert automatic_caption("", out.getvalue()) == "white, red and blue, square"


@pytest.mark.parametrize(
    ("size", "shape"),
    [((60, 40), "wide"), ((40, 60), "tall"), ((42, 40), "square"), ((1, 64), "tall")],
)
def test_the_shape_is_told(size, shape):
    assert automatic_caption("", plain("red", size)) == f"red, {shape}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("old_telephone-box (2).PNG", "old telephone box"),
        ("C:\\pictures\\Fuchs.jpg", "fuchs"),
        ("folder/fox.final.webp", "fox final"),
        ("E\u0301te\u0301.png", "été"),
        ("one two three four five six seven eight nine ten.png", "one two three four five six seven eight"),
        ("a" * 300 + ".png", "a" * 40),
        ("IMG_20260101_DSC0001.jpg", ""),
        ("<b>x</b>.png", ""),
        ("12345.png", ""),
    ],
)  # fmt: skip
def test_words_come_from_the_name_and_not_from_what_cameras_count(name, words):
    assert automatic_caption(name, plain("red")) == (
        f"red, square: {words}" if words else "red, square"
    )


def test_what_is_no_image_has_no_caption():
    with pytest.raises(ImageError):
        automatic_caption("fox.png", b"GIF89a")


def test_a_persons_description_is_learned_in_its_place(phoenix):
    def learned(*, caption: str) -> str:
        model_id = phoenix.model()
        asset = phoenix.upload(drawing("box", "red"), "telephone box.png", caption=caption)
        phoenix.attach(model_id, asset)
        job_id = phoenix.launch(model_id, nbEpochs=1, nbRepeats=1)
        with phoenix.store.reading() as connection:
            query = "SELECT work FROM jobs WHERE id = ?"
            work = connection.execute(query, (job_id,)).fetchone()[0]
        ((_, _, words),) = json.loads(work)["images"]
        return str(words)

    assert "square: telephone box" in learned(caption="")
    assert learned(caption="a phone booth") == "a phone booth"
