"""Work for every partition of a world, whose outcome does not hang on how topics interleave.

One tenant lives on each partition. `opening` comes first and is decided before the rest: it makes
the tenants known, fills their wallets and asks for the holds that later calls end. What `more`
gives, calls and grants, may come in any order, and all of it `again`.
"""

import itertools
import time
from collections.abc import Iterator

from eventlog.partitioner import partition_of
from eventlog.producer import Publication
from eventlog.topics import USAGE_CALLS, WALLET_COMMANDS
from ledger.commands import Command, GrantCredit, OpenProject, PlaceHold, SettleTopUp
from ledger.usage import CallUsage, Tier
from schemas import codec

PROJECT = "project-1"
TOP_UP_MICROS = 5_000_000_000
GRANT_MICROS = 1_234_567
CALLS_A_GRANT = 20
CALLS_A_HOLD = 5
HOLDS = 100
DAY_MS = 86_400_000
CAP_MS = 600_000
TIERS = list(Tier)


def tenant_on(partition: int, partitions: int, kind: str = "tenant") -> str:
    """The first tenant of a kind that lives on a partition."""
    names = map(f"{kind}-{{}}".format, itertools.count())
    return next(name for name in names if partition_of(name.encode(), partitions) == partition)


def opening(tenant: str, top_up_micros: int, began_ms: int) -> Iterator[Publication]:
    """What makes a tenant known, fills its wallet and asks for its holds."""
    return map(_command, _opening(tenant, top_up_micros, began_ms))


def call_and_grant(tenant: str, number: int, began_ms: int) -> Iterator[Publication]:
    """The call of that number, and a grant with some."""
    yield usage(call(tenant, number, began_ms))
    if number % CALLS_A_GRANT == 0:
        yield _command(
            GrantCredit(
                command_id=f"grant-{number}",
                tenant_id=tenant,
                actor="operator:ann",
                reason="goodwill",
                amount_micros=GRANT_MICROS,
            )
        )


def call(tenant: str, number: int, began_ms: int) -> CallUsage:
    """A call of that number; the same number is the same call."""
    # Every length there is, up to a minute beyond the cap.
    lasted_ms = number * 1_001 % (CAP_MS + 60_000)
    ended_ms = began_ms - number
    hold, without = divmod(number, CALLS_A_HOLD)
    return CallUsage(
        event_id=f"call-{number}",
        tenant_id=tenant,
        project_id=PROJECT,
        corrects=None,
        withdrawn=False,
        call_id=f"platform-call-{number}",
        scenario_id="scenario-1",
        started_at=ended_ms - lasted_ms,
        ended_at=ended_ms,
        tier=TIERS[number % len(TIERS)],
        goal_reached=number % 4 == 0,
        flagged_spam=number % 7 == 0,
        duration_ms=lasted_ms,
        duration_cap_ms=CAP_MS,
        user_turns=number % 9,
        hold_id=None if without or hold >= HOLDS else f"hold-{hold}",
    )


def usage(one: CallUsage) -> Publication:
    """A call as upstream publishes it."""
    return Publication(USAGE_CALLS.name, one.tenant_id.encode(), codec.calls.encode(one))


class Work:
    """Inputs, each with an id of its own; it keeps what it gave."""

    def __init__(self, partitions: int) -> None:
        self._tenants = [tenant_on(number, partitions) for number in range(partitions)]
        self._began_ms = time.time_ns() // 1_000_000
        self._numbers = itertools.count(1)
        self._given: list[Publication] = []

    def opening(self) -> list[Publication]:
        """What must be decided first."""
        return self._keep(
            record
            for tenant in self._tenants
            for record in opening(tenant, TOP_UP_MICROS, self._began_ms)
        )

    def more(self, calls: int) -> list[Publication]:
        """So many calls for each partition, and grants between them."""
        return self._keep(
            record
            for number in itertools.islice(self._numbers, calls)
            for tenant in self._tenants
            for record in call_and_grant(tenant, number, self._began_ms)
        )

    def again(self) -> list[Publication]:
        """All that was given so far."""
        return list(self._given)

    def _keep(self, records: Iterator[Publication]) -> list[Publication]:
        given = list(records)
        self._given += given
        return given


def _opening(tenant: str, top_up_micros: int, began_ms: int) -> Iterator[Command]:
    yield OpenProject(
        command_id="open",
        tenant_id=tenant,
        actor="operator:ann",
        reason="signed",
        project_id=PROJECT,
        live_from_ms=began_ms - DAY_MS,
    )
    yield SettleTopUp(
        command_id="top-up",
        tenant_id=tenant,
        actor="payments",
        payment_id="payment-1",
        amount_micros=top_up_micros,
    )
    for number in range(HOLDS):
        yield PlaceHold(
            command_id=f"hold-{number}",
            tenant_id=tenant,
            actor="calls",
            project_id=PROJECT,
            tier=Tier.STANDARD,
            duration_cap_ms=CAP_MS,
        )


def _command(command: Command) -> Publication:
    key, value = command.tenant_id.encode(), codec.asked.encode(command)
    return Publication(WALLET_COMMANDS.name, key, value)
