"""Paths that lead nowhere: what is there instead, and from where they were looked for."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import ending, shown


def not_there(path: Path) -> InputError:
    """Return the error for a path that is not there.

    It says the nearest existing name and, where the path is a relative one, the working directory.
    """
    if str(path).startswith("asset_"):
        return InputError(
            f"There is no file {shown(str(path), 60)}, and it is not an asset id.",
            remedy="Those have 8 to 64 letters or digits after asset_.",
        )
    if any(c in path.name for c in "*?["):
        return InputError(
            f"Patterns are not expanded: {shown(path.name, 40)}.",
            remedy="Give the folder, or a list: list(Path('props').glob('*.png')).",
        )
    here = path
    while not _is_folder(here.parent) and here.parent != here:
        here = here.parent
    folder, near = here.parent, ""
    if ".." not in path.parts:  # what lies outside of this folder is not named to whoever guesses
        near = _nearest(folder, here.name)
    if near:
        there, hint = "", f"Did you mean {ending(folder / near, 50)}?"
    else:
        there = "" if str(folder) == "." else f"; {ending(folder, 30)} does"
        hint = "Check the path."
    return InputError(
        f"{ending(path, 50)} does not exist{there}.", remedy=hint + _working_directory(path)
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _nearest(folder: Path, name: str) -> str:
    """Return the name in a folder that is nearest to ``name``; empty where none is near."""
    try:
        names = [e.name for e, _ in zip(os.scandir(folder), range(1000), strict=False)]
    except OSError:
        return ""
    near = difflib.get_close_matches(name[:255], names, n=1, cutoff=0.6)
    return near[0] if near else ""


def _working_directory(path: Path) -> str:
    if path.is_absolute() or str(path).startswith("~"):
        return ""
    try:
        return f" The working directory is {ending(Path.cwd(), 40)}."
    except OSError:
        return " The working directory has been deleted."
