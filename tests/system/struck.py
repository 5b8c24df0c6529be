"""Processors that are struck at a step of a batch, one to a partition, as a test sees them."""

import signal
from collections.abc import Collection, Iterable

from tests.system.work import Work
from tests.system.world import Service, World

PROGRAM = "tests.system.striker"
REFUSED = 1
"""How a processor ends that can no longer know what the log holds."""
LOUD = {"LEDGER_KAFKA_EXTRA": "debug=protocol;log_level=7"}
"""The client library tells of each request when it is sent, and when it is answered."""


class Struck:
    """One processor of `striker.py`; what it has said."""

    def __init__(self, world: World, strike: str, *, is_loud: bool = False) -> None:
        self._world = world
        self._strike = strike
        self._environment = LOUD if is_loud else {}
        self.service = self._start()

    def _start(self) -> Service:
        name, program = self._strike.replace(" ", "-"), [PROGRAM, *self._strike.split()]
        return self._world.start_program(name, program, self._environment)

    def keep_alive(self) -> None:
        """Start it again if it ended."""
        if self.service.process.poll() is not None:
            self.service = self._start()

    @property
    def serves(self) -> set[int]:
        """The partitions it serves now."""
        served: set[int] = set()
        for line in self.service.lines:
            what, _, partition = line.partition(" ")
            if what == "serves":
                served.add(int(partition))
            elif what == "released":
                served.discard(int(partition))
        return served

    @property
    def partition(self) -> int:
        """Where it was struck; -1 until then."""
        said = [line for line in self.service.lines if line.startswith("struck ")]
        return int(said[0].split()[1]) if said else -1

    def said_since(self, start: str) -> list[str]:
        """What it said after a line that starts so."""
        lines = self.service.lines
        places = [place for place, line in enumerate(lines) if line.startswith(start)]
        return lines[places[0] + 1 :] if places else []

    def arm(self) -> None:
        self.service.signal(signal.SIGUSR1)

    def let_go(self) -> None:
        self.service.signal(signal.SIGUSR2)

    # ── Of a loud one ──

    @property
    def is_acknowledged(self) -> bool:
        """Whether the broker has taken the records of its batch, and told so."""
        said = self.said_since("armed")
        sent, answered = (
            sum(text in line for line in said)
            for text in ("Sent ProduceRequest", "Received ProduceResponse")
        )
        return sent == answered > 0

    @property
    def has_sent_commit(self) -> bool:
        """Whether the request that commits its batch is under way, or was."""
        return any("Sent EndTxnRequest" in line for line in self.said_since("struck"))


def strike_all(world: World, work: Work, struck: Collection[Struck], calls: int) -> None:
    """Let each serve one partition, decide something there, and be struck in its next batch."""
    world.wait_for(lambda: are_shared_out(world, struck))
    world.publish(work.opening())
    ends = world.input_ends()
    world.wait_for(lambda: are_shared_out(world, struck) and world.are_decided(ends))
    for one in struck:
        one.arm()
    world.wait_for(lambda: all("armed" in one.service.lines for one in struck))
    world.publish(work.more(calls))
    world.wait_for(lambda: all(one.partition >= 0 for one in struck))


def are_shared_out(world: World, struck: Iterable[Struck]) -> bool:
    """Whether each serves one partition.

    While a group forms, one that takes over late may fence the next owner, which then ends.
    """
    for one in struck:
        one.keep_alive()
    return sorted(map(sorted, (one.serves for one in struck))) == [
        [number] for number in range(world.partitions)
    ]


def ended_as_documented(lines: Iterable[str]) -> bool:
    """Whether a processor said that only the log can tell, and did not crash."""
    said = "\n".join(lines)
    return "[critical] cannot go on" in said and "crashed" not in said
