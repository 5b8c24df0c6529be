"""Usage as a platform publishes it."""

from ledger.usage import CallUsage, Channel, ChatUsage, CrawlUsage, Tier


def call(event_id: str = "e-1", tenant_id: str = "acme", **changed: object) -> CallUsage:
    """A call of ten milliseconds that reached its goal."""
    facts: dict[str, object] = {
        "project_id": "clinic",
        "corrects": None,
        "withdrawn": False,
        "call_id": "c-1",
        "scenario_id": "s",
        "started_at": 0,
        "ended_at": 10,
        "tier": Tier.STANDARD,
        "goal_reached": True,
        "flagged_spam": False,
        "duration_ms": 10,
        "duration_cap_ms": 300_000,
        "user_turns": 3,
        "hold_id": None,
        **changed,
    }
    return CallUsage(event_id, tenant_id, **facts)  # pyright: ignore[reportArgumentType]


def calls(tenant_id: str, numbers: range) -> list[CallUsage]:
    """Calls of a tenant, named by their numbers."""
    return [call(f"{tenant_id}-{number}", tenant_id) for number in numbers]


CRAWL = CrawlUsage("e-crawl", "acme", "clinic", None, False, "r-1", 0, 10, 101, 10, False)
CHAT = ChatUsage("e-chat", "acme", "clinic", None, False, "t-1", Channel.SMS, 5, 100, 20)
