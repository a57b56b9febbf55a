"""What a training costs here: a simulated price, charged to nobody.

The service publishes no price list; every price comes from a dry run. One point is known, a
``flux.1-lora`` training of 18 images, 10 epochs and 20 repeats at 1,080 units, which is 0.3 per
image, epoch and repeat. The other families' rates are chosen for this simulation, in the order in
which larger base models can be expected to cost more. They say nothing about the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.catalog import MODEL_TYPES

__all__ = ["number", "price"]

_RATES: Mapping[str, Decimal] = {
    "FLUX.1": Decimal("0.3"),
    "FLUX.1 Kontext": Decimal("0.35"),
    "FLUX.2 dev": Decimal("0.4"),
    "FLUX.2 dev, edit": Decimal("0.5"),
    "FLUX.2 Klein": Decimal("0.15"),
    "FLUX.2 Klein, edit": Decimal("0.2"),
    "FLUX.2 Klein base": Decimal("0.2"),
    "FLUX.2 Klein base, edit": Decimal("0.25"),
    "Qwen Image": Decimal("0.3"),
    "Qwen Image, edit": Decimal("0.35"),
    "Z-Image": Decimal("0.15"),
}
"""Simulated creative units per image (or pair), epoch and repeat, by family."""


def price(type_name: str, config: Mapping[str, Any], items: int) -> Decimal:
    """Return the simulated price of a training.

    Linear in images × epochs × repeats, as the service's own prices appear to be. A step limit
    (Flux types) caps what is charged, as it caps what is done.

    Args:
        type_name: the model type.
        config: every parameter, under our names.
        items: images, or pairs of an edit type.
    """
    looks: int = items * config["epochs"] * config["repeats"]
    if config.get("max_train_steps"):
        looks = min(looks, config["max_train_steps"] * config["batch_size"])
    return _RATES[MODEL_TYPES[type_name].family] * looks


def number(amount: Decimal) -> int | float:
    """Return a price as the JSON number the service would send."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
