"""A logic small enough to see through: it numbers its inputs, and its footer says how many.

Each input becomes one event with its number: a number that is missing, or there twice, is an
input that was lost or doubled. A command gets its number as the reply. Some values are orders:

    pend     two more steps are due afterwards, each with an event of its own
    burst    the reply is too large for its topic
    stop     the batch stops before this input, unless it comes first
    pause    no usage is taken after this command
    resume   usage is taken again after this command
"""

from collections.abc import Iterator, Sequence

import msgspec

from eventlog.logic import Claim, Position, StepResult
from eventlog.records import InputRecord, Output
from eventlog.replies import CORRELATION_ID, INSTANCE_ID

EVENTS = "wallet.events"
REPLIES = "wallet.replies"
COMMANDS = "wallet.commands"


class Counted(msgspec.Struct, tag=True):
    """One input, or one step that was due without any."""

    number: int
    value: str


class Footer(msgspec.Struct, tag=True):
    """The last event of a batch."""

    count: int
    next_offsets: dict[str, int]
    topic_ids: dict[str, str]
    usage_read_to_ms: int
    is_paused: bool = False


Event = Counted | Footer


def read_event(record: InputRecord) -> Event:
    return msgspec.json.decode(record.value() or b"", type=Event)


class Tally:
    """Counts the inputs of one partition."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.count = 0
        self.due = 0
        self.next_offsets: dict[str, int] = {}
        self.unmarked = 0
        self.is_paused = False

    def mark(self, end: int) -> None:
        self.unmarked = 0

    @property
    def is_intake_paused(self) -> bool:
        return self.is_paused

    @property
    def pending(self) -> bool:
        return self.due > 0

    def restore(self, events: Iterator[InputRecord]) -> dict[str, Position]:
        footer: Footer | None = None
        for record in events:
            match read_event(record):
                case Counted() as event:
                    self.count += 1
                    assert event.number == self.count, f"{event} is number {self.count}"
                case Footer() as footer:
                    assert footer.count == self.count, f"{footer} follows {self.count}"
        if footer is None:
            return {}
        self.next_offsets = footer.next_offsets
        self.is_paused = footer.is_paused
        return {
            topic: Position(offset, footer.topic_ids[topic])
            for topic, offset in footer.next_offsets.items()
        }

    def step(self, inputs: Sequence[InputRecord], usage_read_to_ms: int) -> StepResult | None:
        if self.due:
            assert not inputs, "what is due comes before new inputs"
            return self._result([], ["due"], usage_read_to_ms, due=self.due - 1)
        values = [(record.value() or b"").decode() for record in inputs]
        taken = values.index("stop", 1) if "stop" in values[1:] else len(inputs)
        is_paused = self.is_paused
        for place, record in enumerate(inputs[:taken]):
            if self.claim.logical[record.topic()] == COMMANDS:
                is_paused = values[place] == "pause" or (is_paused and values[place] != "resume")
            elif is_paused:
                taken = place
                break
        due = 2 * values[:taken].count("pend")
        return self._result(inputs[:taken], values[:taken], usage_read_to_ms, due, is_paused)

    def _result(
        self,
        taken: Sequence[InputRecord],
        values: list[str],
        usage_read_to_ms: int,
        due: int,
        is_paused: bool | None = None,
    ) -> StepResult:
        is_paused = self.is_paused if is_paused is None else is_paused
        next_offsets = self.next_offsets | {
            self.claim.logical[record.topic()]: record.offset() + 1 for record in taken
        }
        count = self.count + len(values)
        events = [Counted(self.count + place, value) for place, value in enumerate(values, 1)]
        replies = [
            self._reply(record, event)
            for record, event in zip(taken, events, strict=False)
            if self.claim.logical[record.topic()] == COMMANDS
        ]
        footer = Footer(
            count, next_offsets, dict(self.claim.topic_ids), usage_read_to_ms, is_paused
        )
        written = [Output(EVENTS, None, msgspec.json.encode(e), []) for e in (*events, footer)]

        def merge() -> None:
            self.count, self.next_offsets, self.due = count, next_offsets, due
            self.is_paused = is_paused

        return StepResult([*replies, *written], next_offsets, len(taken), merge)

    def _reply(self, record: InputRecord, event: Counted) -> Output:
        asked_by = [(k, v) for k, v in record.headers() or [] if k in (CORRELATION_ID, INSTANCE_ID)]
        padding = b" " * (2_000_000 if event.value == "burst" else 0)
        return Output(REPLIES, record.key(), b"%d" % event.number + padding, asked_by)
