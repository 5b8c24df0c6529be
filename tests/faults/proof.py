"""Whether a log holds each input once: read with fastavro and counted by hand, nothing else.

It shares no line with the project. For every record of the input topics, the log must have exactly
one outcome or one dead letter, and for a repeat or a tick neither; every chain and every sequence
must go on; every footer must count what it closes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple, cast

from confluent_kafka import murmur2

from tests import oracle
from tests.oracle import Avro, Record

DEAD_LETTERS = "ledger.dlq"
OUTCOMES = {
    "ProjectOpened",
    "ProjectModeChanged",
    "TermsSet",
    "TopUpSettled",
    "CreditGranted",
    "BalanceAdjusted",
    "HoldPlaced",
    "HoldRefused",
    "HoldVoided",
    "CallCharged",
    "CrawlCharged",
    "ChatCounted",
    "InputRefused",
    "InputHeldForReview",
}
CONSEQUENCES = {"WalletOpened", "ArrearsCollected", "HoldExpired", "ChatCharged"}

Place = tuple[str, int, int]
"""Topic, partition and offset of an input."""


class Logged(NamedTuple):
    """A value of the log, decoded: its kind, the envelope, and the fields of the kind."""

    record: Record
    kind: str
    envelope: Avro
    fields: Avro


def logged(events: Iterable[Record]) -> list[Logged]:
    """The log's values, each partition's in order; AssertionError where one is unreadable."""
    found: list[Logged] = []
    for record in sorted(events, key=lambda one: (one.partition, one.offset)):
        value = oracle.decoded(oracle.EVENTS, record.value)
        assert value is not None, f"{record.partition}/{record.offset} cannot be read"
        name, fields = cast("tuple[str, Avro]", value["body"])
        found.append(Logged(record, name.rpartition(".")[2], value, fields))
    return found


def partition_of(key: bytes, partitions: int) -> int:
    """Where a record of that key belongs."""
    return murmur2(key, partitions)


def doubts(
    inputs: Iterable[Record], log: list[Logged], letters: Iterable[Record], partitions: int
) -> Iterator[str]:
    """Everything that does not hold, in words."""
    published, set_aside = list(inputs), list(letters)
    yield from _of_inputs(published, log, set_aside, partitions)
    yield from _of_chains(log)
    yield from _of_batches(log)
    yield from _of_footers(published, log, len(set_aside))


# ── Inputs ──


def _of_inputs(
    inputs: list[Record], log: list[Logged], letters: list[Record], partitions: int
) -> Iterator[str]:
    answers = Counter(_answered(log))
    answers.update(_set_aside(letters))
    seen: set[tuple[str, bytes | None, str, bytes]] = set()
    for record in sorted(inputs, key=lambda one: (one.topic, one.partition, one.offset)):
        place = record.topic, record.partition, record.offset
        wanted, identity = 1, _identity(record, partitions)
        if identity == "tick":
            wanted = 0
        elif identity is not None:
            name = record.topic, record.key, identity, record.value or b""
            wanted = 0 if name in seen else 1
            seen.add(name)
        if answers[place] != wanted:
            yield f"{place} has {answers[place]} outcomes or dead letters, not {wanted}"
        del answers[place]
    yield from (f"{place} was never published, and is in the log" for place in answers)


def _identity(record: Record, partitions: int) -> str | None:
    """The id under which a repeat is known, None for what cannot be read or is misplaced."""
    value = oracle.decoded(record.topic, record.value)
    if value is None:
        return None
    if record.topic == oracle.COMMANDS and not value["tenant_id"]:
        return "tick"
    key = cast(str, value["tenant_id"]).encode()
    if record.key != key or partition_of(key, partitions) != record.partition:
        return None
    if record.topic == oracle.CALLS and not oracle.is_a_call(value):
        return None
    return cast(str, value["command_id" if record.topic == oracle.COMMANDS else "event_id"])


def _answered(log: list[Logged]) -> Iterator[Place]:
    """The input of each outcome: an event's id begins with its topic, partition and offset."""
    for one in log:
        if not one.envelope["tenant_id"]:
            continue
        assert one.kind in OUTCOMES | CONSEQUENCES, f"the proof does not know {one.kind}"
        in_passing = one.kind == "ProjectOpened" and one.fields["seen_in_passing"]
        if one.kind in OUTCOMES and not in_passing:
            topic, partition, offset, _ = cast(str, one.envelope["event_id"]).rsplit(":", 3)
            yield topic.partition(".")[2], int(partition), int(offset)


