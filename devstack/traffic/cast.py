"""Who takes part: the demo's cast, of different size and fortune, or a crowd of any size."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from devstack.traffic.lines import MINUTE_MS, Chance


class Scenario(NamedTuple):
    """What a call follows: its tier, and the cap on its duration."""

    name: str
    tier: str
    cap_ms: int


SCENARIOS: Final = (
    Scenario("reception", "STANDARD", 5 * MINUTE_MS),
    Scenario("booking", "STANDARD", 10 * MINUTE_MS),
    Scenario("survey", "ECONOMY", 5 * MINUTE_MS),
    Scenario("concierge", "PREMIUM", 15 * MINUTE_MS),
)


class Tenant(NamedTuple):
    """A tenant's part: its weight among all, its projects, its money, and what it does.

    `live` and `sandbox` projects are opened before their usage, those seen `in_passing` by nobody;
    the last live one became live only `live_hours_ago`, if that is told. Of its usage, so many
    percent are crawls and chats; the rest are calls, of which `holds_captured` were asked for.
    Later top-ups come after the usage. `zone` is how many hours its day is ahead of the start's.
    """

    name: str
    weight: int
    live: tuple[str, ...] = ()
    sandbox: tuple[str, ...] = ()
    in_passing: tuple[str, ...] = ()
    live_hours_ago: int = 0
    scenarios: tuple[int, ...] = (0,)
    crawls_percent: int = 0
    chats_percent: int = 0
    zone: int = 0
    grant_usd: int = 0
    credit_limit_usd: int = 0
    top_ups_usd: tuple[int, ...] = ()
    later_top_ups_usd: tuple[int, ...] = ()
    adjustment_usd: int = 0
    budget_usd: int = 0
    low_balance_usd: int = 0
    holds_captured: int = 0
    holds_voided: int = 0
    holds_unused: int = 0
    holds_late: int = 0
    goes_live: bool = False
    asks_while_owing: bool = False
    asks_amiss: bool = False

    @property
    def projects(self) -> tuple[str, ...]:
        """Every project that has usage."""
        return self.live + self.sandbox + self.in_passing


CAST: Final = (
    Tenant(
        "northwind-agency",
        40,
        live=("bakery", "clinic", "garage", "hotel"),
        scenarios=(0, 0, 1, 2, 3),
        crawls_percent=3,
        chats_percent=12,
        grant_usd=25,
        top_ups_usd=(500, 200),
        budget_usd=600,
        holds_captured=12,
        holds_voided=2,
        holds_unused=3,
        holds_late=1,
        asks_amiss=True,
    ),
    Tenant(
        "meridian-hotels",
        22,
        live=("front-desk", "spa"),
        scenarios=(0, 3),
        crawls_percent=5,
        zone=9,
        grant_usd=10,
        credit_limit_usd=600,
        holds_captured=5,
    ),
    Tenant(
        "helio-energy",
        15,
        live=("support",),
        sandbox=("support-next",),
        live_hours_ago=60,
        scenarios=(0, 1),
        chats_percent=30,
        zone=-6,
        top_ups_usd=(200,),
        low_balance_usd=100,
        adjustment_usd=-15,
    ),
    # Runs out, owes, and a later top-up pays it all.
    Tenant(
        "brightside-dental",
        8,
        live=("recall",),
        scenarios=(0, 1),
        top_ups_usd=(20,),
        later_top_ups_usd=(200,),
        holds_captured=3,
        asks_while_owing=True,
    ),
    # Runs out, and goes on owing a part.
    Tenant(
        "last-light-bar",
        5,
        live=("tables",),
        scenarios=(0, 1),
        top_ups_usd=(20,),
        later_top_ups_usd=(20,),
        asks_while_owing=True,
    ),
    # One dollar carries one hold; the next is refused, and what is held pays for no other call.
    Tenant("tiny-studio", 1, live=("lessons",), grant_usd=1, holds_unused=2),
    # Tries it out, and goes live in the end.
    Tenant(
        "paperplane-labs",
        6,
        sandbox=("trial",),
        scenarios=(0, 1, 2, 3),
        crawls_percent=10,
        chats_percent=20,
        grant_usd=5,
        holds_captured=2,
        goes_live=True,
    ),
    # Known from its usage alone.
    Tenant("corner-shop", 3, in_passing=("phone",)),
)


def crowd(chance: Chance, count: int, usage: int) -> Sequence[Tenant]:
    """So many tenants for about so much usage: the n-th has an n-th of the first one's (Zipf)."""
    weights = [max(1, 1_000_000 // rank) for rank in range(1, count + 1)]
    per_weight = usage / sum(weights)
    return [
        _member(chance, rank, weight, round(weight * per_weight))
        for rank, weight in enumerate(weights, start=1)
    ]


def _member(chance: Chance, rank: int, weight: int, usage: int) -> Tenant:
    """Most pay ahead, enough or too little; some have credit, some only try it out."""
    projects = tuple(f"project-{number}" for number in range(1, 2 + chance.below(4)))
    tries = chance.hits(15, 100)
    credit = not tries and chance.hits(20, 100)
    expects_usd = usage * 45 // 100
    paid_usd = max(20, expects_usd * (150, 120, 60)[chance.below(3)] // 100)
    return Tenant(
        name=f"tenant-{rank:04}",
        weight=weight,
        live=() if tries else projects,
        sandbox=projects if tries else ("next",),
        in_passing=("met",) if chance.hits(5, 100) else (),
        live_hours_ago=chance.between(1, 100) if chance.hits(30, 100) else 0,
        scenarios=tuple(chance.below(len(SCENARIOS)) for _ in range(3)),
        crawls_percent=chance.between(0, 6),
        chats_percent=chance.between(0, 60),
        zone=chance.between(-8, 10),
        grant_usd=chance.between(1, 50),
        credit_limit_usd=max(10, expects_usd) if credit else 0,
        top_ups_usd=() if tries or credit else (paid_usd,),
        later_top_ups_usd=(paid_usd,) if chance.hits(40, 100) and not tries else (),
        adjustment_usd=chance.between(0, 3),
        budget_usd=expects_usd // 2 if chance.hits(30, 100) else 0,
        low_balance_usd=max(1, paid_usd // 5) if chance.hits(30, 100) else 0,
        holds_captured=usage // 10,
        holds_voided=usage // 200,
        holds_unused=min(3, usage // 100),
        goes_live=tries,
    )
