"""What child processes of ours get of the environment, and what they find their imports by."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

_NEEDED = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT"}
    | {"PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV"}
)
_NUMBERS = ("OPENBLAS_", "OMP_", "MKL_", "BLIS_", "VECLIB_", "NPY_")
"""How the names begin of what sets up the libraries that compute; some machines need it."""


def environment() -> dict[str, str]:
    """Return the environment of a child: where it runs, and nothing that may hold a secret.

    Named one by one, since secrets hide under any name, such as a proxy's in its address.
    """
    known = {
        name: value
        for name, value in os.environ.items()
        if name in _NEEDED or name.startswith(_NUMBERS)
    }
    return {**known, "PYTHONPATH": python_path()}


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
