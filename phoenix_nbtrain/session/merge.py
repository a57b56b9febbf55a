"""What the service holds, brought into the draft without losing anything typed on either side.

A three-way merge: what both sides agreed on last, what the draft says now, what the service says
now. Whoever alone changed something wins; where both did, both texts are shown and the row waits.
What was sent and never confirmed is ours wherever it turns up, though the draft has moved on since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.draft import (
    Draft,
    ImageRow,
    PairRow,
    PairTriple,
    cell,
    new_image_id,
    new_pair_id,
)
from phoenix_nbtrain.records import Model, TrainingImage
from phoenix_nbtrain.text import shown

__all__ = ["captioned", "merge"]

_FOREIGN_PAIR: PairTriple = ("", "", "")


def merge(draft: Draft, model: Model) -> Draft:
    """Return the draft after the model was read. Pure; the same object where nothing changed.

    What the reply left out changes nothing: it does not say that the service holds none.
    """
    merged = draft
    for key, part in (
        ("trainingImages", _images),
        ("trainingImagePairs", _pairs),
        ("parameters", _config),
    ):
        if key not in model.left_out:
            merged = part(merged, model)
    if merged == draft:
        return draft
    if _typed(merged) == _typed(draft):
        return merged
    revision = draft.revision + 1
    touched = {**draft.touched, **dict.fromkeys(_changed(draft, merged), revision)}
    return replace(merged, revision=revision, touched=MappingProxyType(touched))


def _typed(draft: Draft) -> object:
    """Return what people write; a change of it is a new revision."""
    return (
        [(row.image_id, row.name, row.caption) for row in draft.images],
        [row.triple for row in draft.pairs],
        dict(draft.config),
    )


def _changed(draft: Draft, merged: Draft) -> Iterator[str]:
    """Yield the cells that the service changed, so that no view edits what it has not shown."""
    for row in draft.images:
        new = merged.image[row.image_id]
        if new.name != row.name:
            yield cell("images", row.image_id, "name")
        if new.caption != row.caption:
            yield cell("images", row.image_id, "caption")
    for name in {*draft.config, *merged.config}:
        if draft.config.get(name) != merged.config.get(name):
            yield cell("config", name, "value")


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
            gone=True,
            refusal="Someone removed it on the service",
        )
    row = replace(
        row,
        # An image given by its asset id has no name of its own until the service tells it.
        name=served.name if served.name and row.name == row.asset_id else row.name,
        attached=True,
        automatic_caption=served.automatic_captioning or row.automatic_caption,
    )
    return captioned(row, served.description)


def captioned(row: ImageRow, theirs: str) -> ImageRow:
    """Return the row after the service's caption of it was read."""
    base = row.served_caption or ""
    if row.theirs is not None and theirs == row.caption:
        row = row.mended()  # they came to write the same
    arrived = theirs == row.sending_caption
    row = replace(
        row, served_caption=theirs, sending_caption=None if arrived else row.sending_caption
    )
    if arrived or theirs in (row.caption, base):
        return row  # nobody else changed it; the draft's caption, if newer, is sent later
    if row.caption == base:
        return replace(row, caption=theirs)
    return replace(row, theirs=theirs, refusal=f"Someone else wrote “{shown(theirs, 80)}”")


def _pairs(draft: Draft, model: Model) -> Draft:
    by_asset = {row.asset_id: row.image_id for row in draft.images if row.asset_id}
    known = [
        p for p in model.training_image_pairs if p.source_id in by_asset and p.target_id in by_asset
    ]
    theirs: list[PairTriple] = [
        (by_asset[p.source_id], by_asset[p.target_id], p.instruction) for p in known
    ]
    base, sent = set(draft.served_pairs or ()), set(draft.sending_pairs or ())
    # A pair whose image is not there now went with it, and comes back with it: nobody's choice.
    here = {row.image_id for row in draft.images if row.attached}
    gone = {t for t in base - set(theirs) if t[0] in here and t[1] in here}
    if draft.sending_pairs is not None:
        gone &= sent  # what was not among those sent is gone because we took it out
    ours = {row.triple for row in draft.pairs}
    new = [triple for triple in theirs if triple not in base | sent | ours]
    rewritten = {(source, target): text for source, target, text in new}
    rows = [_pair(row, base, rewritten) for row in draft.pairs if row.triple not in gone]
    rows.extend(
        PairRow(pair_id=new_pair_id(), source=source, target=target, instruction=text)
        for source, target, text in new
    )
    # A pair there of images that are not here must go when the list is next sent.
    foreign = (_FOREIGN_PAIR,) if len(known) < len(model.training_image_pairs) else ()
    arrived = draft.sending_pairs == tuple(theirs)
    return replace(
        draft,
        pairs=tuple(rows),
        served_pairs=tuple(theirs) + foreign,
        sending_pairs=None if arrived else draft.sending_pairs,
    )


def _pair(
    row: PairRow, base: Collection[PairTriple], rewritten: Mapping[tuple[str, str], str]
) -> PairRow:
    """Return the row, refused where somebody else has written another instruction to it, too."""
    theirs = rewritten.get((row.source, row.target))
    if theirs is None or row.triple in base or row.refusal:
        return row
    return replace(
        row, theirs=theirs, refusal=f"Someone else wrote “{shown(theirs, 80)}” for these two"
    )


def _config(draft: Draft, model: Model) -> Draft:
    theirs = catalog.from_wire(model.type, model.parameters)
    if "sample_sources" in theirs:
        by_asset = {row.asset_id: row.image_id for row in draft.images if row.asset_id}
        theirs["sample_sources"] = tuple(by_asset.get(a, a) for a in theirs["sample_sources"])
    base: Mapping[str, Any] = draft.served_config or {}
    sent = draft.sending_config
    ours, both = dict(draft.config), dict(draft.config_theirs)
    for name in {*theirs, *base}:
        changed_there = theirs.get(name) != base.get(name)
        if not changed_there or (sent is not None and theirs.get(name) == sent.get(name)):
            continue  # nobody did, or we did
        if name in both or ours.get(name) != base.get(name):
            both[name] = theirs.get(name)
        elif name in theirs:
            ours[name] = theirs[name]
        else:
            del ours[name]
    return replace(
        draft,
        config=MappingProxyType(ours),
        config_theirs=MappingProxyType(
            {name: value for name, value in both.items() if value != ours.get(name)}
        ),
        served_config=MappingProxyType(theirs),
        sending_config=None if sent == theirs else sent,
    )
