"""What a training costs here: a simulated price, taken from a simulated balance if one is set.

The service publishes no price list; every price comes from a dry run. One point is known, a
``flux.1-lora`` training of 18 images, 10 epochs and 20 repeats at 1,080 units, which is 0.3 per
image, epoch and repeat. The other families' rates are chosen for this simulation, in the order in
which larger base models can be expected to cost more. They say nothing about the service.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.local.service_errors import Refused
from phoenix_nbtrain.local.settings import load, save

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

DOWNLOAD_PRICE = Decimal(5)
"""Simulated creative units for a model's weights. The service has a price, and names none."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What is charged."""

    cost: Decimal
    """Creative units, after the discount."""
    discount: Decimal = Decimal(0)
    """Creative units that were taken off."""


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


def bill(connection: sqlite3.Connection, amount: Decimal) -> Bill:
    """Return what a price comes to with the discount that is set."""
    discount = (amount * load(connection).discount).quantize(Decimal("0.01"))
    return Bill(amount - discount, discount)


def charge(connection: sqlite3.Connection, cost: Decimal) -> None:
    """Take ``cost`` from the balance, if there is one.

    Raises:
        Refused: 402, less is left.
    """
    settings = load(connection)
    if settings.balance is None:
        return
    if cost > settings.balance:
        raise Refused(402, {"reason": "Not enough creative units"})
    save(connection, replace(settings, balance=settings.balance - cost))


def refund(connection: sqlite3.Connection, cost: Decimal) -> None:
    """Give ``cost`` back to the balance, if there is one."""
    settings = load(connection)
    if settings.balance is not None:
        save(connection, replace(settings, balance=settings.balance + cost))


def number(amount: Decimal) -> int | float:
    """Return a price as the JSON number the service would send."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)
