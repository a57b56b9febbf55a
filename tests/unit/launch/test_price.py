"""Costs: what a script accepts, read strictly, and what is printed of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.clock import Moment, moment
from phoenix_nbtrain.errors import InputError, PriceNotAccepted
from phoenix_nbtrain.launch import Estimate, money, parse_max_cost
from phoenix_nbtrain.launch.price import check_price


class Worded:
    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


class Recorded:
    def start(self, *, max_cost: object) -> object:
        return max_cost


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "cap"),
        [
            (400, "400"),
            (10.75, "10.75"),
            (Decimal("8.40"), "8.4"),
            (np.int64(400), "400"),
            (np.float64(8.4), "8.4"),
            (np.float32(8.4), "8.4"),
            ("400 CU", "400"),
            (" 10.75CU ", "10.75"),
            ("0", "0"),
            ("999999999999.99", "999999999999.99"),
        ],
    )
    def test_a_cap_is_the_very_number_written(self, value, cap):
        assert parse_max_cost(value, "CU") == Decimal(cap)

    def test_no_cap_stays_none(self):
        assert parse_max_cost(None, "CU") is None

    @pytest.mark.parametrize(
        "value",
        [
            "400 USD",
            "many",
            "",
            True,
            -1,
            float("nan"),
            float("inf"),
            "1e9",
            "-1",
            ".5",
            "5.",
            "4_000",
            "٤٠٠",
            "0x10",
            "1.2.3",
            "CU 400",
            b"400",
            [400],
            Fraction(2),
            Worded("400"),
            10**12,
            "1000000000000",
            10**5000,
            "9" * 5000,
            Decimal("1e5000"),
            Decimal("-Infinity"),
            Decimal("sNaN"),
            np.bool_(True),
            np.float64("nan"),
            complex(4, 0),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_anything_else_is_refused(self, value):
        with pytest.raises(InputError, match="max_cost is"):
            parse_max_cost(value, "CU")

    @pytest.mark.parametrize(
        ("value", "readings"),
        [
            ("1,296", "Write 1296 or 1.296."),
            ("1,296 CU", "Write 1296 or 1.296."),
            ("0,09", "Write 0.09."),
            ("1,296.50", "Write 1296.50."),
            ("1.296,50", "Write 1296.50."),
            ("4,0,0", "Write the number without commas."),
        ],
    )
    def test_a_comma_is_refused_with_what_it_can_mean(self, value, readings):
        with pytest.raises(InputError) as caught:
            parse_max_cost(value, "CU")
        assert caught.value.remedy == readings

    @given(
        amount=st.decimals(
            min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False
        ).filter(lambda amount: amount < 10**12)
    )
    def test_the_printed_line_reads_back_to_the_same_cost(self, amount):
        estimate = Estimate(model_id="m", amount=amount, unit="CU", fingerprint="f", served="s")
        with pytest.raises(PriceNotAccepted) as caught:
            check_price(estimate, accepted=None, cap=None, free=False, now=moment())
        line = caught.value.remedy.removeprefix("To accept: ")
        read = eval(line, {"training": Recorded()})
        assert parse_max_cost(read, "CU") == amount

    def test_prices_read_well(self):
        assert money(Decimal("1296.00"), "CU") == "1,296 CU"
        assert money(Decimal("10.750"), "CU") == "10.75 CU"
        assert money(Decimal(100), "CU") == "100 CU"
        assert money(Decimal("1234567890123456789012345678901.5"), "CU").endswith(",901.5 CU")


class TestAcceptance:
    NOW = Moment(at=1_000.0, boot="b", ticks=500.0)

    def estimate(self, **fields: Any) -> Estimate:
        given = {
            "model_id": "m",
            "amount": Decimal(1296),
            "unit": "CU",
            "fingerprint": "f",
            "served": "s",
            "made": self.NOW,
        }
        return Estimate(**(given | fields))

    def check(self, estimate: Estimate, **given: Any) -> None:
        check_price(
            estimate, **({"accepted": None, "cap": None, "free": False} | given), now=self.NOW
        )

    @pytest.mark.parametrize(
        ("ordered", "said"),
        [
            ({}, "The training costs 1,296 CU, {}. To accept: training.start(max_cost=1296)"),
            (
                {"kind": "download"},
                "The download costs 1,296 CU, {}. To accept: training.download(max_cost=1296)",
            ),
            (
                {"kind": "download", "epoch": "3"},
                (
                    "The download costs 1,296 CU, {}. "
                    "To accept: training.download(epoch=3, max_cost=1296)"
                ),
            ),
            (
                {"kind": "download", "held": True},
                (
                    "The download of the model's weights as the service holds them costs 1,296 CU, {}. "
                    "To accept: training.download(max_cost=1296)"
                ),
            ),
        ],
    )
    def test_a_price_that_nobody_accepted_is_named_with_the_line_that_accepts_it(
        self, ordered, said
    ):
        estimate = self.estimate(**ordered)
        with pytest.raises(PriceNotAccepted) as caught:
            self.check(estimate)
        assert str(caught.value) == said.format("which was not accepted")
        with pytest.raises(PriceNotAccepted) as caught:
            self.check(estimate, cap=Decimal("1295.99"), free=True)
        assert str(caught.value) == said.format("more than max_cost")

    @pytest.mark.parametrize(
        ("accepted", "said"),
        [
            (
                {"fingerprint": "g"},
                (
                    "The training changed since its cost was shown. It costs 1,296 CU now. "
                    "Accept the new cost to go on."
                ),
            ),
            (
                {"made": Moment(at=879.0, boot="b", ticks=379.9)},
                "The cost shown is older than 120 s. It is 1,296 CU now. Accept it to go on.",
            ),
            (
                {"amount": Decimal("1295.99")},
                (
                    "The cost rose: 1,295.99 CU → 1,296 CU. Nothing was charged. Accept the "
                    "new cost to go on."
                ),
            ),
            (
                {"served": "t"},
                (
                    "Someone changed the dataset on the service since the cost was shown. "
                    "Check the dataset and estimate again."
                ),
            ),
        ],
    )
    def test_what_was_accepted_is_not_what_is_bought(self, accepted, said):
        with pytest.raises(PriceNotAccepted) as caught:
            self.check(self.estimate(), accepted=self.estimate(**accepted), free=True)
        assert str(caught.value) == said

    @pytest.mark.parametrize(
        "given",
        [
            {"free": True},
            {"cap": Decimal(1296)},
            {"accepted": {}},
            {"accepted": {"amount": Decimal(1297)}, "cap": Decimal(1296)},
            {"accepted": {"made": Moment(at=880.0, boot="b", ticks=380.0)}},
        ],
    )
    def test_what_is_accepted(self, given):
        if "accepted" in given:
            given = given | {"accepted": self.estimate(**given["accepted"])}
        self.check(self.estimate(), **given)
