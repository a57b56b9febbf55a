"""Prices: asked for by a dry run, accepted once, and never exceeded."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral, Real

from phoenix_nbtrain.clock import Moment, moment
from phoenix_nbtrain.errors import InputError, PriceNotAccepted
from phoenix_nbtrain.store.journal import IntentKind
from phoenix_nbtrain.text import shown

__all__ = ["ESTIMATE_SECONDS", "Estimate", "check_price", "money", "parse_max_cost"]

ESTIMATE_SECONDS = 120
"""How long an estimate can be accepted."""
_MAX_COST_END = 10**12
"""A cap of that many units and more is a slip of the keyboard."""
_HELD = "the model's weights as the service holds them"
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
    made: Moment = field(default_factory=moment)
    """When it was made."""
    epoch: str | None = None
    """Of a download: whose weights it is for; ``None`` for the model's own."""
    held: bool = False
    """Whether it is for the model's weights as the service holds them, of no stated run."""
    after: str | None = None
    """The launch that appeared not to have run when it was made, if there was one."""
    covers: int | None = None
    """How many of the draft's images (of edit types: pairs) it is for, where not for all."""
    of: int | None = None
    """How many the draft has."""
    estimate_id: str = field(default_factory=lambda: "est_" + secrets.token_hex(8))

    @property
    def made_at(self) -> float:
        """When it was made, in seconds since 1970."""
        return self.made.at

    @property
    def age(self) -> float:
        """How many seconds ago it was made."""
        return moment().since(self.made)

    def __str__(self) -> str:
        return money(self.amount, self.unit)

    def __repr__(self) -> str:
        part = f" for {self.covers} of {self.of}" if self.covers != self.of else ""
        part += f" for {_HELD}" if self.held else ""
        return f"<Estimate: {self}{part}>"


def money(value: Decimal, unit: str) -> str:
    """Return a cost for people: ``1,296 CU``, ``10.75 CU``."""
    return f"{_without_zeros(f'{value:,f}')} {unit}"


def parse_max_cost(value: object, unit: str) -> Decimal | None:
    """Return the most that a script accepts to pay, as a number in ``unit``.

    Args:
        value: ``None``, a number (int, float, Decimal or NumPy's), or a text such as ``"400"`` or
            ``"400 CU"``.
        unit: the unit the service prices in.

    Returns:
        The very number that was written, or ``None`` for ``None``.

    Raises:
        InputError: not a number from 0 to below 10¹², written with a comma, or in another unit.
    """
    if value is None:
        return None
    number = _read_text(value, unit) if isinstance(value, str) else _read_number(value)
    if number is None or not number.is_finite() or not 0 <= number < _MAX_COST_END:
        raise InputError(
            f"max_cost is {shown(value, 40)}.",
            remedy=f'Give a number from 0 to below 1,000,000,000,000, or a text like "400 {unit}".',
        )
    return number


def _read_text(text: str, unit: str) -> Decimal | None:
    match = re.fullmatch(r"\s*([0-9][0-9.,]*)\s*(.*?)\s*", text)
    if match is None:
        return None
    digits, named = match.groups()
    if "," in digits:
        readings = []
        if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", digits):
            readings.append(digits.replace(",", ""))
        if re.fullmatch(r"([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+", digits):
            readings.append(digits.replace(".", "").replace(",", "."))
        raise InputError(
            f"max_cost is {shown(text, 40)}, with a comma.",
            remedy=f"Write {' or '.join(readings) or 'the number without commas'}.",
        )
    if named and named != unit:
        raise InputError(
            f"max_cost is in {shown(named, 30)}, but costs here are in {unit}.",
            remedy=f'Give a number, or a text like "400 {unit}".',
        )
    return Decimal(digits) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", digits) else None


def _read_number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, Integral):
        return Decimal(int(value))
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    # NumPy's other floats: their own shortest digits, since as a float 8.4 would become 8.3999996.
    return Decimal(str(value)) if isinstance(value, Real) and hasattr(value, "dtype") else None


def _literal(amount: Decimal) -> str:
    """Return ``amount`` as Python that `parse_max_cost` reads as the same number."""
    digits = _without_zeros(f"{amount:f}")
    exact = "." not in digits or Decimal(repr(float(digits))) == amount
    return digits if exact else f'"{digits}"'


def _without_zeros(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def check_price(
    estimate: Estimate,
    *,
    accepted: Estimate | None,
    cap: Decimal | None,
    free: bool,
    now: Moment,
) -> None:
    """Return if today's price was accepted.

    Args:
        estimate: today's price.
        accepted: the one that a person saw and accepted.
        cap: what a script accepts instead.
        free: whether this Phoenix charges nothing, so that nobody need accept anything.
        now: the present moment.

    Raises:
        PriceNotAccepted: it was not, with today's price and the line that accepts it.
    """
    price, noun = money(estimate.amount, estimate.unit), f"The {estimate.kind}"
    noun += f" of {_HELD}" if estimate.held else ""
    epoch = f"epoch={estimate.epoch}, " if estimate.epoch is not None else ""
    line = f"{_CALL[estimate.kind]}({epoch}max_cost={_literal(estimate.amount)})"
    if accepted is not None:
        if accepted.fingerprint != estimate.fingerprint:
            raise PriceNotAccepted(
                f"{noun} changed since its cost was shown.",
                remedy=f"It costs {price} now. Accept the new cost to go on.",
            )
        if now.since(accepted.made) > ESTIMATE_SECONDS:
            raise PriceNotAccepted(
                f"The cost shown is older than {ESTIMATE_SECONDS} s.",
                remedy=f"It is {price} now. Accept it to go on.",
            )
        if estimate.amount > accepted.amount:
            raise PriceNotAccepted(
                f"The cost rose: {accepted} → {price}.",
                remedy="Nothing was charged. Accept the new cost to go on.",
            )
        if accepted.served != estimate.served:
            raise PriceNotAccepted(
                "Someone changed the dataset on the service since the cost was shown.",
                remedy="Check the dataset and estimate again.",
            )
    if cap is not None:
        if estimate.amount > cap:
            raise PriceNotAccepted(
                f"{noun} costs {price}, more than max_cost.", remedy=f"To accept: {line}"
            )
    elif accepted is None and not free:
        raise PriceNotAccepted(
            f"{noun} costs {price}, which was not accepted.", remedy=f"To accept: {line}"
        )
