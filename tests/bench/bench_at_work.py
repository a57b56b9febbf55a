"""Grid and table while somebody works in them, in a real JupyterLab.

    python tests/bench/bench_at_work.py

An edit is typed, and takes from the key that ends it until the kernel's reply is there: the draft is
on disk then. Its floor is a message that the kernel sends back as it is. A page turn takes from the
scroll until every image in view is painted. Memory is what a grid adds to the page's heap, with
what is garbage collected, after it was scrolled from end to end in so many steps.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from bench.figures import better_when_low, sized
from bench.lab_page import STAGED, opened
from browser.lab import Notebook

from phoenix_nbtrain.images.drawings import draw_pairs

FEW, MANY = sized(1000, 60), sized(10_000, 120)
PAIRS = sized(20, 2)
EDITS, TURNS, ROUNDS = sized(200, 3), sized(30, 1), sized(3, 1)
SETUP = f"""{STAGED}
import anywidget
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("at work", type=EDIT)
training.add_images("images", recursive=True)
training.pair_up("line", "colour", instruction="colour it")
training.sync()
few, many = staged(images({FEW})), staged(images({MANY}))

class Echo(anywidget.AnyWidget):
    _esm = '''export default {{ render({{ model, el }}) {{
      window.echo = () => new Promise((done) => {{
        const start = performance.now();
        const heard = () => {{ model.off("msg:custom", heard); done(performance.now() - start); }};
        model.on("msg:custom", heard);
        model.send({{}});
      }});
      el.textContent = "echo"; el.className = "echo";
    }} }}'''
    def __init__(self):
        super().__init__()
        self.on_msg(lambda _widget, content, _buffers: self.send(content))
"""
ECHO, GRID, TABLE, SMALL, LARGE = range(1, 6)
CELLS = [
    "Echo()",
    "ImageGrid(training)",
    "PairTable(training)",
    "ImageGrid(few)",
    "ImageGrid(many)",
]

LISTEN = """
window.took = [];
(() => {
  let pressed = 0;
  const asked = new Map(), text = new TextDecoder();
  addEventListener("keydown", ({ key }) => { if (key === "Enter") pressed = performance.now(); }, true);
  const messageOf = (data) => {
    if (!(data instanceof ArrayBuffer)) return {};
    const view = new DataView(data), at = (i) => Number(view.getBigUint64(8 + 8 * i, true));
    return JSON.parse(text.decode(new Uint8Array(data, at(4), at(5) - at(4)))).data?.content ?? {};
  };
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        const { id, accepted } = messageOf(data);
        if (asked.has(id) && accepted?.length) window.took.push(performance.now() - asked.get(id));
      });
    }
    send(data) {
      const { id, kind } = messageOf(data);
      if (kind === "edit") asked.set(id, pressed);
      super.send(data);
    }
  };
})();
"""
ECHOES = """async (count) => { const took = [];
  for (let n = 0; n < count; n += 1) took.push(await window.echo());
  return took; }"""
SCROLL = """async ([index, count, whole]) => {
  const cell = document.querySelectorAll(".jp-Notebook .jp-Cell")[index];
  const grid = cell.querySelector(".nbt-scroll");
  const painted = () => {
    const view = grid.getBoundingClientRect();
    const tiles = [...grid.querySelectorAll(".nbt-tile:not([hidden])")].filter((tile) => {
      const { top, bottom } = tile.getBoundingClientRect();
      return bottom > view.top && top < view.bottom;
    });
    const end = Math.max(0, ...tiles.map((tile) => tile.getBoundingClientRect().bottom));
    const filled = end + 30 >= view.bottom || grid.scrollTop + grid.clientHeight + 30 >= grid.scrollHeight;
    return tiles.length > 0 && filled && tiles.every((tile) => {
      const image = tile.querySelector("img");
      return !tile.hasAttribute("aria-busy") && !image.hidden && image.complete && image.naturalWidth > 0;
    });
  };
  const frame = () => new Promise(requestAnimationFrame);
  const turn = async (to) => {
    const start = performance.now();
    grid.scrollTop = to;
    do await frame(); while (!painted());
    return performance.now() - start;
  };
  await turn(0);
  const took = [];
  for (let n = 1; n <= count; n += 1) {
    await new Promise((done) => setTimeout(done, 50));
    took.push(await turn(whole ? (grid.scrollHeight * n) / count : grid.scrollTop + grid.clientHeight));
  }
  return took; }"""


SAYS = re.compile(r"\S")


def late(times: Sequence[float]) -> float:
    """Return what 19 of 20 take at most."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def typed(notebook: Notebook, index: int, first: str, rows: int) -> list[float]:
    """Type into cells one below the other, again from the first after the last."""
    page, keyboard = notebook.page, notebook.page.keyboard
    notebook.run(index)
    for n in range(EDITS):
        if n % rows == 0:
            page.evaluate(
                "(index) => document.querySelectorAll('.jp-Notebook .jp-Cell')[index]"
                ".querySelector('.nbt-scroll').scrollTop = 0",
                index,
            )
            # A place whose row has not come yet takes no click.
            notebook.cell(index).locator(first).filter(has_text=SAYS).first.click()
            notebook.cell(index).locator("textarea").wait_for()
        elif index == TABLE:  # it goes down, the grid begins there
            keyboard.press("Enter")
        keyboard.press("ControlOrMeta+a")
        keyboard.insert_text(f"a drawing in colour, take {n}")
        keyboard.press("Enter")
        page.wait_for_function("(n) => window.took.length > n", arg=n)
    took: list[float] = page.evaluate("() => window.took.splice(0)")
    cleared(notebook, index)
    return took


