"""First sight of grid and table in a real JupyterLab, against ipywidgets and ipydatagrid in it.

    python tests/bench/bench_views.py

Each is the time from running its cell to what is in view being painted: the grid's and the peer's
images decoded, the first row of a table drawn. Both sides show the same images. Messages are
those of a view's own comm, its opening among them, in both directions; the peer's are those of all
its widgets.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import better_when_low, sized, times_better
from bench.lab_page import STAGED, Wire, opened
from browser.lab import Notebook

FEW, MANY = sized(1000, 20), sized(10_000, 60)
ROUNDS = sized(3, 1)
SETUP = f"""{STAGED}
import ipywidgets, pandas, ipydatagrid

def tile(n):
    image = ipywidgets.Image(value=drawn(n), format="png", width="140px")
    return ipywidgets.VBox([image, ipywidgets.Text(value=f"a thing, number {{n}}")])

few, many = staged(images({FEW})), staged(images({MANY}))
pairs = training_of(images(46), [pair(n, n % 46, (n + 1 + n // 46) % 46) for n in range({FEW})], type=EDIT)
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
IMAGES = """(cell) => { const all = [...cell.querySelectorAll("img")].filter((n) => n.checkVisibility());
  const seen = all.slice(0, 12); return seen.length >= 12 && seen.every((n) => n.naturalWidth > 0) }"""
PAINTED = {
    "grid": IMAGES,
    "many": IMAGES,
    "peer": IMAGES,
    "table": "(cell) => cell.querySelector('.nbt-pair .nbt-text')?.textContent === 'colour it'",
    # It draws on canvases; a pixel of the body's that is not blank is a row.
    "sheet": """(cell) => [...cell.querySelectorAll('canvas')].some((c) => c.width > 50 && c.height > 50 &&
      new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, Math.min(60, c.height)).data.buffer)).size > 3)""",
}
WAIT = """(argument) => new Promise((done) => { const [index, test] = argument; const holds = eval(test);
  const look = () => { const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[index];
    if (cell && holds(cell)) done(true); else requestAnimationFrame(look); }; look(); })"""


class Sight(NamedTuple):
    """What it took until what is in view was painted."""

    seconds: float
    messages: int
    megabytes: float
    """What came over the wire."""


def first_sight(notebook: Notebook, wire: Wire, index: int, work: str) -> Sight:
    notebook.js("panel.content.widgets[argument].model.outputs.clear();", index)
    notebook.page.wait_for_timeout(300)
    wire.begin()
    start = time.perf_counter()
    notebook.begin(index)
    notebook.page.evaluate(WAIT, [index, PAINTED[work]])
    took = time.perf_counter() - start
    counted = wire.views or set(wire.by_comm)
    sight = Sight(took, sum(wire.by_comm[comm] for comm in counted), wire.bytes / 1e6)
    notebook.js("panel.content.widgets[argument].model.outputs.clear();", index)
    return sight


def main() -> None:
    sights: dict[str, list[Sight]] = {name: [] for name in WORKS}
    with opened([SETUP, *WORKS.values()]) as (notebook, wire):
        notebook.run(0)
        for _ in range(ROUNDS + 1):
            for index, name in enumerate(WORKS, 1):
                sights[name].append(first_sight(notebook, wire, index, name))
    # The first of each is the one in which the page loads what it needs.
    times = {name: [sight.seconds for sight in all_[1:]] for name, all_ in sights.items()}
    times_better(f"grid of {FEW:,}, against Image widgets", times["grid"], times["peer"], "s")
    times_better(f"grid of {MANY:,}, against one of {FEW:,}", times["many"], times["grid"], "s")
    times_better(
        f"table of {FEW:,} pairs, against ipydatagrid", times["table"], times["sheet"], "s"
    )
    last = {name: all_[-1] for name, all_ in sights.items()}
    for ours, peer, said in (
        ("grid", "peer", "grid's first sight, against Image widgets"),
        ("table", "sheet", "table's first sight, against ipydatagrid"),
    ):
        a, b = last[ours], last[peer]
        better_when_low(f"messages to the {said}", a.messages, b.messages)
        better_when_low("and all that came", a.megabytes, b.megabytes, "MB")


if __name__ == "__main__":
    main()
