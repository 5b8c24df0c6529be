"""The hash chain through `wallet.events`: every value holds the hash of the one before it.

A wallet's values are one chain, a partition's own values (cards, footers) another. A footer also
holds the hash of its batch, so that a wallet dropped whole, or a cut tail, is seen as well.
"""

from collections.abc import Iterable
from hashlib import sha256

from ledger.events import Event
from schemas.codec import wallet_events
from schemas.native import hash_of


def beginning(name: str) -> bytes:
    """The `prev` of a chain's first value; the name is the tenant's id or the partition's."""
    return sha256(name.encode()).digest()


def batch_hash(value_hashes: Iterable[bytes]) -> bytes:
    """SHA-256 over the SHA-256 of each of a batch's values before the footer, in order."""
    return sha256(b"".join(value_hashes)).digest()


class Chains:
    """The head of every chain of a partition; its own chain is the tenant `""`.

    A batch's heads are kept in a dict beside it until `advance` after the commit.
    """

    def __init__(self, partition_name: str) -> None:
        self._heads: dict[str, bytes] = {"": beginning(partition_name)}

    def head(self, tenant_id: str) -> bytes:
        """The hash of the chain's last value."""
        return self._heads.get(tenant_id) or beginning(tenant_id)

    def link(
        self, events: Iterable[Event], batch_heads: dict[str, bytes]
    ) -> tuple[list[bytes], list[bytes]]:
        """The events' values, chained, and their hashes; `batch_heads` is moved on."""
        values: list[bytes] = []
        hashes: list[bytes] = []
        encode = wallet_events.encode
        for event in events:
            tenant_id = event.originator_id
            prev = batch_heads.get(tenant_id) or self.head(tenant_id)
            value = encode(event, prev)
            batch_heads[tenant_id] = value_hash = hash_of(value)
            values.append(value)
            hashes.append(value_hash)
        return values, hashes

    def advance(self, batch_heads: dict[str, bytes]) -> None:
        """Make a batch's heads the chains' own, once its values are in the log."""
        self._heads.update(batch_heads)
