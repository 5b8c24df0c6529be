"""A platform's process that puts calls into an outbox and says which were taken.

Arguments: bootstrap servers, prefix, the spool's folder, a tenant, how many. It prints an id for
each call that `put` returned from, then waits for its end.
"""

import math
import sys
import time
from pathlib import Path

from client.ledger_client import LedgerClient
from eventlog.settings import KafkaSettings
from tests.usage import calls


def main(servers: str, prefix: str, spool: str, tenant: str, count: str) -> None:
    ledger = LedgerClient(KafkaSettings(servers, prefix), "platform")
    outbox = ledger.outbox(Path(spool), full_wait_s=math.inf)
    for one in calls(tenant, range(int(count))):
        outbox.put([one])
        sys.stdout.write(f"{one.event_id}\n")
        sys.stdout.flush()
    time.sleep(3_600)


if __name__ == "__main__":
    main(*sys.argv[1:])
