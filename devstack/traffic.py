"""Demo traffic: a seed and a size become files of commands and usage that anyone can publish.

Every time in a file is milliseconds relative to a start that is given at publishing; usage lies
before it. The files shipped in `devstack/demo` are written by

    python -m devstack.traffic

Final balances do not depend on how topics interleave: publish phase by phase, each decided before
the next is sent. Phase 1 opens projects, fills wallets and asks for holds; phase 2 is all usage;
phase 3 tops up those who ran out, and asks for what has to be refused.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import msgspec

from devstack.cast import CAST, SCENARIOS, Scenario, Tenant

SEED: Final = 20
CALLS: Final = 2_400
DEMO: Final = Path(__file__).parent / "demo"
USAGE: Final = "usage.calls"
COMMANDS: Final = "wallet.commands"

SECOND_MS: Final = 1_000
HOUR_MS: Final = 3_600 * SECOND_MS
DAY_MS: Final = 24 * HOUR_MS
USAGE_SPAN_MS: Final = 7 * DAY_MS
LATEST_MS: Final = -120 * SECOND_MS
LIVE_SINCE_MS: Final = -60 * DAY_MS
INCLUDED_CAP_MS: Final = 300 * SECOND_MS
MICROS_PER_USD: Final = 1_000_000

Fields = dict[str, object]


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A record in a file. Its value is `value`, by the topic's schema, or `raw`, in base64.

    The key is the value's tenant unless `key` names another. `headers_ms` are times too.
    """

    phase: int
    key: str | None = None
    headers_ms: dict[str, int] = {}
    value: Fields | None = None
    raw: bytes | None = None


class Call(NamedTuple):
    """A completed call: the moment it ended, and its fields."""

    ended_ms: int
    fields: Fields


