"""The parts of an image grid on a page, as tests name them."""

from __future__ import annotations

from typing import Any

from browser.harness import Shown, until

SCROLL = "(y) => { document.querySelector('.nbt-scroll').scrollTop = y }"


def tile(view: Shown, n: int) -> Any:
    return view.page.locator(f".nbt-line[aria-rowindex] .nbt-tile:visible >> nth={n}")


def caption(view: Shown, n: int) -> Any:
    return tile(view, n).locator(".nbt-cap")


def editor(view: Shown) -> Any:
    return view.page.locator("textarea")


def names(view: Shown) -> list[str]:
    return list(view.page.locator(".nbt-tile:visible .nbt-name").all_inner_texts())


def select(view: Shown, *tiles: int) -> None:
    """Select these tiles, one after the other, and no others."""
    view.page.keyboard.press("Escape")
    for n, at in enumerate(tiles):
        tile(view, at).locator(".nbt-pic").click(modifiers=["Control"] if n else [])
    until(view, lambda: view.page.locator("[aria-selected=true]").count() == len(tiles))
