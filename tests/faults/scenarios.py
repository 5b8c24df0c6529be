"""The scenarios: what each is called, what happens in it, and what must then be seen.

After every one of them the same is checked (`run.Run.finish`), by code that shares nothing with
the project's.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.stack import Stack
from tests.faults import brokers, logs, processors, readers, records
from tests.faults.machines import on_a_small_disk, with_a_clock
from tests.faults.run import Run, running

TWO = ("", "")
ONE = ("",)


@dataclass(frozen=True)
class Scenario:
    """One fault."""

    name: str
    happens: str
    strike: Callable[[Run], None]
    processors: tuple[str, ...] = TWO
    """How each is struck, in the words of `tests/system/striker.py`; '' is `ledger run`."""
    is_loud: bool = False
    machine: Callable[[Path], AbstractContextManager[Stack]] | None = None
    """A stack of its own; None is the one that scenarios share."""

    def play(self, shared: Stack, folder: Path) -> list[float]:
        """Let it happen; the seconds that each partition needed to recover.

        Raises Failed where something does not hold, machines.Missing where it cannot be played.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.machine is None:
            return self._play(shared, folder)
        with self.machine(folder / "machine") as own:
            return self._play(own, folder)

    def _play(self, stack: Stack, folder: Path) -> list[float]:
        with running(stack, folder) as run:
            run.begin(self.processors, is_loud=self.is_loud)
            self.strike(run)
            run.finish()
            return run.recovery_s


def _at_step(what: str, step: str) -> Scenario:
    said, strike = {
        "kill": ("processor killed", processors.killed),
        "freeze": ("processor paused", processors.paused),
    }[what]
    words = "before the merge" if step == "committed" else step.replace("_", " ")
    then = "and another goes on" if what == "kill" else "past its session, and resumed"
    return Scenario(f"{said}: {words}", f"{said} {words}, {then}", strike, (f"{what} {step}", ""))


def _amid_commit(name: str, happens: str, strike: Callable[[Run], None]) -> Scenario:
    """One processor is held where it has sent its commit, and tells what goes over the wire."""
    return Scenario(name, happens, strike, ("hold commit_sent", ""), is_loud=True)


