"""An image grid on a page, and its parts as tests name them."""

from __future__ import annotations

from browser.harness import Shown
from playwright.sync_api import Locator


class Grid(Shown):
    """An image grid on a page."""

    def tile(self, n: int) -> Locator:
        return self.page.locator(f".nbt-line[aria-rowindex] .nbt-tile:visible >> nth={n}")

    def caption(self, n: int) -> Locator:
        return self.tile(n).locator(".nbt-cap")

    @property
    def editor(self) -> Locator:
        return self.page.locator("textarea")

    def tiles(self) -> int:
        """Return how many are in view."""
        return self.page.locator(".nbt-tile:visible").count()

    def names(self) -> list[str]:
        return list(self.page.locator(".nbt-tile:visible .nbt-name").all_inner_texts())

    def select(self, *tiles: int) -> None:
        """Select these tiles, one after the other, and no others."""
        self.press("Escape")
        for n, at in enumerate(tiles):
            self.tile(at).locator(".nbt-pic").click(modifiers=["Control"] if n else [])
        self.until(lambda: self.page.locator("[aria-selected=true]").count() == len(tiles))

    def captions(self) -> list[str]:
        return [row.caption for row in self.images]
