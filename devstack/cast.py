"""Who takes part in the demo: tenants of different size and fortune, and what their calls are."""

from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000


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
    """A tenant's part: its share of all calls, its projects, its money, and how it asks.

    `live` and `sandbox` projects are opened before their usage, those seen `in_passing` by nobody.
    Later top-ups come after the usage. Of its last calls, `holds_captured` were asked for.
    """

    name: str
    share_percent: int
    live: tuple[str, ...] = ()
    sandbox: tuple[str, ...] = ()
    in_passing: tuple[str, ...] = ()
    scenarios: tuple[int, ...] = (0,)
    grant_usd: int = 0
    credit_limit_usd: int = 0
    top_ups_usd: tuple[int, ...] = ()
    later_top_ups_usd: tuple[int, ...] = ()
    adjustment_usd: int = 0
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
        grant_usd=25,
        top_ups_usd=(500, 200),
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
        grant_usd=10,
        credit_limit_usd=600,
        holds_captured=5,
    ),
    Tenant(
        "helio-energy",
        15,
        live=("support",),
        sandbox=("support-next",),
        scenarios=(0, 1),
        top_ups_usd=(200,),
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
        grant_usd=5,
        holds_captured=2,
        goes_live=True,
    ),
    # Known from its usage alone.
    Tenant("corner-shop", 3, in_passing=("phone",)),
)
