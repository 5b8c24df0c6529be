"""UTC days and months, at their edges."""

from datetime import date

import pytest

from projections.days import DAY_MS, day_of, month_of

MIDNIGHT_MS = 1_769_904_000_000
"""2026-02-01 00:00 UTC."""


@pytest.mark.parametrize(
    ("moment_ms", "day", "month"),
    [
        (0, date(1970, 1, 1), date(1970, 1, 1)),
        (MIDNIGHT_MS - 1, date(2026, 1, 31), date(2026, 1, 1)),
        (MIDNIGHT_MS, date(2026, 2, 1), date(2026, 2, 1)),
        (MIDNIGHT_MS + 28 * DAY_MS - 1, date(2026, 2, 28), date(2026, 2, 1)),
        (MIDNIGHT_MS + 28 * DAY_MS, date(2026, 3, 1), date(2026, 3, 1)),
    ],
)
def test_a_moment_belongs_to_one_utc_day_and_month(moment_ms: int, day: date, month: date) -> None:
    assert (day_of(moment_ms), month_of(moment_ms)) == (day, month)
