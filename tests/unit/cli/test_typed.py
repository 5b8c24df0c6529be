"""What people type becomes what the ledger counts in, or a sentence that says how to write it."""

import click
import pytest

from cli.command import (
    COUNT,
    DOLLARS,
    DOLLARS_UP_OR_DOWN,
    DURATION,
    ID,
    MOMENT,
    PARTITION,
    POSITION,
    SECONDS,
    TIER,
    Position,
)
from ledger.usage import Tier

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (DOLLARS, "$1,234.50", 1_234_500_000),
        (DOLLARS_UP_OR_DOWN, "-1.20", -1_200_000),
        (DURATION, "10:00", 600_000),
        (DURATION, "90s", 90_000),
        (DURATION, "10m", 600_000),
        (MOMENT, "1970-01-02", 24 * HOUR_MS),
        (MOMENT, "1970-01-01T01:00", HOUR_MS),
        (MOMENT, "1970-01-01T01:00+01:00", 0),
        (TIER, "premium", Tier.PREMIUM),
        (TIER, "STANDARD", Tier.STANDARD),
        (COUNT, "50", 50),
        (PARTITION, "0", 0),
        (POSITION, "3:17", Position(3, 17)),
        (SECONDS, "0.5", 0.5),
    ],
)
def test_what_is_typed_is_understood(
    kind: click.ParamType[object], text: str, value: object
) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        (DOLLARS, "1.2345678", "write it like 20 or 20.50"),
        (DURATION, "10", "write it like 10:00, 10m or 600s"),
        (DURATION, "1:75", "write it like 10:00, 10m or 600s"),
        (MOMENT, "yesterday", "write it like 2026-11-01"),
        (TIER, "gold", "none of economy, standard, premium"),
        (COUNT, "0", "not a number from 1 on"),
        (SECONDS, "inf", "write it like 10 or 0.5"),
        (ID, "two\nlines", "1 to 64 printable characters"),
    ],
)
def test_what_is_not_understood_says_how_to_write_it(
    kind: click.ParamType[object], text: str, sentence: str
) -> None:
    with pytest.raises(click.BadParameter, match=sentence):
        kind.convert(text, None, None)
