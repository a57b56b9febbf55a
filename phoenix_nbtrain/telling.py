"""Telling the person whose cell runs what no return value and no view tells."""

from __future__ import annotations

import logging
import sys
import threading
import warnings

log = logging.getLogger(__name__)

_PACKAGE = __name__.partition(".")[0] + "."


def tell(words: str) -> None:
    """Say something where it is read: below the cell that waits, else in the log."""
    if threading.current_thread() is threading.main_thread():
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()
    else:
        log.info("%s", words)


def warn(words: str) -> None:
    """Warn that a call did not do all that it says, at the line that called the package.

    `warnings.warn` remembers each place and would stay silent where a cell runs again.
    """
    caller = sys._getframe(1)
    while caller.f_back is not None and caller.f_globals.get("__name__", "").startswith(_PACKAGE):
        caller = caller.f_back
    warnings.warn_explicit(words, UserWarning, caller.f_code.co_filename, caller.f_lineno)
