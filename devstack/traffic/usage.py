"""What tenants use, in the order in which it ended: calls, crawls and chats by day and night."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from devstack.traffic.cast import SCENARIOS, Scenario, Tenant
from devstack.traffic.lines import (
    CALLS,
    CHAT,
    CRAWLS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Chance,
    Fields,
)

LATEST_MS: Final = -2 * MINUTE_MS
RHYTHM: Final = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 17, 14, 16, 18, 18, 16, 13, 9, 7, 5, 4, 3, 2)
"""How much is used in each hour of a tenant's day."""


class Used(NamedTuple):
    """A usage event: when it ended, its topic and its fields."""

    ended_ms: int
    topic: str
    fields: Fields


def usage_of(chance: Chance, tenant: Tenant, count: int, days: int) -> Iterator[Used]:
    """So many usage events over the days before the start; the last calls name a hold."""
    for number, ended_ms in enumerate(_ends(chance, count, days, tenant.zone), start=1):
        common: Fields = {
            "event_id": f"{tenant.name}-{number}",
            "tenant_id": tenant.name,
            "project_id": tenant.projects[chance.below(len(tenant.projects))],
        }
        percent = chance.below(100)
        if percent < tenant.crawls_percent:
            yield Used(ended_ms, CRAWLS, common | _crawl(chance, number, ended_ms))
        elif percent < tenant.crawls_percent + tenant.chats_percent:
            yield Used(ended_ms, CHAT, common | _chat(chance, number, ended_ms))
        else:
            call = common | _call(chance, tenant, number, ended_ms)
            if number > count - tenant.holds_captured:
                call["hold_id"] = f"hold-{number}"
            yield Used(ended_ms, CALLS, call)


def _ends(chance: Chance, count: int, days: int, zone: int) -> Iterator[int]:
    """Moments in order: so many equal shares of the rhythm's area, a moment by chance in each."""
    # The start is midnight at zone 0; the area up to each hour of a day.
    hours = [RHYTHM[(hour + zone) % 24] for hour in range(24)]
    until = [0, *accumulate(hours)]
    a_day = until[-1]
    grain = 1_000_000
    for number in range(count):
        at = (number * grain + chance.below(grain)) * days * a_day // count
        day, within = divmod(at, a_day * grain)
        hour = next(h for h in range(24) if within < until[h + 1] * grain)
        into_ms = (within - until[hour] * grain) * HOUR_MS // (hours[hour] * grain)
        yield min(LATEST_MS, (day - days) * DAY_MS + hour * HOUR_MS + into_ms)


def _call(chance: Chance, tenant: Tenant, number: int, ended_ms: int) -> Fields:
    scenario = SCENARIOS[tenant.scenarios[chance.below(len(tenant.scenarios))]]
    duration_ms, user_turns, goal_reached, flagged_spam = _facts(chance, scenario)
    return {
        "call_id": f"call-{number}",
        "scenario_id": scenario.name,
        "started_at": ended_ms - duration_ms,
        "ended_at": ended_ms,
        "tier": scenario.tier,
        "goal_reached": goal_reached,
        "flagged_spam": flagged_spam,
        "duration_ms": duration_ms,
        "duration_cap_ms": scenario.cap_ms,
        "user_turns": user_turns,
    }


def _facts(chance: Chance, scenario: Scenario) -> tuple[int, int, bool, bool]:
    """Duration, user turns, whether the goal was reached, whether it was flagged."""
    percent = chance.below(100)
    # A call ends a little after its cap.
    long_ms = chance.between(30 * SECOND_MS, scenario.cap_ms + 20 * SECOND_MS)
    short_ms = chance.between(2 * SECOND_MS, 30 * SECOND_MS - 1)
    if percent < 26:
        return long_ms, chance.between(2, 20), True, False
    if percent < 64:
        return long_ms, chance.between(3, 20), False, False
    if percent < 80:
        return short_ms, chance.below(3), False, False
    if percent < 88:
        return long_ms, 0, False, False
    if percent < 94:
        return long_ms, chance.between(3, 9), percent < 89, True
    return long_ms, chance.between(1, 2), False, False


def _crawl(chance: Chance, number: int, ended_ms: int) -> Fields:
    """A third look at few pages, for nothing; one in ten takes hours."""
    percent = chance.below(100)
    if percent < 33:
        pages, duration_ms = chance.between(1, 100), chance.between(SECOND_MS, 8 * MINUTE_MS)
    elif percent < 90:
        pages, duration_ms = chance.between(101, 3_000), chance.between(MINUTE_MS, 2 * HOUR_MS)
    else:
        pages = chance.between(3_000, 90_000)
        duration_ms = chance.between(2 * HOUR_MS, 14 * HOUR_MS)
    return {
        "crawl_id": f"crawl-{number}",
        "started_at": ended_ms - duration_ms,
        "ended_at": ended_ms,
        "pages_fetched": pages,
        "duration_ms": duration_ms,
        "is_recrawl": chance.hits(40, 100),
    }


def _chat(chance: Chance, number: int, ended_ms: int) -> Fields:
    return {
        "conversation_id": f"conversation-{number}",
        "channel": ("WEB_WIDGET", "SMS")[chance.hits(20, 100)],
        "occurred_at": ended_ms,
        "input_tokens": chance.between(50, 40_000),
        "output_tokens": chance.between(0, 3_000),
    }
