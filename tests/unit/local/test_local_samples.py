"""Sample images, from the launch to the file: prompts, sources and captions have their effect."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.local import worker

COLOURS = ("red", "blue")
PARAMETERS = {"nbEpochs": 3, "nbRepeats": 60, "rank": 16, "seed": 2}


def pixels(content: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), float) / 255


def redness(content: bytes) -> float:
    """Return how much more red than blue the middle of an image is, from -1 to 1."""
    picture = pixels(content)
    height, width = picture.shape[:2]
    middle = picture[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    return float((middle[..., 0] - middle[..., 2]).mean())


def samples(phoenix: Phoenix, model_id: str, **parameters: Any) -> list[list[bytes]]:
    """Train, and return the samples of every epoch."""
    phoenix.launch(model_id, **PARAMETERS, **parameters)
    worker.work_off(phoenix.store)
    epochs = phoenix.read(model_id)["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == ["1", "2", "3"]
    return [[phoenix.fetch(a["url"]).data for a in epoch["assets"]] for epoch in epochs]


def test_swapping_the_instructions_of_two_groups_swaps_the_samples_colours(phoenix):
    model_id, pairs = phoenix.pair_set(*COLOURS)
    source = phoenix.upload(drawing("circle", size=(80, 80)))
    prompts = {
        "samplePrompts": ["make it red", "make it blue"],
        "sampleSourceImages": [source, source],
    }
    red, blue = samples(phoenix, model_id, **prompts)[-1]
    assert redness(red) > 0.3
    assert redness(blue) < -0.3
    other = {"make it red": "make it blue", "make it blue": "make it red"}
    swapped = [{**pair, "instruction": other[pair["instruction"]]} for pair in pairs]
    phoenix.ok("PUT", f"/models/{model_id}/training-images/pairs", swapped)
    red, blue = samples(phoenix, model_id, **prompts)[-1]
    assert redness(red) < -0.3
    assert redness(blue) > 0.3


def test_swapping_the_captions_of_a_style_set_swaps_the_samples_colours(phoenix):
    model_id = phoenix.model()
    images: dict[str, list[str]] = {}
    for colour in COLOURS:
        # Alike but for the colour, so that only the caption can tell.
        content = [drawing(kind, colour) for kind in ("box", "circle")]
        images[colour] = [phoenix.upload(c, "thing.png", caption=colour) for c in content]
        phoenix.attach(model_id, *images[colour])
    # Both start from the same drawing, greyed and blurred.
    prompts = {"samplePrompts": ["a red house", "a blue house"]}
    red, blue = samples(phoenix, model_id, **prompts)[-1]
    assert redness(red) > redness(blue) + 0.3
    for colour, other in (COLOURS, COLOURS[::-1]):
        for image in images[colour]:
            phoenix.ok("PUT", f"/assets/{image}", {"description": other})
    red, blue = samples(phoenix, model_id, **prompts)[-1]
    assert redness(blue) > redness(red) + 0.3


def test_a_sample_shows_its_own_source(phoenix):
    model_id, _ = phoenix.pair_set(*COLOURS)
    sources = [drawing("box", size=(96, 48)), drawing("circle", size=(48, 96))]
    sent = [phoenix.upload(source) for source in sources]
    prompts = {"samplePrompts": ["make it red"] * 2, "sampleSourceImages": sent}
    wide, tall = (pixels(sample) for sample in samples(phoenix, model_id, **prompts)[-1])
    assert (wide.shape, tall.shape) == ((64, 128, 3), (128, 64, 3))
    for sample, source in ((wide, sources[0]), (tall, sources[1])):
        original = Image.open(io.BytesIO(source)).resize(sample.shape[1::-1])
        outline = np.asarray(original.convert("L")) < 64
        assert sample[outline].mean() < 0.4
        assert sample[~outline].mean() > 0.5


def test_every_epochs_samples_tell_something_new(phoenix):
    model_id, _ = phoenix.pair_set(*COLOURS)
    source = phoenix.upload(drawing("circle", size=(80, 80)))
    prompts = {"samplePrompts": ["make it red"], "sampleSourceImages": [source]}
    seen = [redness(sample) for (sample,) in samples(phoenix, model_id, **prompts)]
    assert all(later > earlier for earlier, later in pairwise(seen))
