"""What a broker is told: one that is alone, or one of a few; each is its own controller."""

from collections.abc import Sequence
from typing import NamedTuple

# Only what a broker of one machine needs otherwise than the defaults, and what our rules ask of
# any broker.
TEXT = """\
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENT://127.0.0.1:{port}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT

# Relative to the working folder: the format of this file has no way to write a comma in a path.
log.dirs=log

{copies}
# Few, for a quick start and recovery; 50 of each is for a cluster.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1

auto.create.topics.enable=false
unclean.leader.election.enable=false
log.message.timestamp.type=LogAppendTime
message.max.bytes=8388608
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000

# With the defaults (5 s and 45 s) every change of a group's members takes seconds.
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.session.timeout.ms=6000

# A stack may lie unused for longer than the default week; its groups resume where they were.
offsets.retention.minutes=5256000

# After kill -9 the broker waits until its former self has lost its session (9 s by default).
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# Sized for a small heap: the default buffer of the compactor alone is 128 MB.
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
"""

ONE_COPY = "# There is one copy of everything: this survives kill -9, not a power cut.\n"
SOME_COPIES = "# Whatever is acknowledged is on two brokers at least; any one may be away.\n"

COPIES_MAX = 3


class Node(NamedTuple):
    """A broker among its fellows: its number from 1, and its two ports on loopback."""

    number: int
    port: int
    controller_port: int


def copies_of(nodes: int) -> int:
    """How many copies of everything so many brokers keep."""
    return min(nodes, COPIES_MAX)


def broker_settings(own: Node, nodes: Sequence[Node]) -> str:
    """The text of `server.properties` for one of these brokers."""
    voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in nodes)
    copies = copies_of(len(nodes))
    return TEXT.format(**own._asdict(), voters=voters, copies=_copies(copies))


def _copies(copies: int) -> str:
    in_sync = max(1, copies - 1)
    return (ONE_COPY if copies == 1 else SOME_COPIES) + (
        f"default.replication.factor={copies}\n"
        f"min.insync.replicas={in_sync}\n"
        f"offsets.topic.replication.factor={copies}\n"
        f"transaction.state.log.replication.factor={copies}\n"
        f"transaction.state.log.min.isr={in_sync}\n"
        f"share.coordinator.state.topic.replication.factor={copies}\n"
        f"share.coordinator.state.topic.min.isr={in_sync}\n"
    )
