"""Drafts, edits of them and what is said of a refusal, for these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phoenix_nbtrain.dataset import edits
from phoenix_nbtrain.dataset.edits import Applied
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow
from phoenix_nbtrain.errors import InputError

TYPE = "flux.2-dev-lora"
EDIT_TYPE = "flux.2-dev-edit-lora"
HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "<select><iframe>.png",
    "<button data-commandlinker-command=x>.png",
    "[x](javascript:alert(1)).png",
    "evil\u202egnp.png",
    "👩‍👩‍👧.png",
]
"""Names that must stay text wherever they are shown."""


def image(name: str, **fields: Any) -> ImageRow:
    """A row whose id can be read: ``img_cat`` for ``cat.png``."""
    image_id = "img_" + name.rpartition(".")[0].replace("/", "_")
    return ImageRow(**{"image_id": image_id, "name": name, **fields})


def named(*names: str) -> Draft:
    """Images of these names, ``img_0`` and on."""
    return Draft(images=tuple(image(n, image_id=f"img_{i}") for i, n in enumerate(names)))


def pair(number: int, source: str, target: str, instruction: str = "", **fields: Any) -> PairRow:
    return PairRow(
        pair_id=f"pair_{number}",
        source=f"img_{source}",
        target=f"img_{target}",
        instruction=instruction,
        **fields,
    )


def op(kind: str, row: Any, **rest: Any) -> dict[str, Any]:
    """An edit of an image, a pair or a parameter, whichever ``row`` is the id of."""
    table = {"img_": "images", "pair": "pairs"}.get(str(row)[:4], "config")
    return {"op": kind, "table": table, "row": row, **rest}


def put(row: str, column: str, value: Any, **rest: Any) -> dict[str, Any]:
    return op("set", row, column=column, value=value, **rest)


def caption(row: str, value: Any, **rest: Any) -> dict[str, Any]:
    return put(row, "caption", value, **rest)


def done(draft: Draft, *ops: Any, base: int | None = None, trusted: bool = False) -> Applied:
    return edits.apply(draft, ops, base=base, type_name=TYPE, trusted=trusted)


def assigned(draft: Draft, ops: Any) -> Draft:
    """The draft after edits none of which is refused."""
    applied = done(draft, *ops)
    assert not applied.refused
    return applied.draft


def refused(call: Callable[..., Any], *args: Any, **rest: Any) -> str:
    """Why a call is refused; all that is said must fit into a line or two."""
    with pytest.raises(InputError) as caught:
        call(*args, **rest)
    assert len(str(caught.value)) <= 200
    return str(caught.value)
