"""What a launch of a draft would buy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.launch import Order, fingerprint
from phoenix_nbtrain.records import Model


def wire_parameters(draft: Draft, type_name: str) -> dict[str, Any]:
    """Return the draft's parameters as the service takes them, defaults explicit.

    Sample sources are image ids here and asset ids there.
    """
    config: dict[str, Any] = dict(draft.config)
    if "sample_sources" in config:
        config["sample_sources"] = tuple(
            (draft.image[i].asset_id or i) if i in draft.image else i
            for i in config["sample_sources"]
        )
    return catalog.to_wire(type_name, config)


def stored_parameters(model: Model) -> dict[str, Any]:
    """Return the parameters that the service keeps with a model, defaults explicit."""
    if model.type not in catalog.MODEL_TYPES:
        return dict(model.parameters)
    return catalog.to_wire(model.type, catalog.from_wire(model.type, model.parameters))


def order_of(draft: Draft, model: Model) -> Order:
    """Return the order for a draft: its images by content, its captions, pairs, parameters."""
    parameters = wire_parameters(draft, model.type)
    image: Mapping[str, ImageRow] = draft.image

    def key(image_id: str) -> str:
        row = image.get(image_id)
        return image_id if row is None else row.content_hash or row.asset_id or image_id

    return Order(
        model_id=model.id,
        parameters=parameters,
        fingerprint=fingerprint(
            model.id,
            images=((key(row.image_id), row.caption) for row in draft.images),
            pairs=((key(p.source), key(p.target), p.instruction) for p in draft.pairs),
            parameters=parameters,
        ),
    )
