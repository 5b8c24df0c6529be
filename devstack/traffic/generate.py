"""Options become lines: every tenant's part, merged in the order in which it was sent."""

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from devstack.traffic.asked import after, before
from devstack.traffic.cast import CAST, Tenant, crowd
from devstack.traffic.lines import CALLS, Chance, Sent
from devstack.traffic.oddities import poison, sent
from devstack.traffic.usage import Used, usage_of


class Options(msgspec.Struct, frozen=True):
    """What to make: so many usage events over so many days, by a crowd of so many tenants.

    0 tenants is the demo's cast, whose amounts grow with the events.
    """

    seed: int
    events: int
    days: int = 7
    tenants: int = 0


DEMO_OPTIONS: Final = Options(seed=20, events=2_400)


def generate(options: Options) -> Iterator[Sent]:
    """All lines: commands first and last, the usage between them as it was sent.

    Memory grows with tenants and with what is open, not with the events.
    """
    tenants = _tenants(options)
    scale = 1 if options.tenants else max(1, options.events // DEMO_OPTIONS.events)
    counts = _counts(tenants, options.events)
    for tenant, count in zip(tenants, counts, strict=True):
        yield from before(tenant, _usage(options, tenant, count), scale)
    streams = [
        sent(Chance(f"{options.seed} {tenant.name} sent"), _usage(options, tenant, count))
        for tenant, count in zip(tenants, counts, strict=True)
    ]
    yield from heapq.merge(*streams, key=itemgetter(0))
    largest = tenants[0]
    calls = (used for used in _usage(options, largest, counts[0]) if used.topic == CALLS)
    yield from poison(largest.name, next(calls).fields)
    for tenant in tenants:
        yield from after(tenant, scale)


def _tenants(options: Options) -> Sequence[Tenant]:
    if not options.tenants:
        return CAST
    return crowd(Chance(f"{options.seed} crowd"), options.tenants, options.events)


def _counts(tenants: Sequence[Tenant], events: int) -> list[int]:
    weights = sum(tenant.weight for tenant in tenants)
    return [events * tenant.weight // weights for tenant in tenants]


def _usage(options: Options, tenant: Tenant, count: int) -> Iterator[Used]:
    """The tenant's usage, the same whenever it is asked for."""
    return usage_of(Chance(f"{options.seed} {tenant.name}"), tenant, count, options.days)
