"""Costs: what a script accepts, read strictly, and what is printed of them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.clock import moment
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
    def test_a_cap_is_the_very_number_written(self, value: object, cap: str) -> None:
        assert parse_max_cost(value, "CU") == Decimal(cap)

    def test_no_cap_stays_none(self) -> None:
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
    def test_anything_else_is_refused(self, value: object) -> None:
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
    def test_a_comma_is_refused_with_what_it_can_mean(self, value: str, readings: str) -> None:
        with pytest.raises(InputError) as caught:
            parse_max_cost(value, "CU")
        assert caught.value.remedy == readings

    @given(
        amount=st.decimals(
            min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False
        ).filter(lambda amount: amount < 10**12)
    )
    def test_the_printed_line_reads_back_to_the_same_cost(self, amount: Decimal) -> None:
        estimate = Estimate(model_id="m", amount=amount, unit="CU", fingerprint="f", served="s")
        with pytest.raises(PriceNotAccepted) as caught:
            check_price(estimate, accepted=None, cap=None, free=False, now=moment())
        line = caught.value.remedy.removeprefix("To accept: ")
        read = eval(line, {"training": Recorded()})
        assert parse_max_cost(read, "CU") == amount

    def test_prices_read_well(self) -> None:
        assert money(Decimal("1296.00"), "CU") == "1,296 CU"
        assert money(Decimal("10.750"), "CU") == "10.75 CU"
        assert money(Decimal(100), "CU") == "100 CU"
        assert money(Decimal("1234567890123456789012345678901.5"), "CU").endswith(",901.5 CU")
