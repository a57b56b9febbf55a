"""Where this computer keeps what must outlive a kernel, and how it is written there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["WRITING", "home", "private_folder", "write_whole"]

WRITING = ".writing-"
"""What the name of a file begins with until it is whole."""


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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, its owner's only, so that a reader or a crash sees the old or the new one."""
    private_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=WRITING)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
