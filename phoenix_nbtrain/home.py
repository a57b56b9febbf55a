"""Where this computer keeps what must outlive a kernel."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["home", "private_folder"]


def home() -> Path:
    """Return the toolkit's data folder: ``PHOENIX_NBTRAIN_HOME``, else the platform's own.

    The folder is not created here; who writes first does, with `private_folder`.
    """
    given = os.environ.get("PHOENIX_NBTRAIN_HOME")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("phoenix-nbtrain", appauthor=False)


def private_folder(path: Path) -> Path:
    """Create ``path`` readable by its owner only, and return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
