"""The wallet: an event-sourced aggregate that keeps a tenant's balance and decides its movements.

Owns what may happen to one tenant's money. Every method that takes a command lists its refusals
first, in the order of PRODUCT decision 19; after the comment nothing can fail.
May use the rest of the core. Must never read a clock, nor know of partitions, batches or bytes.
"""

from ledger.wallet.holding import Holding
from ledger.wallet.noticing import Noticing
from ledger.wallet.operating import Operating
from ledger.wallet.reviewing import Reviewing
from ledger.wallet.state import Cause


class Wallet(Holding, Reviewing, Operating, Noticing):
    """One tenant's wallet: all of its decisions, on one state."""


__all__ = ["Cause", "Wallet"]
