"""UTC days and months of moments in milliseconds."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

DAY_MS: Final = 24 * 60 * 60_000
EPOCH: Final = date(1970, 1, 1)


def day_of(moment_ms: int) -> date:
    """The UTC day that the moment falls in."""
    return _day(moment_ms // DAY_MS)


def month_of(moment_ms: int) -> date:
    """The first day of the UTC month that the moment falls in."""
    return day_of(moment_ms).replace(day=1)


@lru_cache(maxsize=1_000)
def _day(days: int) -> date:
    return EPOCH + timedelta(days)
