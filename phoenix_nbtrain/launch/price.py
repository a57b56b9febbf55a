"""Prices: asked for by a dry run, accepted once, and never exceeded."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from phoenix_nbtrain.errors import InputError, PriceNotAccepted, shown
from phoenix_nbtrain.store.journal import IntentKind

__all__ = ["ESTIMATE_SECONDS", "Estimate", "check_price", "money", "parse_max_cost"]

ESTIMATE_SECONDS = 120
"""How long an estimate can be accepted."""
_CALL: Mapping[IntentKind, str] = {"training": "training.start", "download": "training.download"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Estimate:
    """A price, for one order, that can be accepted once."""

    kind: IntentKind = "training"
    model_id: str
    amount: Decimal
    """What a launch is charged, after the discount."""
    unit: str
    """``CU``, or ``simulated CU`` where nothing is charged."""
    discount: Decimal = Decimal(0)
    details: Mapping[str, Decimal] = field(default_factory=dict)
    fingerprint: str
    served: str
    """A digest of what the service held, as read with the price."""
    made_at: float
    """Seconds since 1970."""
    covers: int | None = None
    """How many of the draft's images (of edit types: pairs) it is for, where not for all."""
    of: int | None = None
    """How many the draft has."""
    estimate_id: str = field(default_factory=lambda: "est_" + secrets.token_hex(8))

    def __str__(self) -> str:
        return money(self.amount, self.unit)

    def __repr__(self) -> str:
        part = f" for {self.covers} of {self.of}" if self.covers != self.of else ""
        return f"<Estimate: {self}{part}>"


def money(value: Decimal, unit: str) -> str:
    """Return a price for people: ``1,296 CU``, ``10.75 CU``."""
    return f"{value.normalize():,f} {unit}"


def parse_max_cost(value: object, unit: str) -> Decimal:
    """Return a price cap as a number in ``unit``.

    Args:
        value: a number, or a text such as ``"400 CU"``.
        unit: the unit the service prices in.

    Raises:
        InputError: no such number, or another unit.
    """
    number: object = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9][0-9,]*(?:\.[0-9]+)?)\s*(.*?)\s*", value)
        if match is None:
            raise InputError(
                f"max_cost is {shown(value, 40)}.", remedy=f'Give a number, or "400 {unit}".'
            )
        if match[2] and match[2] != unit:
            raise InputError(
                f"max_cost is in {shown(match[2], 30)}, and prices here are in {unit}.",
                remedy=f'Give a number, or "400 {unit}".',
            )
        number = match[1].replace(",", "")
    try:
        if isinstance(number, bool):
            raise InvalidOperation
        cap = Decimal(str(number))
    except InvalidOperation:
        cap = Decimal("NaN")
    if not cap.is_finite() or cap < 0:
        raise InputError(
            f"max_cost is {shown(value, 40)}.", remedy=f'Give a number, or "400 {unit}".'
        )
    return cap


def check_price(
    estimate: Estimate,
    *,
    accepted: Estimate | None,
    cap: Decimal | None,
    free: bool,
    now: float,
) -> None:
    """Return if today's price was accepted.

    Args:
        estimate: today's price.
        accepted: the one that a person saw and accepted.
        cap: what a script accepts instead.
        free: whether this Phoenix charges nothing, so that nobody need accept anything.
        now: seconds since 1970.

    Raises:
        PriceNotAccepted: it was not, with today's price and the line that accepts it.
    """
    price, noun = money(estimate.amount, estimate.unit), f"The {estimate.kind}"
    line = f"{_CALL[estimate.kind]}(max_cost={estimate.amount.normalize():f})"
    if accepted is not None:
        if accepted.fingerprint != estimate.fingerprint:
            raise PriceNotAccepted(
                f"{noun} changed since its price was shown.",
                remedy=f"It costs {price} now; look, and accept that.",
            )
        if now - accepted.made_at > ESTIMATE_SECONDS:
            raise PriceNotAccepted(
                f"The price shown is older than {ESTIMATE_SECONDS} s.",
                remedy=f"It is {price} now; look, and accept that.",
            )
        if estimate.amount > accepted.amount:
            raise PriceNotAccepted(
                f"The price rose: {accepted} → {price}.",
                remedy="Nothing was bought; accept the new price to go on.",
            )
        if accepted.served != estimate.served:
            raise PriceNotAccepted(
                "Someone changed the training set on the service since the price was shown.",
                remedy="Look at the set and estimate again.",
            )
    if cap is not None:
        if estimate.amount > cap:
            raise PriceNotAccepted(
                f"{noun} costs {price}, more than max_cost.", remedy=f"To accept: {line}"
            )
    elif accepted is None and not free:
        raise PriceNotAccepted(
            f"{noun} costs {price}, and nobody accepted that.", remedy=f"To accept: {line}"
        )
