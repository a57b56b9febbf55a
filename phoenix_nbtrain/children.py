"""What child processes of ours find their imports by."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

__all__ = ["python_path"]


def python_path() -> str:
    """Return the ``PYTHONPATH`` of a child: this one's, without the folder we stand in.

    Whatever lies beside a notebook stays out, so that a user's ``numpy.py`` is not imported. This
    package is in it where it is not installed, or reached in a way that a child may not know.
    """
    try:
        here: Path | None = Path.cwd()
    except OSError:  # the folder is gone
        here = None
    paths = [
        path
        for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if Path(path).is_absolute() and Path(path).resolve() != here
    ]
    package = Path(__file__).resolve().parents[1]
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    return os.pathsep.join(paths if package in installed else [str(package), *paths])
