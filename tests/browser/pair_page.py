"""What the tests of the pair table share: a small set, the table on a page, its lines and cells, the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from browser.harness import Shown, shown
from playwright.sync_api import Browser, Locator
from trainings import EDIT, StagedTraining, image, pair, training_of

from phoenix_nbtrain.widgets.pairs import PairTable

NAMES = ("cat.png", "cat line.png", "dog.png", "dog line.png", "fox.png")

SOURCE, TARGET, INSTRUCTION = ".nbt-side >> nth=0", ".nbt-side >> nth=1", ".nbt-instruction"


def made(*, status: str = "new", pairs: int = 2) -> StagedTraining:
    """Return a training of five images: cat line → cat, and dog line → dog without instruction."""
    rows = [image(n, "", name=name) for n, name in enumerate(NAMES)]
    both = [pair(1, 1, 0), pair(2, 3, 2, "")][:pairs]
    return training_of(rows, both, type=EDIT, status=status)


def many(count: int, says: Callable[[int], str] = str) -> StagedTraining:
    """Return a training of ``count`` pairs, each with an instruction of its own."""
    rows = [image(n) for n in range(40)]
    sides = [(a, b) for a in range(40) for b in range(40) if a != b]
    both = [pair(n, a, b, says(n)) for n, (a, b) in enumerate(sides[:count])]
    return training_of(rows, both, type=EDIT)


READY = """([images, pairs]) => {
  const grid = document.querySelector(".nbt-scroll");
  const named = images === 0 || window.model.heard.some((reply) => reply.rows?.[0]?.image_id);
  return !grid.hasAttribute("aria-busy") && named && (pairs === 0 || grid.querySelector(".nbt-dot:not([hidden])"));
}"""


class Table(Shown):
    """A pair table on a page."""

    def instructions(self) -> list[str]:
        return [row.instruction for row in self.pairs]

    def line(self, n: int) -> Locator:
        return self.page.locator(f".nbt-pair[aria-rowindex='{n + 2}']")

    def side(self, n: int, which: str) -> Locator:
        return self.line(n).locator(".nbt-side").nth(0 if which == "source" else 1)

    def instruction(self, n: int) -> Locator:
        return self.line(n).locator(".nbt-instruction")

    def number(self, n: int) -> Locator:
        return self.line(n).locator(".nbt-number")

    def rows_chosen(self) -> list[int]:
        """Return the numbers, from 0, of the lines in view that are chosen as a whole."""
        return self.js(
            """() => [...document.querySelectorAll(".nbt-pair[aria-selected='true']")]
            .map((row) => Number(row.getAttribute("aria-rowindex")) - 2).sort((a, b) => a - b)"""
        )

    def cells_chosen(self) -> Sequence[Sequence[bool]]:
        """Return of each line in view whether source, target and instruction are chosen."""
        return self.js(
            """() => [...document.querySelectorAll(".nbt-pair")]
            .sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))
            .map((row) => [...row.querySelectorAll(".nbt-side, .nbt-instruction")]
              .map((cell) => cell.getAttribute("aria-selected") === "true"))"""
        )

    def paste(self, text: str, html: str = "") -> None:
        """Paste as the browser does where no field has the focus: the event goes to the body."""
        self.js(
            """([text, html]) => {
              const data = new DataTransfer();
              data.setData("text/plain", text);
              if (html) data.setData("text/html", html);
              const field = document.activeElement.matches("input, textarea") ? document.activeElement : document.body;
              field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
            }""",
            [text, html],
        )

    def copied(self, kind: str = "copy") -> tuple[str, str]:
        """Copy or cut, and return the text and the HTML that came to the clipboard."""
        both = self.js(
            """(kind) => {
              const data = new DataTransfer();
              document.body.dispatchEvent(new ClipboardEvent(kind, { clipboardData: data, bubbles: true, cancelable: true }));
              return [data.getData("text/plain"), data.getData("text/html")];
            }""",
            kind,
        )
        return both[0], both[1]


@contextmanager
def table_of(browser: Browser, training: StagedTraining, **more: Any) -> Iterator[Table]:
    """Show the pairs of ``training``, and wait until the table has its rows and takes keys."""
    with shown(browser, PairTable(training), Table, **more) as view:
        view.training = training
        draft = training.state.draft
        view.page.wait_for_function(READY, arg=[len(draft.images), len(draft.pairs)])
        yield view
