"""A notebook in a real JupyterLab whose views are measured: what it is given, what goes over its wire."""

from __future__ import annotations

import json
import struct
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser.harness import ARGS, chromium
from browser.lab import Lab, Notebook
from playwright.sync_api import Page, sync_playwright

__all__ = ["STAGED", "Wire", "opened"]

STAGED = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]!r}
import io
from PIL import Image
from trainings import EDIT, images, pair, training_of
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

def drawn(n):
    out = io.BytesIO()
    Image.new("RGB", (192, 192), (n % 256, n // 256 % 256, 90)).save(out, "PNG")
    return out.getvalue()

class Drawn(dict):
    def get(self, asset_id, _=None):
        return drawn(int(asset_id.removeprefix("asset_")))

def staged(rows):
    training = training_of(rows)
    training.service.contents = Drawn()
    return training
"""
"""A cell that gives trainings of any number of images: each is drawn when it is asked for."""


class Wire:
    """What goes over the kernel's websockets."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        """What the page received."""
        self.by_comm: Counter[str] = Counter()
        """Messages of each comm, both ways, its opening among them."""
        self.views: set[str] = set()
        """The comms that are views of ours."""
        page.on("websocket", self._opened)

    def begin(self) -> None:
        """Count from here."""
        self.bytes = 0
        self.by_comm.clear()
        self.views.clear()

    def _opened(self, socket: Any) -> None:
        socket.on("framesent", self._message)
        socket.on("framereceived", self._received)

    def _received(self, frame: str | bytes) -> None:
        self.bytes += len(frame)
        self._message(frame)

    def _message(self, frame: str | bytes) -> None:
        if isinstance(frame, str):  # the socket's own
            return
        # How many offsets there are, the offsets, then channel, header, parent, metadata, content.
        (count,) = struct.unpack_from("<Q", frame)
        at = struct.unpack_from(f"<{count}Q", frame, 8)
        header, content = (json.loads(frame[at[i] : at[i + 1]]) for i in (1, 4))
        if header["msg_type"] in ("comm_open", "comm_msg"):
            self.by_comm[content["comm_id"]] += 1
            if content["data"].get("state", {}).get("_model_module") == "anywidget":
                self.views.add(content["comm_id"])


@contextmanager
def opened(
    cells: Sequence[str], *, prepare: Any = None, script: str = ""
) -> Iterator[tuple[Notebook, Wire]]:
    """Open a notebook of these cells.

    Args:
        cells: their source.
        prepare: called with the folder of the notebook, before it is opened.
        script: runs in the page before anything else does.
    """
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        try:
            if prepare is not None:
                prepare(lab.work)
            lab.write("bench.ipynb", cells)
            page = browser.new_context(viewport={"width": 1300, "height": 1500}).new_page()
            page.set_default_timeout(90_000)
            page.add_init_script(script)
            wire = Wire(page)
            page.goto(f"http://127.0.0.1:{lab.port}/lab/tree/bench.ipynb?token={lab.token}&reset")
            notebook = Notebook(page, "bench.ipynb")
            notebook.ready()
            yield notebook, wire
        finally:
            browser.close()
            lab.close()
