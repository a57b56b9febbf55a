"""What a snapshot says: plain HTML that reads well with no style sheet and no script.

Hosts take away what they please: scripts, style sheets, classes, inline styles. So the tables are
plain ones and images carry their sizes as attributes; the style sheet that comes along only makes
it prettier. Whatever a person or a service wrote passes through `inert`.
"""

from __future__ import annotations

import base64
import html
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.session.session import Session
from phoenix_nbtrain.session.state import EpochSamples, Thumbnail
from phoenix_nbtrain.text import counted, shown
from phoenix_nbtrain.widgets.base import bundle_text

Images = Mapping[str, Thumbnail]
"""Small images by id; what cannot be shown is missing."""

IMAGES_SHOWN = 24
PAIRS_SHOWN = 20
SAMPLES_SHOWN = 8
COLUMNS = 4
"""Tiles in a row of the plain table; where the style sheet holds, as many as fit."""
NAME_MAX, CAPTION_MAX = 60, 240
"""Most characters of a name, and of a caption or an instruction."""
TILE, SIDE = 120, 72
"""Pixels of the longer side of an image in a contact sheet, and in a row of pairs."""
MIMES = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a snapshot: a heading with words, and what stands below them."""

    heading: str
    words: str
    ids: Sequence[str] = ()
    """The images that it wants."""
    body: Callable[[Images | None], str] = lambda _images: ""
    """Makes HTML of the images that are there; of ``None`` for a snapshot without images."""


def images(draft: Draft) -> Section:
    """Return a contact sheet of the first images."""
    rows = draft.images[:IMAGES_SHOWN]
    rest = _more(len(draft.images) - len(rows), "image")
    return Section(
        "Images",
        _counts(draft.images, [row.state for row in draft.images], "image", "caption"),
        [row.image_id for row in rows],
        lambda inline: _tiles(_image(row, inline) for row in rows) + rest,
    )


def pairs(draft: Draft) -> Section:
    """Return the first pairs, each with both its images."""
    rows = draft.pairs[:PAIRS_SHOWN]
    rest = _more(len(draft.pairs) - len(rows), "pair")

    def body(inline: Images | None) -> str:
        table = "".join(
            f"<tr>{_cell(f'{n}')}{_side(draft, row.source, inline)}{_cell('→')}"
            f"{_side(draft, row.target, inline)}{_instruction(row)}</tr>"
            for n, row in enumerate(rows, 1)
        )
        head = '<th>#</th><th colspan="2">Source</th><th>Target</th><th>Instruction</th>'
        return _table("pairs", f"<tr>{head}</tr>{table}") + rest if rows else ""

    return Section(
        "Pairs",
        _counts(draft.pairs, [draft.pair_state(r) for r in draft.pairs], "pair", "instruction"),
        list(dict.fromkeys(i for row in rows for i in (row.source, row.target))),
        body,
    )


def samples(last: EpochSamples, prompts: Sequence[str]) -> Section:
    """Return the images that the last epoch drew, each with the prompt it was drawn from."""
    ids = last.asset_ids[:SAMPLES_SHOWN]
    said = [*prompts[: len(ids)], *[""] * (len(ids) - len(prompts))]
    return Section(
        "Samples",
        f"epoch {last.epoch:,}",
        ids,
        lambda inline: (
            _tiles(
                _tile(_image_cell(i, inline, prompt, (1, 1), TILE), inert(prompt, CAPTION_MAX))
                for i, prompt in zip(ids, said, strict=True)
            )
            if inline is not None
            else ""
        ),
    )


def facts(heading: str, words: str, rows: Sequence[tuple[str, str]]) -> Section:
    """Return names with their values."""
    table = "".join(
        f"<tr>{_cell(inert(name, NAME_MAX))}{_cell(inert(value, CAPTION_MAX))}</tr>"
        for name, value in rows
    )
    return Section(heading, words, body=lambda _images: _table("facts", table) if rows else "")


# -- the whole -------------------------------------------------------------------------------------


def as_html(
    session: Session,
    sections: Sequence[Section],
    inline: Images | None,
    *,
    as_of: str,
    classes: str,
) -> str:
    """Return a snapshot; ``as_of`` and ``classes`` are HTML already."""
    where = " · ".join((inert(session.type, 60), inert(session.where, 120)))
    parts = "".join(
        f'<div class="nbt-part"><p><b>{inert(s.heading, NAME_MAX)}</b> '
        f"<small>{inert(s.words, 400)}</small></p>{s.body(inline)}</div>"
        for s in sections
    )
    return (
        # MathJax passes over what has one of these names, the old one and the new.
        f'<div class="nbt-snapshot {classes} tex2jax_ignore mathjax_ignore"><style>{_style()}</style>'
        f"<p><b>{inert(session.name, 64)}</b><br><small>{where} · as of {as_of}</small></p>"
        f"{parts}</div>"
    )


def as_text(session: Session, sections: Sequence[Section], *, as_of: str) -> str:
    """Return what a snapshot says where there is no HTML."""
    lines = [f"{s.heading}: {shown(s.words, 400)}" for s in sections]
    return "\n".join([f"{shown(session.name, 64)} · as of {as_of}", *lines])


def inert(value: object, limit: int) -> str:
    """Return ``value`` as one line of HTML that shows it and does nothing else.

    Not even as a formula: MathJax reads ``$`` and backslashes wherever it finds them, and a formula
    may hold a link. It does not read across the borders of elements.
    """
    line = html.escape(shown(" ".join(str(value).split()), limit))
    return re.sub(r"[$\\]", r"<span>\g<0></span>", line)


def clock(at: float) -> str:
    """Return a moment as people write it: ``24 Nov 2026, 14:02 UTC``."""
    then = time.localtime(at)
    return f"{then.tm_mday} {time.strftime('%b %Y, %H:%M %Z', then)}".strip()


@cache
def _style() -> str:
    return bundle_text("snapshot.css")


# -- parts of it -----------------------------------------------------------------------------------


def _counts(rows: Sequence[object], states: Sequence[str], one: str, text: str) -> str:
    """Return how many there are, and how many of them want looking at."""
    without = sum(not getattr(row, text) for row in rows)
    waiting = sum(state in ("kept", "sending") for state in states)
    said = [
        (without, f"without {'an' if text[0] in 'aeiou' else 'a'} {text}"),
        (states.count("refused"), "refused"),
        (waiting, "not on the service yet"),
    ]
    return " · ".join([counted(len(rows), one), *(f"{n:,} {what}" for n, what in said if n)])


def _more(n: int, one: str) -> str:
    return f"<p><small>and {counted(n, f'more {one}')}</small></p>" if n > 0 else ""


def _image(row: ImageRow, inline: Images | None) -> str:
    caption = inert(row.caption, CAPTION_MAX)
    if not row.caption:
        ghost = inert(row.automatic_caption, CAPTION_MAX)
        caption = f"<i>{ghost or 'no caption'}</i>"
    refused = "<br><i>refused</i>" if row.refusal else ""
    cell = _image_cell(row.image_id, inline, row.name, _size(row), TILE)
    return _tile(cell, f"<b>{inert(row.name, NAME_MAX)}</b><br>{caption}{refused}")


def _side(draft: Draft, image_id: str, inline: Images | None) -> str:
    row = draft.image.get(image_id)
    if row is None:
        return _cell(f"<i>{'no longer in the dataset' if image_id else 'not chosen yet'}</i>")
    cell = _image_cell(image_id, inline, row.name, _size(row), SIDE)
    return _cell(f"{cell}<span>{inert(row.name, NAME_MAX)}</span>")


def _instruction(row: PairRow) -> str:
    words = inert(row.instruction, CAPTION_MAX) or "<i>no instruction</i>"
    return _cell(words + ("<br><i>refused</i>" if row.refusal else ""))


def _image_cell(
    key: str, inline: Images | None, name: str, size: tuple[int, int], side: int
) -> str:
    if inline is None:
        return ""
    made = inline.get(key)
    if made is None or made.mime not in MIMES:
        return "<i>no image</i><br>"
    longest = max(size)
    width, height = (max(1, round(side * n / longest)) for n in size)
    # In one line: some hosts drop an address that has a line's end in it.
    data = base64.b64encode(made.content).decode("ascii")
    alt = html.escape(shown(name, NAME_MAX))
    return (
        f'<img src="data:{made.mime};base64,{data}" width="{width}" height="{height}" '
        f'alt="{alt}"><br>'
    )


def _size(row: ImageRow) -> tuple[int, int]:
    return (row.width or 1, row.height or 1)


def _tile(cell: str, words: str) -> str:
    return f'<td valign="top" width="{100 // COLUMNS}%"><div align="left">{cell}{words}</div></td>'


def _tiles(tiles: Iterable[str]) -> str:
    cells = list(tiles)
    rows = (cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS))
    return _table("tiles", "".join(f"<tr>{''.join(row)}</tr>" for row in rows)) if cells else ""


def _cell(content: str) -> str:
    # The cell's own alignment is the host's, which may be right; that of a block in it is ours.
    return f'<td valign="top"><div align="left">{content}</div></td>'


def _table(name: str, rows: str) -> str:
    return f'<table class="nbt-{name}"><tbody>{rows}</tbody></table>'
