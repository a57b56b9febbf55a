"""The project's own drawings."""

from __future__ import annotations

import numpy as np
import pytest

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.images.drawings import ICONS, draw_icons, draw_pairs, icon
from phoenix_nbtrain.images.header import inspect


@pytest.mark.parametrize("name", ICONS)
def test_an_icon_fills_its_canvas_and_stays_inside(name):
    pixels = np.asarray(icon(name, 128)).astype(int)
    inked = pixels.min(axis=2) < 128
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    assert pixels.shape == (128, 128, 3)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert edge.min() == 255, "it touches the edge"
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) > 128 * 0.7


@pytest.mark.parametrize("name", ICONS)
def test_the_line_version_is_the_same_drawing_without_colour(name):
    colour, line = (np.asarray(icon(name, 128, style)).astype(int) for style in ("colour", "line"))
    assert np.ptp(line, axis=2).max() <= 14, "only ink and paper"
    assert np.ptp(colour, axis=2).max() > 60
    dark = line.max(axis=2) < 60
    # Ink is ink in both; only a few shines lie on outlines.
    assert np.abs(colour - line).max(axis=2)[dark].max() < 12


def test_no_two_icons_are_alike():
    assert len({icon(name, 64).tobytes() for name in ICONS}) == len(ICONS) >= 20


@pytest.mark.parametrize(("name", "style"), [("<img src=x>", "colour"), ("cup", "oil")])
def test_what_is_not_there_is_refused(name, style):
    with pytest.raises(InputError, match="There is no"):
        icon(name, 64, style)


def test_drawing_again_leaves_what_is_there(tmp_path):
    folder = draw_icons(tmp_path / "icons", count=2, size=32)
    files = sorted(folder.iterdir())
    files[0].write_bytes(b"mine")
    draw_icons(folder, count=3, size=32)
    assert files[0].read_bytes() == b"mine"
    assert len(list(folder.iterdir())) == 3


def test_a_pair_has_one_name_in_both_folders_and_is_as_large_as_training_likes(tmp_path):
    folder = draw_pairs(tmp_path, count=2)
    names = [sorted(p.name for p in (folder / side).iterdir()) for side in ("line", "colour")]
    assert names[0] == names[1] == [f"{name}.png" for name in ICONS[:2]]
    header = inspect((folder / "line" / names[0][0]).read_bytes())
    assert (header.width, header.height) == (1024, 1024)
