"""Dead letters as they stand in `ledger.dlq`, each with what operators did with it.

A letter never changes. What was done with it stands in `ledger.resolutions`, in the partition of
the letter's own number.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cli.command import Position
from cli.errors import Refused
from cli.whole_log import kept
from eventlog.admin import Admin
from eventlog.reader import read_to_end
from eventlog.records import InputRecord, source_of
from eventlog.settings import KafkaSettings
from eventlog.topics import DAY_MS, LEDGER_DLQ, LEDGER_RESOLUTIONS
from ledger.usage import Word
from schemas.codec import DeadLetter, Resolution, dead_letters, resolutions


class Letter(NamedTuple):
    """A dead letter, and when it was set aside."""

    position: Position
    set_aside_at_ms: int
    input: DeadLetter

    @property
    def source(self) -> str:
        """Who sent the input; `-` if it did not say."""
        return source_of((header.name, header.value) for header in self.input.headers)


class Resolved(NamedTuple):
    """Something an operator did with a letter, and when."""

    at_ms: int
    done: Resolution


class LetterState(Word):
    """What became of a dead letter."""

    OPEN = "OPEN"
    RESENT = "RESENT"
    DROPPED = "DROPPED"


class Wanted(NamedTuple):
    """Which letters are asked for; None asks for any."""

    source: str | None = None
    code: str | None = None
    topic: str | None = None

    def has(self, letter: Letter) -> bool:
        """Whether a letter is one of them."""
        return (
            self.source in (None, letter.source)
            and self.code in (None, letter.input.code)
            and self.topic in (None, letter.input.source_topic)
        )


Identity = tuple[int, int, str, int, int]


class Resolutions:
    """All that was done, by letter; what is done twice on purpose is there twice."""

    def __init__(self, records: Iterable[InputRecord]) -> None:
        self._done: dict[Identity, list[Resolved]] = {}
        for record in records:
            done = resolutions.decode(record.value() or b"")
            resolved = Resolved(record.timestamp()[1], done)
            self._done.setdefault(_identity_of(done), []).append(resolved)

    def of(self, letter: Letter) -> Sequence[Resolved]:
        """What was done with a letter, in order."""
        (partition, offset), source = letter.position, letter.input
        place = source.source_topic, source.source_partition, source.source_offset
        return self._done.get((partition, offset, *place), ())

    def state(self, letter: Letter) -> LetterState:
        """What became of a letter in the end."""
        done = self.of(letter)
        return LetterState(done[-1].done.kind) if done else LetterState.OPEN


def every_letter(
    kafka: KafkaSettings, partitions: int, wanted: Wanted, since_ms: int = 0
) -> Iterator[Letter]:
    """The letters that are still kept and were set aside since then; each partition's in order."""
    label = "reading the dead letters"
    letters = map(_letter, kept(kafka, LEDGER_DLQ.name, partitions, since_ms, label))
    return filter(wanted.has, letters)


def every_resolution(kafka: KafkaSettings, partitions: int) -> Resolutions:
    """All that was ever done with dead letters."""
    label = "reading what was done"
    return Resolutions(kept(kafka, LEDGER_RESOLUTIONS.name, partitions, 0, label))


def letters_at(
    kafka: KafkaSettings, partitions: int, positions: Iterable[Position]
) -> list[Letter]:
    """The letters that stand there, in their order; raises Refused, naming where none does."""
    asked = sorted(set(positions))
    numbers = {position.partition for position in asked}
    spans = _spans(kafka, numbers & set(range(partitions)))
    found = {
        letter.position: letter
        for number, span in spans.items()
        for letter in _letters_of(
            kafka, number, {at.offset for at in asked if at[0] == number}, span
        )
    }
    missing = next((position for position in asked if position not in found), None)
    if missing is not None:
        raise Refused(
            f"No dead letter stands at {missing}; `ledger dlq list` shows those that are kept, for"
            f" {LEDGER_DLQ.retention_ms // DAY_MS} days."
        )
    return list(found.values())


def _spans(kafka: KafkaSettings, partitions: Iterable[int]) -> Mapping[int, range]:
    """The offsets that partitions still hold."""
    admin = Admin(kafka)
    places = [(kafka.topic(LEDGER_DLQ.name), number) for number in sorted(partitions)]
    starts, ends = admin.starts(places), admin.committed_ends(places)
    return {number: range(starts[name, number], ends[name, number]) for name, number in places}


def _letters_of(
    kafka: KafkaSettings, partition: int, offsets: set[int], span: range
) -> Iterator[Letter]:
    """Those of a partition, read in one go; the ends of transactions take offsets, too."""
    inside = sorted(offset for offset in offsets if offset in span)
    if not inside:
        return
    for record in read_to_end(kafka, LEDGER_DLQ.name, partition, inside[0]):
        if record.offset() in offsets:
            yield _letter(record)
        if record.offset() >= inside[-1]:
            return


def _letter(record: InputRecord) -> Letter:
    position = Position(record.partition(), record.offset())
    return Letter(position, record.timestamp()[1], dead_letters.decode(record.value() or b""))


def _identity_of(done: Resolution) -> Identity:
    """The input's position beside the letter's: a topic made anew counts from 0 again."""
    return (
        done.letter_partition,
        done.letter_offset,
        done.source_topic,
        done.source_partition,
        done.source_offset,
    )
