"""Who trains: one process per data folder, started when there is work and nobody does it.

The lease is a lock file that the worker holds for life; see `phoenix_nbtrain.locks`.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from phoenix_nbtrain.children import environment
from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.home import writing_in
from phoenix_nbtrain.local.rows import end_job
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.locks import is_locked, locked
from phoenix_nbtrain.text import shown

log = logging.getLogger(__name__)

_SUPPORTED = sys.platform != "win32"
"""On Windows the worker has never been run."""

_LOCK = "worker.lock"
_LOG = "worker.log"
_LOG_BYTES_MAX = 1 << 20
_STARTS_MAX = 3
"""A worker that dies this often without being seen with the lease will not do better next time."""
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def lease_held(data_dir: Path) -> bool:
    """Whether a worker lives in ``data_dir``.

    Raises:
        StoreError: files cannot be locked there.
    """
    return is_locked(data_dir / _LOCK)


def hold_lease(data_dir: Path) -> AbstractContextManager[bool]:
    """Hold the lease within a block, which is told whether this process got it."""
    # Patient for a moment: whoever looks whether the lease is held, holds it for that moment.
    return locked(data_dir / _LOCK, patience=0.5)


def child_environment() -> dict[str, str]:
    """Return the environment of a worker, which outlives the kernel: one BLAS thread."""
    return {**environment(), **dict.fromkeys(_THREADS, "1")}


class Workers:
    """Starts the worker of one data folder, and reaps the ones that this process started."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The worker that this process started last, if it is not known to have ended."""
        return self._process

    def ensure(self) -> None:
        """Let a worker run if none does. Called by every read of an unfinished job; cheap."""
        with self._lock:
            if not _SUPPORTED:
                self._give_up("The local trainer runs on Linux and macOS only.", "")
                return
            if self._process is not None and self._process.poll() is None:
                if lease_held(self.store.data_dir):
                    self._starts = 0
                return  # it has the lease, or is on its way to it
            if self._process is not None and self._process.returncode == 0:
                self._starts = 0  # it had done its work
            self._process = None
            if lease_held(self.store.data_dir):
                self._starts = 0
                return
            if self._starts >= _STARTS_MAX:
                self._starts = 0
                self._give_up("The training process ends as soon as it starts.", self._last_words())
                return
            self._starts += 1
            self._start()

    def _start(self) -> None:
        data_dir = self.store.data_dir
        log_path = data_dir / _LOG
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        if log_path.exists() and log_path.stat().st_size > _LOG_BYTES_MAX:
            flags |= os.O_TRUNC
        with writing_in(data_dir):
            descriptor = os.open(log_path, flags, 0o600)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "phoenix_nbtrain.local.worker", str(data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=data_dir,
                env=child_environment(),
                start_new_session=True,  # it outlives the kernel, and its Ctrl-C
            )
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOMEM):  # for now: the next read tries again
                log.warning("the training process cannot be started just now: %s", error)
                self._starts -= 1
            else:
                self._give_up("The training process cannot be started.", shown(str(error), 120))
        finally:
            os.close(descriptor)
        if self._process is not None:
            _started.append(self._process)
            # It ends long after the last read; without this it would stay a zombie until then.
            threading.Thread(target=self._process.wait, name="worker's end", daemon=True).start()

    def _give_up(self, error: str, hint: str) -> None:
        log.error("%s %s", error, hint)
        with self.store.writing() as connection:
            rows = connection.execute("SELECT * FROM unfinished").fetchall()
            for job in rows:
                end_job(connection, job, "failure", error=error, hint=hint)

    def _last_words(self) -> str:
        try:
            lines = (self.store.data_dir / _LOG).read_bytes()[-4000:].decode("utf-8", "replace")
        except OSError:
            return ""
        return shown((lines.strip().splitlines() or [""])[-1], 150)


_started: list[subprocess.Popen[bytes]] = []


@after_fork
def _let_go() -> None:
    """At exit, and in a forked child: the workers live on, so Python need not warn about it."""
    for process in _started:
        if process.poll() is None:
            process.returncode = 0


atexit.register(_let_go)