def cleared(notebook: Notebook, index: int) -> None:
    notebook.js("panel.content.widgets[argument].model.outputs.clear();", index)


class Heap:
    """What the page's scripts hold."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def megabytes(self) -> float:
        """Return it without what nobody holds."""
        self._session.send("HeapProfiler.collectGarbage")
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return sum(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize") / 1e6


def main() -> None:
    turns: dict[int, list[float]] = {SMALL: [], LARGE: []}
    added: dict[int, list[float]] = {SMALL: [], LARGE: []}

    def prepare(folder: Path) -> None:
        draw_pairs(folder / "images", count=PAIRS, size=512)

    with opened([SETUP, *CELLS], prepare=prepare, script=LISTEN) as (notebook, _):
        page = notebook.page
        notebook.run(0)
        notebook.run(ECHO)
        page.locator(".echo").wait_for()
        echoes = page.evaluate(ECHOES, EDITS)
        captions = typed(notebook, GRID, "[aria-rowindex='1'] .nbt-cap", 2 * PAIRS)
        instructions = typed(notebook, TABLE, "[aria-rowindex='2'] .nbt-instruction", PAIRS)
        echoes += page.evaluate(ECHOES, EDITS)
        heap = Heap(page)
        for _ in range(ROUNDS + 1):
            for index in turns:
                before = heap.megabytes()
                notebook.run(index)
                notebook.cell(index).locator(".nbt-tile").first.wait_for()
                turns[index] += page.evaluate(SCROLL, [index, TURNS, False])
                page.evaluate(SCROLL, [index, TURNS, True])
                added[index].append(heap.megabytes() - before)
                cleared(notebook, index)
    floor = late(echoes)
    for what, took in (("a caption", captions), ("an instruction", instructions)):
        name = f"{len(took)} edits of {what} acknowledged, p95, against a bare echo"
        better_when_low(name, late(took), floor, "ms")
    few, many = (late(turns[index]) for index in (SMALL, LARGE))
    name = f"{len(turns[LARGE])} pages turned of {MANY:,} images, p95, against {FEW:,}"
    better_when_low(name, many, few, "ms")
    # The first of each is the one that loads what stays.
    few, many = (statistics.median(added[index][1:]) for index in (SMALL, LARGE))
    better_when_low(f"memory of a grid of {MANY:,}, against {FEW:,}", many, few, "MB")


if __name__ == "__main__":
    main()
