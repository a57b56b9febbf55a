"""One sentence for many pairs: a template with what differs between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.dataset.lookup import path_parts, stem
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

PLACEHOLDERS = ("source", "target", "n", "source_caption", "target_caption")
"""What a template may hold in braces: the images' names without folder and ending, the pair's
number in the table, the images' captions. ``{{`` and ``}}`` are braces themselves."""

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def filled(draft: Draft, template: object, pair_ids: Iterable[str]) -> dict[str, str]:
    """Return what ``template`` says of each of these pairs; ids that are not there are left out.

    Raises:
        InputError: the template is no text, holds a placeholder that there is not, or makes an
            instruction that cannot be taken.
    """
    template = caption_text(template, "template")
    for found in _BRACES.finditer(template):
        name = found.group(1)
        if name is not None and name.strip() not in PLACEHOLDERS:
            raise InputError(
                f"There is no {{{shown(name, 40)}}}.",
                remedy="There are {" + "}, {".join(PLACEHOLDERS) + "}.",
            )
    numbers = {row.pair_id: n for n, row in enumerate(draft.pairs, 1)}
    return {
        pair_id: _filled(draft, template, draft.pair[pair_id], numbers[pair_id])
        for pair_id in pair_ids
        if pair_id in numbers
    }


def set_instructions(draft: Draft, template: str, pair_ids: Iterable[str] | None) -> tuple[Op, ...]:
    """Return the operations that write a template over pairs, by default all.

    Raises:
        InputError: see `filled`; or a pair is not there.
    """
    ids = list(draft.pair if pair_ids is None else pair_ids)
    gone = next((i for i in ids if i not in draft.pair), None)
    if gone is not None:
        raise InputError(
            f"There is no pair {shown(gone, 40)}.", remedy="training.pairs lists their ids."
        )
    return tuple(
        {"op": "set", "table": "pairs", "row": i, "column": "instruction", "value": text}
        for i, text in filled(draft, template, ids).items()
        if text != draft.pair[i].instruction
    )


def _filled(draft: Draft, template: str, pair: PairRow, number: int) -> str:
    source, target = draft.image.get(pair.source), draft.image.get(pair.target)
    says: Mapping[str, str] = {
        "source": _called(source),
        "target": _called(target),
        "n": str(number),
        "source_caption": _caption(source),
        "target_caption": _caption(target),
    }

    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        return found.group(0)[0] if name is None else says[name.strip()]

    return caption_text(_BRACES.sub(put, template), "instruction")


def _called(row: ImageRow | None) -> str:
    parts = path_parts(row.name) if row else ()
    return stem(parts[-1]) if parts else ""


def _caption(row: ImageRow | None) -> str:
    return (row.caption or row.automatic_caption) if row else ""
