"""Decision 1: amounts are whole micro-dollars, typed and shown as dollars, rounded half to even."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import MICROS_MAX, NotAnAmount, format_usd, parse_usd, round_half_even


@pytest.mark.parametrize(
    ("typed", "micros"),
    [
        ("20", 20_000_000),
        ("20.5", 20_500_000),
        ("20.50", 20_500_000),
        ("$20", 20_000_000),
        (" 20 ", 20_000_000),
        ("$1,234.50", 1_234_500_000),
        ("1,234,567", 1_234_567_000_000),
        ("0.000001", 1),
        ("-0.000001", -1),
        ("-$5", -5_000_000),
        ("+5", 5_000_000),
        ("0", 0),
        ("9223372036854.775807", MICROS_MAX),
        ("-9223372036854.775807", -MICROS_MAX),
    ],
)
def test_dollars_are_read_as_people_type_them(typed: str, micros: int) -> None:
    assert parse_usd(typed) == micros


@pytest.mark.parametrize(
    "typed",
    [
        "", "-", "$", ".5", "5.", "1.2345678", "1e3", "NaN", "inf", "0x10", "1_000", "--5", "5 0",
        "1,23", "1234,567", ",123", "1,2345", "12.3.4", "$-5", "€5", "20 USD", "9223372036854.775808",
        "five", "\u00bd", "\u0662\u0660", "9" * 5_000, "1" + ",000" * 2_000,
    ],
)  # fmt: skip
def test_anything_else_is_no_amount(typed: str) -> None:
    with pytest.raises(NotAnAmount):
        parse_usd(typed)


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (-1, "-$0.000001"),
        (10_000, "$0.01"),
        (12_500, "$0.0125"),
        (900_000, "$0.90"),
        (-20_000_000, "-$20.00"),
        (1_234_500_000, "$1,234.50"),
        (MICROS_MAX, "$9,223,372,036,854.775807"),
    ],
)
def test_micro_dollars_are_shown_as_dollars(micros: int, shown: str) -> None:
    assert format_usd(micros) == shown


@given(st.integers(-MICROS_MAX, MICROS_MAX))
def test_what_is_shown_can_be_typed(micros: int) -> None:
    assert parse_usd(format_usd(micros)) == micros


@pytest.mark.rule("1.amounts")
@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 2, 4),
        (-1, 2, 0), (-3, 2, -2), (-5, 2, -2), (-7, 2, -4),
        (4, 3, 1), (5, 3, 2), (-4, 3, -1), (-5, 3, -2), (6, 3, 2), (0, 7, 0),
    ],
)  # fmt: skip
def test_a_tie_goes_to_the_even_number(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_even(numerator, denominator) == rounded


@pytest.mark.rule("1.amounts")
@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_rounding_agrees_with_decimal_arithmetic(numerator: int, denominator: int) -> None:
    """An exact half of 24 digits at most is exact in `Decimal`'s 28."""
    whole = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert round_half_even(numerator, denominator) == whole
