"""The prices that the plain oracle writes down, and what upstream's contract asks of a call."""

from fractions import Fraction
from typing import Any

Avro = dict[str, Any]
DAY_MS = 86_400_000
CENT = 10_000
# In cents: success, real conversation, spam or silent, a started overage minute. PRODUCT names
# Standard's three; the others are the examples on the shipped card.
PRICES = {
    "ECONOMY": (60, 40, 5, 8),
    "STANDARD": (90, 60, 10, 12),
    "PREMIUM": (150, 100, 15, 20),
}
OUTCOMES = ("SUCCESS", "REAL_CONVERSATION", "SPAM_OR_SILENT")
CRAWLER_HOUR_MICROS = 1_000_000
INPUT_MICROS, OUTPUT_MICROS = 500_000, 1_500_000
"""Of a million tokens."""


def is_a_call(call: Avro) -> bool:
    """Whether the fields keep upstream's contract."""
    ids = [call[name] for name in ("event_id", "tenant_id", "project_id", "call_id", "scenario_id")]
    ids += [call[name] for name in ("corrects", "hold_id") if call[name] is not None]
    return (
        all(0 < len(one) <= 64 and one.isprintable() for one in ids)
        and 0 <= call["started_at"] <= call["ended_at"]
        and call["duration_ms"] >= 0
        and call["user_turns"] >= 0
        and 0 < call["duration_cap_ms"] <= DAY_MS
        and not (call["withdrawn"] and call["corrects"] is None)
    )


def price(call: Avro) -> tuple[str, int]:
    """The outcome and the full price of a call, in micro-dollars."""
    if call["goal_reached"]:
        which = 0
    elif not call["flagged_spam"] and call["duration_ms"] >= 30_000 and call["user_turns"] >= 3:
        which = 1
    else:
        which = 2
    prices = PRICES[call["tier"]]
    beyond_ms = max(0, min(call["duration_ms"], call["duration_cap_ms"]) - 300_000)
    minutes = (beyond_ms + 59_999) // 60_000
    return OUTCOMES[which], (prices[which] + minutes * prices[3]) * CENT


def crawl_micros(crawl: Avro) -> int:
    """The price of a run: nothing up to 100 pages; to the millisecond, rounded half to even."""
    charged_ms = crawl["duration_ms"] if crawl["pages_fetched"] > 100 else 0
    return round(Fraction(charged_ms * CRAWLER_HOUR_MICROS, 3_600_000))


def chat_micros(into: int, out: int) -> int:
    """The price of an hour's tokens, rounded half to even, once."""
    return round(Fraction(into * INPUT_MICROS + out * OUTPUT_MICROS, 1_000_000))
