"""Words for a page: whatever a person or a service wrote, as text that does nothing else."""

from __future__ import annotations

import html

from phoenix_nbtrain.text import MESSAGE_MAX, shown

__all__ = ["MESSAGE_MAX", "counted", "text"]


def text(value: object, limit: int = MESSAGE_MAX) -> str:
    """Return ``value`` as HTML that shows it and does nothing else.

    Whatever a person or a service wrote goes through here on its way into a panel.
    """
    return html.escape(shown(value, limit))


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 image``, ``24 images``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
