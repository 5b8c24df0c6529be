"""Usage as a platform publishes it, for tests that need some, and say what matters to them."""

from typing import Any, Final

from msgspec.structs import replace

from ledger.usage import CallUsage, Channel, ChatUsage, CrawlUsage, Tier

_CALL: Final = CallUsage(
    event_id="",
    tenant_id="",
    project_id="clinic",
    corrects=None,
    withdrawn=False,
    call_id="",
    scenario_id="reception",
    started_at=0,
    ended_at=0,
    tier=Tier.STANDARD,
    goal_reached=True,
    flagged_spam=False,
    duration_ms=60_000,
    duration_cap_ms=300_000,
    user_turns=5,
    hold_id=None,
)


def call(
    event_id: str = "call-1", tenant_id: str = "acme", ended_at: int = 60_000, **changed: Any
) -> CallUsage:
    """A call of a minute that reached its goal, $0.90, but for what is changed."""
    facts = {
        "event_id": event_id,
        "call_id": event_id,
        "tenant_id": tenant_id,
        "started_at": ended_at - _CALL.duration_ms,
        "ended_at": ended_at,
    }
    return replace(_CALL, **{**facts, **changed})


def calls(tenant_id: str, numbers: range) -> list[CallUsage]:
    """Calls of a tenant, named by their numbers."""
    return [call(f"{tenant_id}-{number}", tenant_id) for number in numbers]


CRAWL: Final = CrawlUsage("e-crawl", "acme", "clinic", None, False, "r-1", 0, 10, 101, 10, False)
CHAT: Final = ChatUsage("e-chat", "acme", "clinic", None, False, "t-1", Channel.SMS, 5, 100, 20)
