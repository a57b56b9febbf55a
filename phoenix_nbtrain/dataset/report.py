"""What became of each file that was given."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.text import shown

__all__ = ["AddReport", "FileFate"]

BROUGHT_BACK = "To bring it back: add_images(…, again=True)."

_LISTED = 20
"""How many rows are listed before the rest is only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFate:
    """What became of one file."""

    name: str
    """The name the picture goes by, or the file's own where it was refused."""
    fate: Literal["added", "already there", "left out", "refused"]
    """``left out`` is an image that a person removed before."""
    reason: str = ""
    """Why it was refused, or what is to be known of it besides."""
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of all files of one call. Shows itself in a notebook, names as plain text."""

    rows: tuple[FileFate, ...] = ()
    problem: str = ""
    """What could not be found out; empty where all is well."""

    @property
    def added(self) -> int:
        """Pictures that are new in the set."""
        return self._count("added")

    @property
    def skipped(self) -> int:
        """Pictures that were in the set already."""
        return self._count("already there")

    @property
    def left_out(self) -> int:
        """Images that a person removed, and that were not added again."""
        return self._count("left out")

    @property
    def refused(self) -> int:
        """Files that cannot be taken."""
        return self._count("refused")

    def _count(self, fate: str) -> int:
        return sum(row.fate == fate for row in self.rows)

    @property
    def summary(self) -> str:
        """The counts in words."""
        parts = [f"{self.added} added"]
        if self.skipped:
            parts.append(f"{self.skipped} already there")
        if self.refused:
            parts.append(f"{self.refused} refused")
        if self.left_out:
            parts.append(left_out.said(images=self.left_out))
        return ", ".join(parts)

    def _told(self) -> Iterable[FileFate]:
        """Return the rows that have something to say, refused ones first."""
        said = [row for row in self.rows if row.reason]
        return sorted(said, key=lambda row: row.fate != "refused")

    def __str__(self) -> str:
        told = list(self._told())
        lines = [f"{self.summary}."]
        if self.left_out:
            lines.append(f"  {BROUGHT_BACK}")
        if self.problem:
            lines.append(f"  {shown(self.problem, 200)}")
        lines += [f"  {shown(r.name)}: {r.fate}, {shown(r.reason, 200)}" for r in told[:_LISTED]]
        if len(told) > _LISTED:
            lines.append(f"  and {len(told) - _LISTED} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        told = list(self._told())
        rows = "".join(
            f"<tr><td>{_text(r.name, 60)}</td><td>{_text(r.fate, 20)}</td>"
            f"<td>{_text(r.reason, 200)}</td></tr>"
            for r in told[:_LISTED]
        )
        if len(told) > _LISTED:
            rows += f"<tr><td colspan=3>and {len(told) - _LISTED} more</td></tr>"
        notes = [BROUGHT_BACK] if self.left_out else []
        notes += [self.problem] if self.problem else []
        note = "".join(f"<div>{_text(words, 200)}</div>" for words in notes)
        table = f"<table>{rows}</table>" if rows else ""
        return f"<div>{_text(self.summary, 120)}.</div>{note}{table}"


def _text(value: str, limit: int) -> str:
    return html.escape(shown(value, limit))
