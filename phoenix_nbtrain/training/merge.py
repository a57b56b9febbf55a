"""What the service holds, brought into the draft without losing anything typed on either side.

A three-way merge: what both sides agreed on last, what the draft says now, what the service says
now. Whoever alone changed something wins; where both did, both texts are shown and the row waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, PairTriple, new_image_id, new_pair_id
from phoenix_nbtrain.errors import shown
from phoenix_nbtrain.records import Model, TrainingImage

__all__ = ["merge"]

_FOREIGN_PAIR: PairTriple = ("", "", "")


def merge(draft: Draft, model: Model) -> Draft:
    """Return the draft after the model was read. Pure; the same object where nothing changed."""
    merged = _config(_pairs(_images(draft, model), model), model)
    if merged == draft:
        return draft
    typed = _typed(merged) != _typed(draft)
    return replace(merged, revision=draft.revision + 1) if typed else merged


def _typed(draft: Draft) -> object:
    """Return what people write; a change of it is a new revision."""
    return (
        [(row.image_id, row.name, row.caption) for row in draft.images],
        [row.triple for row in draft.pairs],
        dict(draft.config),
    )


def _images(draft: Draft, model: Model) -> Draft:
    served = {image.id: image for image in model.training_images}
    rows = [_image(row, served.get(row.asset_id or "")) for row in draft.images]
    ours = {row.asset_id for row in rows} | draft.removed
    rows.extend(
        ImageRow(
            image_id=new_image_id(),
            name=image.name or image.id,
            caption=image.description,
            automatic_caption=image.automatic_captioning,
            asset_id=image.id,
            attached=True,
            served_caption=image.description,
        )
        for image in model.training_images
        if image.id not in ours
    )
    return replace(draft, images=tuple(rows), removed=draft.removed & served.keys())


def _image(row: ImageRow, served: TrainingImage | None) -> ImageRow:
    if served is None:
        if not row.attached:
            return row
        return replace(
            row,
            attached=False,
            refusal="Someone removed it on the service; edit it to add it again",
        )
    theirs, base = served.description, row.served_caption
    row = replace(
        row,
        # A picture given by its asset id has no name of its own until the service tells it.
        name=served.name if served.name and row.name == row.asset_id else row.name,
        attached=True,
        automatic_caption=served.automatic_captioning or row.automatic_caption,
        served_caption=theirs,
    )
    if theirs == row.caption or theirs == (base or ""):
        return row  # nobody else changed it; the draft's caption, if newer, is sent later
    if row.caption == (base or ""):
        return replace(row, caption=theirs)
    return replace(row, refusal=f"Someone else wrote “{shown(theirs, 80)}”; edit yours to keep it")


def _pairs(draft: Draft, model: Model) -> Draft:
    by_asset = {row.asset_id: row.image_id for row in draft.images if row.asset_id}
    known = [
        p for p in model.training_image_pairs if p.source_id in by_asset and p.target_id in by_asset
    ]
    theirs: list[PairTriple] = [
        (by_asset[p.source_id], by_asset[p.target_id], p.instruction) for p in known
    ]
    base = set(draft.served_pairs or ())
    gone = base - set(theirs)
    ours = {row.triple for row in draft.pairs}
    rows = [row for row in draft.pairs if row.triple not in gone]
    rows.extend(
        PairRow(pair_id=new_pair_id(), source=source, target=target, instruction=text)
        for source, target, text in theirs
        if (source, target, text) not in base and (source, target, text) not in ours
    )
    # A pair there of pictures that are not here must go when the list is next sent.
    foreign = (_FOREIGN_PAIR,) if len(known) < len(model.training_image_pairs) else ()
    return replace(draft, pairs=tuple(rows), served_pairs=tuple(theirs) + foreign)


def _config(draft: Draft, model: Model) -> Draft:
    theirs = catalog.from_wire(model.type, model.parameters)
    if "sample_sources" in theirs:
        by_asset = {row.asset_id: row.image_id for row in draft.images if row.asset_id}
        theirs["sample_sources"] = tuple(by_asset.get(a, a) for a in theirs["sample_sources"])
    base: Mapping[str, Any] = draft.served_config or {}
    ours = dict(draft.config)
    for name in {*theirs, *base}:
        changed_there = theirs.get(name) != base.get(name)
        if changed_there and ours.get(name) == base.get(name):
            if name in theirs:
                ours[name] = theirs[name]
            else:
                del ours[name]
    return replace(draft, config=MappingProxyType(ours), served_config=MappingProxyType(theirs))