SCENARIOS: Final = (
    *(_at_step("kill", step) for step in processors.STRUCK_STEPS),
    *(_at_step("freeze", step) for step in processors.STRUCK_STEPS),
    Scenario(
        "processors killed at random",
        "all processors killed at a random moment, three times",
        processors.killed_at_random,
    ),
    Scenario(
        "processor told to stop",
        "SIGTERM under load: a clean hand-over",
        processors.told_to_stop,
    ),
    Scenario(
        "partition claimed twice",
        "each partition is claimed while its owner is at work; the owner ends, and claims it back",
        processors.claimed_by_another,
    ),
    Scenario(
        "take-over paused: assigned",
        "one that joins sleeps past its session before it claims, then claims late",
        processors.paused_while("assigned"),
        ONE,
    ),
    Scenario(
        "take-over paused: restoring",
        "one that joins claims, sleeps past its session, and goes on restoring",
        processors.paused_while("restoring"),
        ONE,
    ),
    Scenario(
        "take-over killed: restoring",
        "one that joins claims, and dies before it serves",
        processors.killed_while_restoring,
        ONE,
    ),
    Scenario(
        "rebalance in a batch",
        "another joins while a batch is decided",
        processors.rebalanced_in_a_batch,
        ("hold decided",),
    ),
    Scenario(
        "rebalance in a restore",
        "another joins and leaves while one restores",
        processors.rebalanced_while_restoring,
        ONE,
    ),
    Scenario(
        "rebalance storm",
        "a processor joins and another leaves or dies, every second",
        processors.come_and_go,
    ),
    Scenario("broker killed", "kill -9, and started again", brokers.killed),
    _amid_commit(
        "broker killed: commit unsent",
        "a batch's records are there, its commit is asked of a dead broker",
        brokers.killed_before_the_commit_is_sent,
    ),
    _amid_commit(
        "broker killed: commit unread",
        "the commit is sent, and the broker dies before it reads it",
        brokers.killed_before_the_commit_is_read,
    ),
    _amid_commit(
        "broker killed: commit unheard",
        "the commit is done, its processor dies unaware, then the broker",
        brokers.killed_with_the_one_who_asked,
    ),
    Scenario(
        "broker killed: before the merge",
        "the commit is done and confirmed, and the broker dies before the merge",
        brokers.killed_after_the_commit,
        ("hold committed", ""),
    ),
    Scenario(
        "broker away for 60 s",
        "the broker is stopped for a minute; recovery is from its return",
        brokers.away,
    ),
    Scenario(
        "broker's disk full",
        "the broker gives up; recovery is from its start with space again",
        brokers.out_of_space,
        machine=on_a_small_disk,
    ),
    Scenario(
        "broker's clock jumps",
        "five minutes ahead, an hour back, right again; recovery is from then",
        brokers.clock_ahead_and_back,
        machine=with_a_clock,
    ),
    Scenario(
        "broker's clock far ahead",
        "partitions are refused; recovery is from a restart with the clock right",
        brokers.clock_too_far_ahead,
        machine=with_a_clock,
    ),
    Scenario(
        "projector killed amid its rows",
        "killed after the checkpoint, before the rows of one transaction",
        readers.killed,
    ),
    Scenario(
        "projector paused amid its rows",
        "the same, but stopped and resumed; another goes on meanwhile",
        readers.paused,
    ),
    Scenario("two projectors", "two on the same partitions", readers.two_at_once),
    Scenario(
        "serialization failures",
        "two projectors under an isolation that refuses one of them",
        readers.two_at_once_in_repeatable_read,
    ),
    Scenario("Postgres restarted", "stopped, and started 3 s later", readers.restarted),
    Scenario("Postgres killed", "kill -9, and started again", readers.postgres_killed),
    Scenario("connections cut", "all of the projector's, again and again", readers.cut),
    Scenario(
        "poison bytes",
        "values that are nothing, too short or too long",
        records.set_aside(records.poison, "malformed"),
    ),
    Scenario(
        "unknown schema id",
        "a schema id that nobody knows",
        records.set_aside(records.of_an_unknown_schema, "unknown_schema"),
    ),
    Scenario(
        "as large as fits",
        "an id of 60,000 bytes",
        records.set_aside(records.as_large_as_fits, "invalid"),
    ),
    Scenario("too large", "a record that the broker refuses", records.too_large),
    Scenario(
        "wrong key",
        "a key that names nobody",
        records.set_aside(records.with_a_wrong_key, "wrong_key"),
    ),
    Scenario(
        "foreign tenant",
        "one tenant's key, another's value",
        records.set_aside(records.for_a_foreign_tenant, "wrong_key"),
    ),
    Scenario(
        "wrong partition",
        "a client with another partitioner",
        records.set_aside(records.on_a_wrong_partition, "wrong_partition"),
    ),
    Scenario("same id again", "all that was published, once more", records.again),
    Scenario(
        "same id, other content",
        "the id of a charged call, and other facts",
        records.decided_as(records.again_with_other_content, "InputRefused", refusal="conflict"),
    ),
    Scenario(
        "years old",
        "a call of three years ago",
        records.decided_as(records.years_old, "InputHeldForReview", reason="TOO_OLD"),
    ),
    Scenario(
        "from the future",
        "a call of the day after tomorrow",
        records.decided_as(records.from_the_future, "InputHeldForReview", reason="IN_THE_FUTURE"),
    ),
    Scenario(
        "group offsets deleted",
        "while no processor runs; the log has the position",
        logs.group_deleted,
    ),
    Scenario(
        "inputs truncated",
        "usage is deleted undecided: that partition is refused, the others go on",
        logs.inputs_cut,
    ),
    Scenario(
        "log truncated",
        "the log loses its beginning: that partition is refused, the others go on",
        logs.log_cut,
    ),
    Scenario(
        "a byte changed in the log",
        "the verifier names the event; that partition is refused, the others go on",
        logs.byte_changed,
    ),
    Scenario(
        "schema endpoint away",
        "and every processor started anew: known schemas need no one",
        logs.endpoint_away,
    ),
)
