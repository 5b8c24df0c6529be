"""What operators do with dead letters: resend or drop them, each once, whoever else is at it.

A letter's resolution stands in the same transaction as what is published again. Before that, under
the fence of the partition's resolutions, all of them are read: two at once cannot both resend.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeVar, cast

from cli.command import Position
from cli.dead_letters import Letter, Resolutions
from cli.show import shown, shown_time
from consumers.processor.inputs import INPUT_TOPICS, USAGE, WALLET_COMMANDS, Reader
from eventlog.exclusive import ExclusiveWriter
from eventlog.logic import Claim
from eventlog.partitioner import partition_of
from eventlog.producer import Publication
from eventlog.records import Headers
from eventlog.settings import KafkaSettings
from eventlog.topics import LEDGER_RESOLUTIONS
from ledger.batch import Unreadable
from ledger.commands import Command, PartitionCommand, fault_in_command
from ledger.errors import UnreadableInput
from ledger.usage import Usage, fault_in_usage
from schemas import codec
from schemas.codec import Resolution, ResolutionKind

T = TypeVar("T")

LETTERS_PER_TRANSACTION: Final = 50


class Asked(NamedTuple):
    """What an operator wants done, with every letter alike.

    `again`: even if it was done before. `key_from_value`: where key and value name different
    tenants, the value's is right.
    """

    kind: ResolutionKind
    actor: str
    reason: str
    again: bool = False
    key_from_value: bool = False


class Answer(NamedTuple):
    """What became of the request for one letter, in a sentence without its end."""

    position: Position
    is_done: bool
    said: str
    target_partition: int | None = None


class CannotResend(Exception):
    """It would be set aside again, or charged to a tenant that nobody named."""


def resolve(
    kafka: KafkaSettings, partitions: int, letters: Sequence[Letter], asked: Asked
) -> Iterator[Answer]:
    """Do what is asked, partition by partition; an answer for every letter, in their order.

    What was answered is done. Raises LogUnavailable, Overtaken or Unconfirmed for the letters that
    follow: it can be asked again, and what was done is not done twice.
    """
    for number, of_partition in groupby(letters, lambda letter: letter.position.partition):
        with ExclusiveWriter(kafka, LEDGER_RESOLUTIONS.name, number) as writer:
            done = Resolutions(writer.read())
            for some in _chunks(list(of_partition), LETTERS_PER_TRANSACTION):
                decided = [_decide(letter, done, partitions, asked) for letter in some]
                records = [record for _, written in decided for record in written]
                if records:
                    writer.write(records)
                yield from (answer for answer, _ in decided)


def target_of(letter: Letter, partitions: int, *, key_from_value: bool) -> Publication:
    """The input as it is published again: its bytes and headers, on its tenant's partition.

    Raises CannotResend.
    """
    source = letter.input
    if source.source_topic not in INPUT_TOPICS:
        raise CannotResend(f"this program does not know the topic {source.source_topic}")
    if source.value is None:
        raise CannotResend("it has no value, and would be set aside again")
    try:
        decoded = _codec(source.source_topic).decode(source.value)
    except UnreadableInput as error:
        raise CannotResend(f"it would be set aside again: {error}") from None
    key, partition = source.key, source.source_partition
    if not isinstance(decoded, PartitionCommand):
        key = decoded.tenant_id.encode()
        partition = partition_of(key, partitions)
        if key != source.key and not key_from_value:
            raise CannotResend(
                f"its key is {_named(source.key)}, and its value is for {_named(key)}. If the value"
                " is right, add --key-from-value; if not, drop it, and have it published rightly"
            )
    fault = fault_in_usage(decoded) if isinstance(decoded, Usage) else fault_in_command(decoded)
    if fault is not None:
        raise CannotResend(f"it would be set aside again: {fault}")
    headers = cast(Headers, [(header.name, header.value) for header in source.headers])
    again = Publication(source.source_topic, key, source.value, headers, partition)
    _check_read(again, partitions)
    return again


def _decide(
    letter: Letter, done: Resolutions, partitions: int, asked: Asked
) -> tuple[Answer, list[Publication]]:
    """What becomes of a letter, and what is written for that."""
    before = done.of(letter)
    if before and not asked.again:
        last = before[-1]
        said = (
            f"{shown('kind', last.done.kind)} before, by {last.done.actor} on"
            f" {shown_time(last.at_ms)} UTC: {last.done.reason}"
        )
        return Answer(letter.position, is_done=False, said=said), []
    if asked.kind is ResolutionKind.DROPPED:
        answer = Answer(letter.position, is_done=True, said="dropped")
        return answer, [_resolution(letter, asked, None, is_again=bool(before))]
    try:
        again = target_of(letter, partitions, key_from_value=asked.key_from_value)
    except CannotResend as why:
        return Answer(letter.position, is_done=False, said=f"not resent: {why}"), []
    said = f"resent to {again.topic}/{again.partition}"
    answer = Answer(letter.position, is_done=True, said=said, target_partition=again.partition)
    return answer, [again, _resolution(letter, asked, again.partition, is_again=bool(before))]


def _resolution(
    letter: Letter, asked: Asked, target_partition: int | None, *, is_again: bool
) -> Publication:
    source = letter.input
    done = Resolution(
        letter_partition=letter.position.partition,
        letter_offset=letter.position.offset,
        source_topic=source.source_topic,
        source_partition=source.source_partition,
        source_offset=source.source_offset,
        kind=asked.kind,
        target_partition=target_partition,
        is_again=is_again,
        actor=asked.actor,
        reason=asked.reason,
    )
    key, value = str(letter.position).encode(), codec.resolutions.encode(done)
    return Publication(LEDGER_RESOLUTIONS.name, key, value, partition=letter.position.partition)


# ── As the processor reads it ──


class _Again(NamedTuple):
    """A record as it will stand on its partition."""

    publication: Publication
    name: str

    def topic(self) -> str:
        return self.name

    def partition(self) -> int:
        return self.publication.partition

    def offset(self) -> int:
        return 0

    def key(self) -> bytes | None:
        return self.publication.key

    def value(self) -> bytes | None:
        return self.publication.value

    def headers(self) -> Headers | None:
        return self.publication.headers

    def timestamp(self) -> tuple[int, int]:
        return (0, 0)


def _check_read(again: Publication, partitions: int) -> None:
    """Let the processor's own reader judge it."""
    names: Mapping[str, str] = {name: name for name in INPUT_TOPICS}
    claim = Claim(again.partition, partitions, names, names, lambda _: iter(()))
    [read] = Reader(claim).read([_Again(again, again.topic)])
    if isinstance(read.value, Unreadable):
        raise CannotResend(f"it would be set aside again: {read.value.message}")


def _codec(topic: str) -> codec.UsageCodec | codec.TopicCodec[Command]:
    return codec.asked if topic == WALLET_COMMANDS else USAGE[topic]


def _named(key: bytes | None) -> str:
    return "none" if key is None else repr(key.decode(errors="replace"))


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))
