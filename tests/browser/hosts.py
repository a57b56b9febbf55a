"""Other hosts of a notebook than JupyterLab: Notebook 7, and Voilà, which shows it without its code."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser.lab import START_SECONDS, Lab

__all__ = ["Notebook7", "voila"]


class Notebook7(Lab):
    """A server of Notebook 7, with folders of its own."""

    module = "notebook"
    flags = ("--JupyterNotebookApp.expose_app_in_browser=True",)
    address = "notebooks"


@contextmanager
def voila(host: Lab, name: str) -> Iterator[str]:
    """Show a notebook of ``host`` with Voilà, in a process of its own; yield its address."""
    token = secrets.token_hex(16)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "voila", name, "--no-browser", f"--port={port}"]
    command += ["--Voila.ip=127.0.0.1", f"--Voila.token={token}"]
    log = Path(host.log.parent / "voila.log")
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=host.work, env=host.environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            _wait(f"http://127.0.0.1:{port}/api?token={token}", process, log)
            yield f"http://127.0.0.1:{port}/?token={token}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers, though it has no such page
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"Voilà did not start: {log.read_text('utf-8')[-2000:]}")
