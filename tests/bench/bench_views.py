"""Grid and table in a real JupyterLab, against ipywidgets and ipydatagrid in the same one.

    python tests/bench/bench_views.py

Each is the time from running its cell to what is in view being painted: the grid's and the peer's
pictures decoded, the first row of a table drawn. Both sides show the same pictures.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import better_when_low, sized, times_better
from browser.harness import ARGS, chromium
from browser.lab import Lab, Notebook
from playwright.sync_api import sync_playwright

FEW, MANY = sized(1000, 20), sized(10_000, 60)
ROUNDS = sized(3, 1)
SETUP = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]!r}
import io, ipywidgets, pandas, ipydatagrid
from PIL import Image
from views.fakes import EDIT, FakeTraining, images, pair
from phoenix_nbtrain.training.state import Thumbnail
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable

def drawn(n):
    out = io.BytesIO()
    Image.new("RGB", (192, 192), (n % 256, n // 256 % 256, 90)).save(out, "PNG")
    return out.getvalue()

class Shown(FakeTraining):
    def _thumbnail(self, image_id, px):
        return Thumbnail(mime="image/png", content=drawn(int(image_id[4:])))

def tile(n):
    picture = ipywidgets.Image(value=drawn(n), format="png", width="140px")
    return ipywidgets.VBox([picture, ipywidgets.Text(value=f"a thing, number {{n}}")])

few, many = Shown(images({FEW})), Shown(images({MANY}))
pairs = FakeTraining(images(46), [pair(n, n % 46, (n + 1 + n // 46) % 46) for n in range({FEW})], type=EDIT)
frame = pandas.DataFrame({{"source": range({FEW}), "target": range({FEW}), "instruction": "colour it"}})
"""
WORKS = {
    "grid": "ImageGrid(few)",
    "many": "ImageGrid(many)",
    "peer": f"ipywidgets.GridBox([tile(n) for n in range({FEW})],"
    " layout=ipywidgets.Layout(grid_template_columns='repeat(6, 150px)'))",
    "table": "PairTable(pairs)",
    "sheet": "ipydatagrid.DataGrid(frame)",
}
PICTURES = """(cell) => { const all = [...cell.querySelectorAll("img")].filter((n) => n.checkVisibility());
  const seen = all.slice(0, 12); return seen.length >= 12 && seen.every((n) => n.naturalWidth > 0) }"""
PAINTED = {
    "grid": PICTURES,
    "many": PICTURES,
    "peer": PICTURES,
    "table": "(cell) => cell.querySelector('.nbt-pair .nbt-text')?.textContent === 'colour it'",
    # It draws on canvases; a pixel of the body's that is not blank is a row.
    "sheet": """(cell) => [...cell.querySelectorAll('canvas')].some((c) => c.width > 50 && c.height > 50 &&
      new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, Math.min(60, c.height)).data.buffer)).size > 3)""",
}
WAIT = """(argument) => new Promise((done) => { const [index, test] = argument; const holds = eval(test);
  const look = () => { const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[index];
    if (cell && holds(cell)) done(true); else requestAnimationFrame(look); }; look(); })"""


class Wire:
    """What comes over the kernel's websockets."""

    def __init__(self, page: Any) -> None:
        self.messages = self.bytes = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._heard))

    def _heard(self, frame: str | bytes) -> None:
        self.messages += 1
        self.bytes += len(frame)


def first_paint(notebook: Notebook, wire: Wire, index: int, work: str) -> tuple[float, int, float]:
    """Return the seconds, the frames and the megabytes until what is in view was painted."""
    notebook.js("panel.content.widgets[argument].model.outputs.clear();", index)
    notebook.page.wait_for_timeout(300)
    messages, size, start = wire.messages, wire.bytes, time.perf_counter()
    notebook.begin(index)
    notebook.page.evaluate(WAIT, [index, PAINTED[work]])
    took = time.perf_counter() - start
    heard = wire.messages - messages, (wire.bytes - size) / 1e6
    notebook.js("panel.content.widgets[argument].model.outputs.clear();", index)
    return took, *heard


def main() -> None:
    taken: dict[str, list[tuple[float, int, float]]] = {name: [] for name in WORKS}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGS)
        try:
            lab.write("bench.ipynb", [SETUP, *WORKS.values()])
            context = browser.new_context(viewport={"width": 1300, "height": 1500})
            page = context.new_page()
            page.set_default_timeout(90_000)
            wire = Wire(page)
            page.goto(f"http://127.0.0.1:{lab.port}/lab/tree/bench.ipynb?token={lab.token}&reset")
            notebook = Notebook(page, "bench.ipynb")
            notebook.ready()
            notebook.run(0)
            for _ in range(ROUNDS + 1):
                for index, name in enumerate(WORKS, 1):
                    taken[name].append(first_paint(notebook, wire, index, name))
        finally:
            browser.close()
            lab.close()
    times = {name: [one[0] for one in all_[1:]] for name, all_ in taken.items()}
    times_better(f"grid of {FEW:,}, against Image widgets", times["grid"], times["peer"], "s")
    times_better(f"grid of {MANY:,}, against one of {FEW:,}", times["many"], times["grid"], "s")
    times_better(
        f"table of {FEW:,} pairs, against ipydatagrid", times["table"], times["sheet"], "s"
    )
    (_, ours, size), (_, peers, theirs) = taken["grid"][-1], taken["peer"][-1]
    better_when_low("frames to the grid's first paint, against Image widgets", ours, peers)
    better_when_low("and their size", size, theirs, "MB")


if __name__ == "__main__":
    main()
