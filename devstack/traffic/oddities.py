"""What real topics hold too: repeats, conflicts, late and misdated events, corrections, poison."""

import heapq
from collections.abc import Iterable, Iterator
from typing import Final

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
    Line,
    Sent,
    number_in,
)
from devstack.traffic.usage import Used

PER_MILLE: Final = {
    "repeated": 6,
    "contradicted": 2,
    "late": 10,
    "too old": 2,
    "ahead": 2,
    "corrected": 12,
    "withdrawn": 6,
    "corrected before": 3,
    "corrected again": 3,
}
"""How often each befalls a usage event."""
KINDS: Final = {CALLS: "calls", CRAWLS: "crawls", CHAT: "chats"}


def sent(chance: Chance, usage: Iterable[Used]) -> Iterator[Sent]:
    """The usage as it was sent, in that order, with what befell it."""
    waiting: list[tuple[int, int, Sent]] = []
    count = 0
    for used in usage:
        while waiting and waiting[0][0] <= used.ended_ms:
            yield heapq.heappop(waiting)[2]
        for one in _befallen(chance, used):
            count += 1
            heapq.heappush(waiting, (one.at_ms, count, one))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _befallen(chance: Chance, used: Used) -> Iterator[Sent]:
    """One event, and what else was sent because of it."""
    ended_ms, topic, fields = used
    case = _case(chance)
    soon_ms = ended_ms + chance.between(SECOND_MS, 30 * SECOND_MS)
    later_ms = soon_ms + chance.between(MINUTE_MS, 2 * DAY_MS)
    name = str(fields["event_id"])
    kind = KINDS[topic]
    match case:
        case "repeated":
            yield _sent(soon_ms, topic, fields, kind)
            yield _sent(soon_ms + chance.below(HOUR_MS), topic, fields, case)
        case "contradicted":
            yield _sent(soon_ms, topic, fields, kind)
            other = _amended(chance, fields, name)
            yield _sent(later_ms, topic, other, case)
        case "late":
            yield _sent(later_ms, topic, fields, case)
        case "too old":
            yield _sent(soon_ms, topic, _moved(fields, -800 * DAY_MS), case)
        case "ahead":
            yield _sent(soon_ms, topic, _moved(fields, 2 * DAY_MS - ended_ms), case)
        case "corrected" | "withdrawn":
            yield _sent(soon_ms, topic, fields, kind)
            yield _sent(later_ms, topic, _corrected(chance, fields, case), case)
        case "corrected before":
            yield _sent(soon_ms, topic, _corrected(chance, fields, case), case)
            yield _sent(later_ms, topic, fields, kind)
        case "corrected again":
            correction = _corrected(chance, fields, case)
            yield _sent(soon_ms, topic, fields, kind)
            yield _sent(later_ms, topic, correction, "corrected")
            yield _sent(later_ms + HOUR_MS, topic, _corrected(chance, correction, case), case)
        case _:
            yield _sent(soon_ms, topic, fields, kind)


def _case(chance: Chance) -> str:
    drawn = chance.below(1_000)
    for case, share in PER_MILLE.items():
        if drawn < share:
            return case
        drawn -= share
    return "used"


def _sent(at_ms: int, topic: str, fields: Fields, kind: str) -> Sent:
    return Sent(at_ms, topic, Line(2, value=fields), kind)


def _corrected(chance: Chance, fields: Fields, case: str) -> Fields:
    """The event that replaces it, or takes it back."""
    name = str(fields["event_id"])
    amended = _amended(chance, fields, f"{name}-c") | {"corrects": name}
    return amended | {"withdrawn": True} if case == "withdrawn" else amended


def _amended(chance: Chance, fields: Fields, name: str) -> Fields:
    """The same event with other facts."""
    share = chance.between(10, 90)
    if "call_id" in fields:
        facts: Fields = {
            "goal_reached": not fields["goal_reached"],
            "duration_ms": number_in(fields, "duration_ms") * share // 100,
        }
    elif "crawl_id" in fields:
        facts = {"duration_ms": number_in(fields, "duration_ms") * share // 100}
    else:
        facts = {"input_tokens": number_in(fields, "input_tokens") * share // 100}
    return fields | {"event_id": name} | facts


def _moved(fields: Fields, by_ms: int) -> Fields:
    times = ("started_at", "ended_at", "occurred_at")
    return fields | {name: number_in(fields, name) + by_ms for name in times if name in fields}


def poison(tenant: str, call: Fields) -> Iterator[Sent]:
    """Not a value, an unknown schema, cut short, outside the contract, under the wrong key."""
    for raw in (
        b"not a value",
        b"\0\0\0\0\1" + b"unknown schema",
        b"\0\0\0\x03\xe9" + b"\x08cut",
    ):
        yield Sent(0, CALLS, Line(2, key=tenant, raw=raw), "poison")
    backwards = _moved(call, 0) | {"event_id": "backwards", "started_at": 0}
    yield Sent(0, CALLS, Line(2, value=backwards), "poison")
    misplaced = call | {"event_id": "misplaced"}
    yield Sent(0, CALLS, Line(2, key="someone-else", value=misplaced), "poison")
