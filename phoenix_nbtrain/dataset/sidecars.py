"""Captions in text files beside their images: ``cat.txt`` beside ``cat.png``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.folders import read_file
from phoenix_nbtrain.dataset.lookup import stem
from phoenix_nbtrain.errors import InputError

BYTES_MAX = 1_000_000
"""Of a caption's file; what is longer is read no further, and no caption."""


def sidecar_name(name: str) -> str:
    """Return the name of the text file that holds an image's caption; folders stay."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{stem(last)}.txt"


def sidecar_beside(image: Path) -> Callable[[], bytes] | None:
    """Return what reads the caption's file beside an image; ``None`` where there is none."""
    beside = image.with_name(sidecar_name(image.name))
    try:
        there = beside != image and beside.is_file()
    except (OSError, ValueError):  # a name too long, with .txt
        there = False
    return partial(read_file, beside, BYTES_MAX) if there else None


def caption_in(content: bytes) -> str:
    """Return the caption that a text file holds, without spaces and empty lines around it.

    Raises:
        InputError: it is not UTF-8, or no caption.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("the text file is not UTF-8", remedy="Save it as UTF-8.") from None
    return caption_text(text).strip()
