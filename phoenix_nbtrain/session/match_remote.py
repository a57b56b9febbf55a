"""Telling that the service holds an image already, where this computer has forgotten it.

A model that is joined by its id brings its images along as asset ids. Whether a file is one of
them only its bytes can tell: sizes are compared first, and of those that agree the bytes are read
back, once for each image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phoenix_nbtrain.contents import Contents
from phoenix_nbtrain.dataset.intake import FoundImage
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import ImageError, PhoenixError
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.records import Asset
from phoenix_nbtrain.runner import Runner
from phoenix_nbtrain.session.service import Service


@dataclass(slots=True)
class Learned:
    """What was found out of images that only the service had."""

    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fields of rows, by asset id."""
    problem: str = ""
    """Why not all could be found out."""

    def note(self, asset_id: str, **fields: Any) -> None:
        """Note what is known of one asset."""
        self.fields.setdefault(asset_id, {}).update(fields)

    def applied(self, draft: Draft) -> Draft:
        """Return the draft with what was found out; itself where that is nothing."""
        rows = {}
        for asset_id, row in strangers(draft).items():
            changed = replace(row, **self.fields.get(asset_id, {}))
            if changed != row:
                rows[row.image_id] = changed
        out = tuple(replace(row, **self._of_removed(row)) for row in draft.left_out)
        if not rows and out == draft.left_out:
            return draft
        return replace(draft.with_images(rows), left_out=out)

    def _of_removed(self, row: ImageRow) -> dict[str, Any]:
        found = self.fields.get(row.asset_id or "", {})
        return {name: found[name] for name in ("content_hash", "url_key", "bytes") if name in found}


def strangers(draft: Draft) -> dict[str, ImageRow]:
    """Return the images of which only the service has the content, by asset id."""
    return {
        row.asset_id: row
        for row in draft.images
        if row.attached and row.asset_id and row.content_hash is None
    }


def _unknown(draft: Draft) -> dict[str, ImageRow]:
    """Return those, and those that a person removed before their content was known."""
    removed = {r.asset_id: r for r in draft.left_out if r.asset_id and not r.content_hash}
    return {**removed, **strangers(draft)}


def recall(draft: Draft, uploads: Mapping[str, str]) -> Learned:
    """Find out what the journal tells: images that this computer sent for the model itself."""
    learned = Learned()
    there = _unknown(draft)
    for key, asset_id in uploads.items():
        if asset_id in there:
            learned.note(asset_id, **{"url_key" if key.startswith("url:") else "content_hash": key})
    return learned


def recognise(
    draft: Draft,
    images: Collection[FoundImage],
    *,
    service: Service,
    kept: Contents,
    runner: Runner,
) -> Learned:
    """Find out which of ``images`` the service holds.

    Args:
        draft: whose rows may be among them.
        images: files that were looked at. What is no file, or known by its content, is passed
            over.
        service: what is asked, for nothing unless an image could be one of the rows.
        kept: where the bytes that were read back go, so that they are read once.
        runner: reads them side by side.
    """
    known = {row.content_hash for row in (*draft.images, *draft.left_out)}
    files = [p for p in images if p.content_hash and p.content_hash not in known]
    sizes = {size for p in files for size in (p.size, p.file_size)}
    ask = [i for i, row in _unknown(draft).items() if row.bytes is None or row.bytes in sizes]
    learned = Learned()
    if not files or not ask:
        return learned

    def look(asset: Asset) -> None:
        try:
            content = metadata.strip(service.fetch(asset.url))
        except ImageError:
            return  # a kind of image that no file here can be
        kept.put(content)
        learned.note(asset.id, content_hash=hashlib.sha256(content).hexdigest())

    try:
        assets = service.get_assets(ask)
    except PhoenixError as error:
        learned.problem = _untold(error)
        return learned
    for asset in assets:
        known_sizes = {"width": asset.width, "height": asset.height, "bytes": asset.size}
        learned.note(asset.id, **{k: v for k, v in known_sizes.items() if v is not None})
    looks = [runner.submit("io", look, a) for a in assets if any(_may_be(a, p) for p in files)]
    for failure in [flight.exception() for flight in looks]:
        if isinstance(failure, PhoenixError):
            learned.problem = _untold(failure)
        elif failure is not None:
            raise failure
    return learned


def _may_be(asset: Asset, image: FoundImage) -> bool:
    header = image.header
    if asset.size not in (image.size, image.file_size) or header is None:
        return False
    # Which way round the service counts a turned image is not stated.
    sides = {asset.width, asset.height}
    return None in sides or sides == {header.width, header.height}


def _untold(error: PhoenixError) -> str:
    return f"Couldn't check whether Phoenix already has some of these: {error}"[:200]
