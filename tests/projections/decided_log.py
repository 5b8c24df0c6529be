"""A log as a processor would leave it: random inputs decided by the core, footers and markers too.

It is made in memory, so that folds can be held against the wallets that decided.
"""

from itertools import repeat
from random import Random
from typing import Final

from ledger.batch import Rules
from ledger.events import BatchCommitted
from ledger.wallet import Wallet
from projections.logged import Logged
from tests.unit.ledger.sender import APPROVAL_MICROS, Sender
from tests.unit.ledger.traffic import Traffic
from tests.unit.ledger.world import Partition, in_batches

BEGAN_MS: Final = 1_769_900_400_000
"""2026-01-31 23:00 UTC, so that a log of some hours passes into another month."""

STEP_MS: Final = 1_500
PROJECTS: Final = ("shop", "club", "back\\slash and 'quote'")


class DecidedLog:
    """Wallets, and the log that their decisions made, in batches of `batch_size` inputs."""

    def __init__(self, seed: int, tenants: int, inputs: int, batch_size: int = 40) -> None:
        random, traffic = Random(seed), Traffic()
        traffic.now_ms = BEGAN_MS
        names = [f"tenant-{number}" for number in range(tenants)]
        for tenant_id in names:
            traffic.open_project(tenant_id, PROJECTS[0], 1)
            traffic.open_project(tenant_id, PROJECTS[1], None)
        sender = Sender(random, traffic, names, PROJECTS, is_long=True)
        while len(traffic.arrived) < inputs:
            traffic.wait(STEP_MS)
            sender.send()
        partition = Partition(Rules(approval_above_micros=APPROVAL_MICROS))
        for batch in in_batches(traffic.arrived, repeat(batch_size)):
            partition.take(batch)
        self.wallets: dict[str, Wallet] = partition.state.wallets
        """The wallets that decided, as they stand at the log's end."""
        self.events: list[Logged] = []
        offset = 0
        for event in partition.events:
            self.events.append(Logged(offset, event))
            # The marker that ends a transaction takes an offset.
            offset += 2 if isinstance(event, BatchCommitted) else 1

    @property
    def end(self) -> int:
        """The offset after the last event; the marker there is no event's."""
        return self.events[-1].offset + 1
