"""What became of each image or pair that was given."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.text import shown

BROUGHT_BACK = "To bring it back: add_images(…, again=True)."

_LISTED = 20
"""How many rows are listed before the rest is only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFate:
    """What became of one file."""

    name: str
    """The name the image goes by, or the file's own where it was refused."""
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
        """Images that are new in the set."""
        return self._count("added")

    @property
    def skipped(self) -> int:
        """Images that were in the set already."""
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

    @property
    def _told(self) -> list[FileFate]:
        """The rows that have something to say, refused ones first."""
        return _refused_first(row for row in self.rows if row.reason)

    @property
    def _notes(self) -> list[str]:
        return [note for note in (BROUGHT_BACK if self.left_out else "", self.problem) if note]

    def __str__(self) -> str:
        lines = [f"{shown(r.name)}: {r.fate}, {shown(r.reason, 200)}" for r in self._told[:_LISTED]]
        return _as_text(self.summary, self._notes, lines, len(self._told))

    def _repr_html_(self) -> str:
        cells = [(shown(r.name, 60), r.fate, shown(r.reason, 200)) for r in self._told[:_LISTED]]
        return _as_html(self.summary, self._notes, cells, len(self._told))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFate:
    """What became of one line."""

    line: int
    """Where it stands in the file, the header counted; from 1 in a frame or list."""
    fate: Literal["added", "changed", "already there", "left out", "refused"]
    """``left out`` is a pair that a person removed before, or whose image was removed."""
    source: str = ""
    """The source as it was given."""
    target: str = ""
    reason: str = ""
    """Why it was refused, or what is to be known of it besides."""
    pair_id: str | None = None


@dataclass(frozen=True, slots=True)
class PairReport:
    """What became of all lines. Shows itself in a notebook, names as plain text."""

    rows: tuple[PairFate, ...] = ()

    def count(self, fate: str) -> int:
        """Return how many lines met that fate."""
        return sum(row.fate == fate for row in self.rows)

    @property
    def summary(self) -> str:
        """The counts in words."""
        fates = ("added", "changed", "already there", "refused")
        parts = [f"{self.count(fate)} {fate}" for fate in fates if self.count(fate)]
        if out := self.count("left out"):
            parts.append(left_out.said(pairs=out))
        return ", ".join(parts) or "no pairs in it"

    @property
    def told(self) -> list[PairFate]:
        """The lines that there is something to say of, refused ones first."""
        return _refused_first(row for row in self.rows if row.reason)

    def __str__(self) -> str:
        lines = [
            f"line {r.line}, {shown(r.source, 30)} → {shown(r.target, 30)}: "
            f"{r.fate}, {shown(r.reason, 200)}"
            for r in self.told[:_LISTED]
        ]
        return _as_text(self.summary, (), lines, len(self.told))

    def _repr_html_(self) -> str:
        cells = [
            (str(r.line), shown(r.source, 40), shown(r.target, 40), r.fate, shown(r.reason, 200))
            for r in self.told[:_LISTED]
        ]
        return _as_html(self.summary, (), cells, len(self.told))


_Fate = TypeVar("_Fate", FileFate, PairFate)


def _refused_first(rows: Iterable[_Fate]) -> list[_Fate]:
    return sorted(rows, key=lambda row: row.fate != "refused")


def _as_text(summary: str, notes: Iterable[str], lines: Sequence[str], count: int) -> str:
    """Return a report of ``count`` rows, of which the first are listed."""
    said = [f"{summary}.", *(f"  {shown(note, 200)}" for note in notes)]
    said += [f"  {line}" for line in lines]
    if count > len(lines):
        said.append(f"  and {count - len(lines)} more")
    return "\n".join(said)


def _as_html(
    summary: str, notes: Iterable[str], rows: Sequence[tuple[str, ...]], count: int
) -> str:
    """Return a report of ``count`` rows, of which the first are listed, names as plain text."""
    said = "".join(f"<div>{html.escape(shown(note, 200))}</div>" for note in notes)
    listed = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    if count > len(rows):
        listed += f"<tr><td colspan={len(rows[0])}>and {count - len(rows)} more</td></tr>"
    table = f"<table>{listed}</table>" if listed else ""
    return f"<div>{html.escape(shown(summary, 120))}.</div>{said}{table}"
