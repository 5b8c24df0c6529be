"""Records that should not be: each is set aside, refused or held for review, and nothing stops."""

from collections.abc import Callable
from typing import Any

import msgspec

from eventlog.errors import Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.topics import USAGE_CALLS
from ledger.usage import CallUsage
from tests import oracle
from tests.faults import proof
from tests.faults.run import PARTITIONS, Failed, Run
from tests.system.work import DAY_MS, usage

ODD = 1_000_001
"""The number of the odd call: none of the workload's has it."""
YEARS_MS = 3 * 365 * DAY_MS
AS_LARGE_AS_FITS = 60_000
TOO_LARGE = 300_000
UNKNOWN_SCHEMA = b"\0\0\0\x63\x63"
PARTITION = 1

Odd = Callable[[Run], list[Publication]]


def set_aside(odd: Odd, code: str) -> Callable[[Run], None]:
    """Each of the records becomes a dead letter with that code."""

    def strike(run: Run) -> None:
        records = published(run, odd)
        wanted = {(one.key, one.value) for one in records}
        letters = [
            letter
            for record in run.world.records(proof.DEAD_LETTERS)
            if (letter := oracle.decoded(proof.DEAD_LETTERS, record.value)) is not None
        ]
        found = {(letter["key"], letter["value"]): letter["code"] for letter in letters}
        if found != dict.fromkeys(wanted, code):
            raise Failed(f"the dead letters are {found}")

    return strike


def decided_as(odd: Odd, kind: str, **fields: Any) -> Callable[[Run], None]:
    """Each of the records has an event of that kind, with these fields."""

    def strike(run: Run) -> None:
        records = published(run, odd)
        found = [
            one.fields
            for one in proof.logged(run.world.records(oracle.EVENTS))
            if one.kind == kind and fields.items() <= one.fields.items()
        ]
        if len(found) != len(records):
            raise Failed(f"{len(found)} of {len(records)} became {kind} with {fields}")

    return strike


def too_large(run: Run) -> None:
    """The broker refuses it; who published it is told, and nobody else notices."""
    strike = run.strike()
    record = Publication(
        USAGE_CALLS.name, run.workload.tenant_on(PARTITION).encode(), bytes(TOO_LARGE)
    )
    try:
        Publisher(run.world.kafka).publish([record])
    except Undelivered as error:
        if "too large" not in str(error).lower():
            raise Failed(f"it was refused because {error}") from error
    else:
        raise Failed("the broker took it")
    run.recover(strike)


def published(run: Run, odd: Odd) -> list[Publication]:
    """Publish odd records in the middle of the others, and wait until all is decided."""
    records = odd(run)
    strike = run.strike()
    run.load.publish(records)
    run.recover(strike)
    run.wait_until_decided()
    return records


# ── What is odd ──


def poison(run: Run) -> list[Publication]:
    """Bytes that are nothing, or end too early, or go on too long."""
    key, whole = _key(run), usage(_call(run)).value
    values = (b"\0", b"\xff" * 40, whole[:20], whole + b"\0")
    return [Publication(USAGE_CALLS.name, key, value) for value in values]


def of_an_unknown_schema(run: Run) -> list[Publication]:
    """A schema id that nobody knows."""
    return [Publication(USAGE_CALLS.name, _key(run), UNKNOWN_SCHEMA + usage(_call(run)).value[5:])]


def as_large_as_fits(run: Run) -> list[Publication]:
    """As many bytes as the topic takes, in an id."""
    return [usage(_call(run, scenario_id="s" * AS_LARGE_AS_FITS))]


def with_a_wrong_key(run: Run) -> list[Publication]:
    """A key that names nobody, on the right partition."""
    return [usage(_call(run))._replace(key=b"someone-else", partition=PARTITION)]


def for_a_foreign_tenant(run: Run) -> list[Publication]:
    """One tenant's key, another tenant's value."""
    foreign = run.workload.tenant_on((PARTITION + 1) % PARTITIONS)
    return [usage(_call(run))._replace(key=foreign.encode())]


def on_a_wrong_partition(run: Run) -> list[Publication]:
    """What a client with another partitioner does."""
    return [usage(_call(run))._replace(partition=(PARTITION + 1) % PARTITIONS)]


def again_with_other_content(run: Run) -> list[Publication]:
    """The id of a call that was charged long ago, and other facts."""
    return [usage(_call(run, event_id="call-1"))]


def years_old(run: Run) -> list[Publication]:
    """A call of three years ago."""
    call = _call(run)
    return [
        usage(
            msgspec.structs.replace(
                call, started_at=call.started_at - YEARS_MS, ended_at=call.ended_at - YEARS_MS
            )
        )
    ]


def from_the_future(run: Run) -> list[Publication]:
    """A call of the day after tomorrow."""
    call = _call(run)
    return [usage(msgspec.structs.replace(call, ended_at=call.ended_at + 2 * DAY_MS))]


def again(run: Run) -> None:
    """All that was ever published comes once more: it is counted, and changes nothing."""
    strike = run.strike()
    run.load.publish(list(run.load.acknowledged))
    run.recover(strike)


def _key(run: Run) -> bytes:
    return run.workload.tenant_on(PARTITION).encode()


def _call(run: Run, **fields: str) -> CallUsage:
    call = run.workload.call(run.workload.tenant_on(PARTITION), ODD)
    # The workload's times go back with the number.
    now_ms = run.workload.call(call.tenant_id, 1).ended_at
    call = msgspec.structs.replace(call, started_at=now_ms - 1_000, ended_at=now_ms)
    return msgspec.structs.replace(call, **fields)
