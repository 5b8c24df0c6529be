"""Amounts of money: whole micro-dollars in 64-bit integers, read and shown as dollars."""

import re
from typing import Final

MICROS_PER_USD: Final = 1_000_000
MICROS_PER_CENT: Final = 10_000
MICROS_MAX: Final = 2**63 - 1

_DOLLARS = re.compile(
    r"(?P<sign>[+-]?)\$?"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,19})"
    r"(?:\.(?P<part>[0-9]{1,6}))?"
)


class NotAnAmount(ValueError):
    """The text is not an amount in dollars; the message says what one looks like."""


def parse_usd(text: str) -> int:
    """Read dollars as people type them (`20`, `$1,234.50`, `-0.000001`) into micro-dollars.

    Raises `NotAnAmount` for anything else, for more than six decimals, and beyond 64 bits.
    """
    match = _DOLLARS.fullmatch(text.strip())
    if match is None:
        raise NotAnAmount(f"{text!r} is not an amount in dollars; write it like 20 or 20.50")
    whole = int(match["whole"].replace(",", ""))
    part = int((match["part"] or "").ljust(6, "0"))
    micros = whole * MICROS_PER_USD + part
    if micros > MICROS_MAX:
        raise NotAnAmount(f"{text!r} is more than the ledger can count")
    return -micros if match["sign"] == "-" else micros


def format_usd(micros: int) -> str:
    """Show micro-dollars as dollars: at least cents, and every further decimal that is not zero."""
    whole, part = divmod(abs(micros), MICROS_PER_USD)
    digits = f"{part:06d}"
    decimals = digits[:2] + digits[2:].rstrip("0")
    return f"{'-' if micros < 0 else ''}${whole:,}.{decimals}"


def round_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` as a whole number, ties to the even one (PRODUCT decision 1)."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient
