"""What operators, payments and the platform ask, before the usage and after it."""

from collections.abc import Iterable, Iterator
from typing import Final

from devstack.traffic.cast import Tenant
from devstack.traffic.lines import (
    COMMANDS,
    DAY_MS,
    HOUR_MS,
    MICROS_PER_USD,
    MINUTE_MS,
    SECOND_MS,
    Fields,
    Line,
    Sent,
    number_in,
)
from devstack.traffic.usage import Used

LIVE_SINCE_MS: Final = -60 * DAY_MS
AMID_AN_HOUR_MS: Final = 23 * MINUTE_MS
INCLUDED_CAP_MS: Final = 5 * MINUTE_MS


def before(tenant: Tenant, usage: Iterable[Used], scale: int) -> Iterator[Sent]:
    """Phase 1: projects, terms, money, budgets, holds."""
    for project in tenant.live:
        since_ms = LIVE_SINCE_MS
        if tenant.live_hours_ago and project == tenant.live[-1]:
            since_ms = -tenant.live_hours_ago * HOUR_MS - AMID_AN_HOUR_MS
        yield _ask(1, tenant, f"open-{project}", "OpenProject", _opened(project, since_ms))
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
    if tenant.budget_usd:
        limit: Fields = {
            "project_id": None,
            "limit_micros": tenant.budget_usd * scale * MICROS_PER_USD,
            "is_refusing": False,
        }
        yield _ask(1, tenant, "budget-1", "SetBudget", limit)
    if tenant.low_balance_usd:
        line: Fields = {"line_micros": tenant.low_balance_usd * MICROS_PER_USD}
        yield _ask(1, tenant, "low-balance-1", "SetLowBalanceLine", line)
    yield from _holds(tenant, usage)


def after(tenant: Tenant, scale: int) -> Iterator[Sent]:
    """Phase 3: later money, and what has to be refused."""
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


def _holds(tenant: Tenant, usage: Iterable[Used]) -> Iterator[Sent]:
    """Asked just before their calls; then some that end unused, and some that stay open."""
    for used in usage if tenant.holds_captured else ():
        hold_id = used.fields.get("hold_id")
        if isinstance(hold_id, str):
            names = ("project_id", "tier", "duration_cap_ms")
            hold = {name: used.fields[name] for name in names}
            asked_at = number_in(used.fields, "started_at") - SECOND_MS
            yield _ask(1, tenant, hold_id, "PlaceHold", hold, asked_at=asked_at)
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


def _amiss(tenant: Tenant, scale: int) -> Iterator[Sent]:
    """A repeat, which is answered again, and what is refused whoever asks."""
    yield _top_up(3, tenant, 1, tenant.top_ups_usd[0] * scale)
    yield _ask(3, tenant, "top-up-1", "SettleTopUp", _payment("pay-x", 75))
    yield _ask(3, tenant, "top-up-y", "SettleTopUp", _payment("pay-1", 75))
    yield _ask(3, tenant, "top-up-z", "SettleTopUp", _payment("pay-z", 5))
    yield _ask(3, tenant, "void-again", "VoidHold", {"hold_id": "hold-void-1"})
    yield _ask(3, tenant, "void-nothing", "VoidHold", {"hold_id": "hold-of-nobody"})
    chat: Fields = {"project_id": tenant.projects[0], "activity": "CHAT"}
    yield _ask(3, tenant, "may-chat", "AskToSpend", chat)


def _top_up(phase: int, tenant: Tenant, number: int, usd: int) -> Sent:
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
) -> Sent:
    value: Fields = {
        "command_id": command_id,
        "tenant_id": tenant.name,
        # A payment is a fact that a service reports; what an operator types may wait for another.
        "actor": "service:payments" if body == "SettleTopUp" else "operator:demo",
        "reason": "made-up traffic",
        "body": {body: fields},
    }
    return Sent(0, COMMANDS, Line(phase, headers_ms=headers_ms, value=value), body)
