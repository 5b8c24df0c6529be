"""What is measured on: calls of live, funded tenants, as upstream would publish them."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from eventlog.partitioner import partition_of
from ledger.commands import Command, OpenProject, SettleTopUp
from ledger.money import MICROS_PER_USD
from ledger.usage import CallUsage, Tier
from schemas import codec

OPERATOR: Final = "operator:bench"
SERVICE: Final = "service:bench"
DAY_MS: Final = 86_400_000
FUNDS_MICROS: Final = 1_000_000 * MICROS_PER_USD
OPEN_CAP_MS: Final = 600_000
PROJECTS: Final = 3


class Published(NamedTuple):
    """A record as its sender made it."""

    key: bytes
    value: bytes


def tenants(count: int, partitions: int, partition: int | None = None) -> list[str]:
    """Ids of tenants, all of one partition if it is named."""
    chosen: list[str] = []
    number = 0
    while len(chosen) < count:
        number += 1
        tenant_id = f"tenant-{number:012d}"
        if partition in (None, partition_of(tenant_id.encode(), partitions)):
            chosen.append(tenant_id)
    return chosen


def openings(tenant_ids: list[str], now_ms: int) -> Iterator[Published]:
    """Commands that make every project live since long ago and every wallet full."""
    for tenant_id in tenant_ids:
        for project in range(PROJECTS):
            yield _asked(
                OpenProject(
                    command_id=f"open-{project}",
                    tenant_id=tenant_id,
                    actor=OPERATOR,
                    reason="bench",
                    project_id=project_id(project),
                    live_from_ms=now_ms - 30 * DAY_MS,
                )
            )
        yield _asked(
            SettleTopUp(
                command_id="top-up",
                tenant_id=tenant_id,
                actor=SERVICE,
                payment_id="pay_1",
                amount_micros=FUNDS_MICROS,
            )
        )


def calls(tenant_ids: list[str], count: int, now_ms: int, seed: int = 1) -> Iterator[Published]:
    """Calls of every outcome and tier within the last hours; about 156 bytes each."""
    random = Random(seed)
    tiers = tuple(Tier)
    for number in range(count):
        ended_at = now_ms - 7_200_000 + number * 7_000_000 // count
        duration_ms = random.randrange(2_000, 420_000)
        tenant_id = random.choice(tenant_ids)
        usage = CallUsage(
            event_id=f"evt_{number:030x}",
            tenant_id=tenant_id,
            project_id=project_id(random.randrange(PROJECTS)),
            corrects=None,
            withdrawn=False,
            call_id=f"call_{number:030x}",
            scenario_id=f"scenario-{random.randrange(8):08d}",
            started_at=ended_at - duration_ms,
            ended_at=ended_at,
            tier=random.choice(tiers),
            goal_reached=random.random() < 0.25,
            flagged_spam=random.random() < 0.05,
            duration_ms=duration_ms,
            duration_cap_ms=OPEN_CAP_MS,
            user_turns=random.randrange(12),
            hold_id=None,
        )
        yield Published(tenant_id.encode(), codec.calls.encode(usage))


def project_id(number: int) -> str:
    """The id of a tenant's project."""
    return f"project-{number:08d}"


def _asked(command: Command) -> Published:
    return Published(command.tenant_id.encode(), codec.asked.encode(command))