def _set_aside(letters: list[Record]) -> Iterator[Place]:
    for record in letters:
        letter = oracle.decoded(DEAD_LETTERS, record.value)
        assert letter is not None, f"dead letter {record.partition}/{record.offset} is unreadable"
        yield letter["source_topic"], letter["source_partition"], letter["source_offset"]


# ── Chains ──


def _of_chains(log: list[Logged]) -> Iterator[str]:
    heads: dict[tuple[int, str], bytes] = {}
    sequences: dict[tuple[int, str], int] = defaultdict(int)
    newest_ms: dict[int, int] = defaultdict(int)
    for one in log:
        partition, tenant_id = one.record.partition, cast(str, one.envelope["tenant_id"])
        chain = partition, tenant_id
        where = f"{partition}/{one.record.offset} of {tenant_id or 'the partition'}"
        begins = tenant_id or f"g1.{oracle.EVENTS}:{partition}"
        if one.envelope["prev"] != heads.get(chain, sha256(begins.encode()).digest()):
            yield f"{where} does not follow from the value before it"
        sequences[chain] += 1
        if one.envelope["sequence"] != sequences[chain]:
            yield f"{where} has sequence {one.envelope['sequence']}, not {sequences[chain]}"
        if one.envelope["recorded_at_ms"] < newest_ms[partition]:
            yield f"{where} was recorded before what stands before it"
        newest_ms[partition] = one.envelope["recorded_at_ms"]
        heads[chain] = sha256(one.record.value or b"").digest()


def _of_batches(log: list[Logged]) -> Iterator[str]:
    hashes: dict[int, list[bytes]] = defaultdict(list)
    positions: dict[tuple[int, str], int] = defaultdict(int)
    for one in log:
        partition = one.record.partition
        if one.kind != "BatchCommitted":
            hashes[partition].append(sha256(one.record.value or b"").digest())
            continue
        where = f"the footer at {partition}/{one.record.offset}"
        batch = hashes.pop(partition, [])
        if one.fields["events"] != len(batch):
            yield f"{where} closes {one.fields['events']} events, and {len(batch)} stand there"
        if one.fields["batch_hash"] != sha256(b"".join(batch)).digest():
            yield f"{where} has the hash of another batch"
        for at in cast("list[dict[str, Any]]", one.fields["positions"]):
            topic = partition, cast(str, at["topic"])
            if at["next_offset"] < positions[topic]:
                yield f"{where} goes back in {at['topic']}"
            positions[topic] = at["next_offset"]
    yield from (f"partition {partition} ends amid a batch" for partition in hashes)


def _of_footers(inputs: list[Record], log: list[Logged], letters: int) -> Iterator[str]:
    """What the last footers say in the end: that all was read, and what became of it."""
    footers = [one for one in log if one.kind == "BatchCommitted"]
    reached: dict[tuple[int, str], int] = {}
    for one in footers:
        for at in cast("list[dict[str, Any]]", one.fields["positions"]):
            reached[one.record.partition, at["topic"]] = at["next_offset"]
    beyond = [one for one in inputs if one.offset >= reached.get((one.partition, one.topic), 0)]
    yield from (f"{one.topic} {one.partition}/{one.offset} lies beyond it all" for one in beyond)
    counted = sum(one.fields["dead_letters"] for one in footers)
    if counted != letters:
        yield f"the footers count {counted} dead letters, and there are {letters}"