class Chance:
    """Draws that are the same for the same seed in every version of Python."""

    def __init__(self, seed: int) -> None:
        # Only `random` itself is promised to repeat; what is built on it is not.
        self._draw = Random(seed).random  # noqa: S311

    def below(self, bound: int) -> int:
        """A whole number from 0, less than the bound."""
        return int(self._draw() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + self.below(high - low + 1)


def generate(seed: int, calls: int) -> Mapping[str, str]:
    """The text of each file by its topic, for about so many calls; top-ups grow with them."""
    chance = Chance(seed)
    scale = max(1, calls // CALLS)
    by_tenant = {tenant.name: list(_calls(chance, tenant, calls)) for tenant in CAST}
    usage = sorted(
        (call for made in by_tenant.values() for call in made), key=lambda call: call.ended_ms
    )
    lines = {
        COMMANDS: [*_before(by_tenant, scale), *_after(scale)],
        USAGE: [*(Line(2, value=call.fields) for call in usage), *_oddities(by_tenant)],
    }
    return {topic: _text(content) for topic, content in lines.items()}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """One file for each topic, `<topic>.jsonl`."""
    for topic, text in files.items():
        (folder / f"{topic}.jsonl").write_text(text, encoding="utf-8")


def main() -> None:
    """Write the files that are shipped, or others."""
    parser = argparse.ArgumentParser(prog="python -m devstack.traffic", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--folder", type=Path, default=DEMO)
    asked = parser.parse_args()
    write(asked.folder, generate(asked.seed, asked.calls))


def _text(lines: Sequence[Line]) -> str:
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


# ── Phase 1: before the usage ──


def _before(by_tenant: Mapping[str, Sequence[Call]], scale: int) -> Iterator[Line]:
    for tenant in CAST:
        for project in tenant.live:
            yield _ask(1, tenant, f"open-{project}", "OpenProject", _opened(project, LIVE_SINCE_MS))
        for project in tenant.sandbox:
            yield _ask(1, tenant, f"open-{project}", "OpenProject", _opened(project, None))
        if tenant.credit_limit_usd:
            terms: Fields = {
                "is_postpay": True,
                "credit_limit_micros": tenant.credit_limit_usd * scale * MICROS_PER_USD,
            }
            yield _ask(1, tenant, "terms-1", "SetTerms", terms)
        if tenant.grant_usd:
            yield _ask(1, tenant, "grant-1", "GrantCredit", _usd(tenant.grant_usd))
        for number, usd in enumerate(tenant.top_ups_usd, start=1):
            yield _top_up(1, tenant, number, usd * scale)
        yield from _holds(tenant, by_tenant[tenant.name])


def _holds(tenant: Tenant, calls: Sequence[Call]) -> Iterator[Line]:
    """Asked just before their calls; then some that end unused, and some that stay open."""
    for call in calls:
        hold_id = call.fields.get("hold_id")
        if isinstance(hold_id, str):
            hold = {name: call.fields[name] for name in ("project_id", "tier", "duration_cap_ms")}
            started_ms = call.ended_ms - SECOND_MS - int(str(call.fields["duration_ms"]))
            yield _ask(1, tenant, hold_id, "PlaceHold", hold, asked_at=started_ms)
    plain = _plain_hold(tenant)
    for number in range(1, tenant.holds_voided + 1):
        hold_id = f"hold-void-{number}"
        yield _ask(1, tenant, hold_id, "PlaceHold", plain)
        yield _ask(1, tenant, f"void-{number}", "VoidHold", {"hold_id": hold_id})
    for number in range(1, tenant.holds_unused + 1):
        yield _ask(1, tenant, f"hold-open-{number}", "PlaceHold", plain)
    for number in range(1, tenant.holds_late + 1):
        late = {"asked_at": -HOUR_MS, "not_after": -HOUR_MS + 10 * SECOND_MS}
        yield _ask(1, tenant, f"hold-late-{number}", "PlaceHold", plain, **late)


# ── Phase 2: usage ──


def _calls(chance: Chance, tenant: Tenant, of_all: int) -> Iterator[Call]:
    """A tenant's calls, the latest last; the last ones were asked for by a hold."""
    count = of_all * tenant.share_percent // 100
    ends_ms = sorted(LATEST_MS - chance.below(USAGE_SPAN_MS) for _ in range(count))
    for number, ended_ms in enumerate(ends_ms, start=1):
        fields = _call_fields(chance, tenant, number, ended_ms)
        if number > count - tenant.holds_captured:
            fields["hold_id"] = f"hold-{number}"
        yield Call(ended_ms, fields)


def _call_fields(chance: Chance, tenant: Tenant, number: int, ended_ms: int) -> Fields:
    scenario = SCENARIOS[tenant.scenarios[chance.below(len(tenant.scenarios))]]
    duration_ms, user_turns, goal_reached, flagged_spam = _facts(chance, scenario)
    return {
        "event_id": f"{tenant.name}-{number}",
        "tenant_id": tenant.name,
        "project_id": tenant.projects[chance.below(len(tenant.projects))],
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


def _oddities(by_tenant: Mapping[str, Sequence[Call]]) -> Iterator[Line]:
    """What a real topic holds too, from the tenant with the most calls."""
    calls = [call.fields for call in max(by_tenant.values(), key=len)]
    first, second, third = calls[0], calls[1], calls[2]
    # The same again, word for word, as senders do that saw no acknowledgement.
    yield from (Line(2, value=fields) for fields in calls[:5])
    # The same id with other content.
    yield Line(2, value={**first, "goal_reached": not first["goal_reached"]})
    yield Line(2, value={**second, "user_turns": 99})
    # Late, by more than a month, and too late to be charged without being looked at.
    yield Line(2, value=_moved(third, "late", -40 * DAY_MS))
    yield Line(2, value=_moved(third, "years-late", -800 * DAY_MS))
    # From a clock that is a day ahead.
    yield Line(2, value=_moved(third, "ahead", DAY_MS))
    # Poison: not a value, an unknown schema, cut short, outside the contract, the wrong key.
    key = str(first["tenant_id"])
    yield Line(2, key=key, raw=b"not a value")
    yield Line(2, key=key, raw=b"\0\0\0\0\1" + b"unknown schema")
    yield Line(2, key=key, raw=b"\0\0\0\x03\xe9" + b"\x08cut")
    yield Line(2, value=_moved(third, "backwards", -HOUR_MS) | {"started_at": 0})
    yield Line(2, key="someone-else", value=_moved(third, "misplaced", -HOUR_MS))


def _moved(fields: Fields, name: str, ended_ms: int) -> Fields:
    started_ms = ended_ms - int(str(fields["duration_ms"]))
    return {**fields, "event_id": name, "started_at": started_ms, "ended_at": ended_ms}


# ── Phase 3: after the usage ──


def _after(scale: int) -> Iterator[Line]:
    for tenant in CAST:
        paid = len(tenant.top_ups_usd)
        if tenant.asks_while_owing:
            yield _ask(3, tenant, "hold-while-owing", "PlaceHold", _plain_hold(tenant))
        for number, usd in enumerate(tenant.later_top_ups_usd, start=paid + 1):
            yield _top_up(3, tenant, number, usd * scale)
        if tenant.adjustment_usd:
            yield _ask(3, tenant, "adjust-1", "AdjustBalance", _usd(tenant.adjustment_usd))
        if tenant.goes_live:
            yield _ask(3, tenant, "live-1", "GoLive", {"project_id": tenant.sandbox[0]})
        if tenant.asks_amiss:
            yield from _amiss(tenant, scale)


def _amiss(tenant: Tenant, scale: int) -> Iterator[Line]:
    """A repeat, which is answered again, and what is refused whoever asks."""
    yield _top_up(3, tenant, 1, tenant.top_ups_usd[0] * scale)
    yield _ask(3, tenant, "top-up-1", "SettleTopUp", _payment("pay-x", 75))
    yield _ask(3, tenant, "top-up-y", "SettleTopUp", _payment("pay-1", 75))
    yield _ask(3, tenant, "top-up-z", "SettleTopUp", _payment("pay-z", 5))
    yield _ask(3, tenant, "void-again", "VoidHold", {"hold_id": "hold-void-1"})
    yield _ask(3, tenant, "void-nothing", "VoidHold", {"hold_id": "hold-of-nobody"})


# ── Commands ──


def _top_up(phase: int, tenant: Tenant, number: int, usd: int) -> Line:
    return _ask(phase, tenant, f"top-up-{number}", "SettleTopUp", _payment(f"pay-{number}", usd))


def _plain_hold(tenant: Tenant) -> Fields:
    project_id = tenant.projects[0]
    return {"project_id": project_id, "tier": "STANDARD", "duration_cap_ms": INCLUDED_CAP_MS}


def _payment(payment_id: str, usd: int) -> Fields:
    return {"payment_id": payment_id, **_usd(usd)}


def _usd(usd: int) -> Fields:
    return {"amount_micros": usd * MICROS_PER_USD}


def _opened(project: str, live_from_ms: int | None) -> Fields:
    return {"project_id": project, "live_from_ms": live_from_ms}


def _ask(
    phase: int, tenant: Tenant, command_id: str, body: str, fields: Fields, **headers_ms: int
) -> Line:
    value: Fields = {
        "command_id": command_id,
        "tenant_id": tenant.name,
        "actor": "operator:demo",
        "reason": "the demo's workload",
        "body": {body: fields},
    }
    return Line(phase, headers_ms=headers_ms, value=value)


if __name__ == "__main__":
    main()
