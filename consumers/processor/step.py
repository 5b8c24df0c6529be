"""One partition's way from input records to output records, and back from the log. No Kafka.

The transactional driver and the simulator in the tests drive this same class; they differ only in
what they do with the records.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import islice, repeat
from operator import attrgetter, itemgetter, methodcaller
from typing import Final

import msgspec

from consumers.processor.figures import Tallies, reached
from consumers.processor.inputs import Reader
from consumers.processor.replay import replayed
from eventlog.errors import PartitionRefused
from eventlog.logic import Claim, Position, StepResult
from eventlog.records import NO_HEADERS, InputRecord, Output
from eventlog.settings import GENERATION
from ledger.batch import Rules
from ledger.decide import Deciding
from ledger.errors import BrokenLog
from ledger.events import BatchCommitted, Event, InputPosition
from ledger.partition import PartitionState
from schemas import codec
from schemas.chain import Chains, batch_hash

EVENTS: Final = "wallet.events"
REPLIES: Final = "wallet.replies"
DEAD_LETTERS: Final = "ledger.dlq"
NO_INPUT: Final = bytes(codec.CONTENT_HASH_SIZE)
LEDGER_ACTOR: Final = "ledger"
_topic = methodcaller("topic")
_tenant_id = attrgetter("originator_id")
RECORDS_PER_MARK: Final = 250
RECALLED_MAX: Final = 256
PART_INPUTS: Final = 200
"""Read, decided and written together: a part's objects are freed while they are still in a cache
of the machine, where the next part's are made. A whole batch's would be in none.
"""


class PartitionProcessor:
    """The wallets of one partition, in memory; fed by records, answering with records."""

    def __init__(self, claim: Claim, rules: Rules, code_version: str) -> None:
        self._partition = claim.partition
        self._partitions = claim.partitions
        self._topic_ids = claim.topic_ids
        self._logical = claim.logical
        self._rules = rules
        self._code_version = code_version
        self._configuration_version = configuration_version(rules)
        self._reader = Reader(claim)
        self._read_back = claim.read_back
        self._marks: list[tuple[int, int]] = []
        """Where in the log its records stand: now and then a place, and an offset before it."""
        self._recalled: dict[int, Event] = {}
        log_name = f"{GENERATION}.{EVENTS}:{claim.partition}"
        self._state = PartitionState(log_name)
        self._chains = Chains(log_name)
        self._positions: dict[str, int] = {}

    @property
    def state(self) -> PartitionState:
        """What the log folds to, for looking at; only `step` and `restore` move it on."""
        return self._state

    @property
    def unmarked(self) -> int:
        """How many records were written since the last mark."""
        return self._state.place - (self._marks[-1][0] if self._marks else 0)

    def mark(self, end: int) -> None:
        """Learn that the next record stands at that offset or after it."""
        self._marks.append((self._state.place, end))

    def recall(self, place: int) -> Event:
        """Read an event of the log again, by the number of records before it."""
        known = self._recalled.get(place)
        if known is not None:
            return known
        index = bisect_right(self._marks, place, key=itemgetter(0)) - 1
        marked, offset = self._marks[index] if index >= 0 else (0, 0)
        record = next(islice(self._read_back(offset), place - marked, None))
        event, _ = codec.wallet_events.decode(record.value() or b"")
        if len(self._recalled) >= RECALLED_MAX:
            self._recalled.clear()
        self._recalled[place] = event
        return event

    @property
    def pending(self) -> bool:
        """Whether an input's consequences did not all fit; a step without inputs goes on."""
        return self._state.is_amid

    @property
    def is_intake_paused(self) -> bool:
        """Whether no usage is decided until an operator resumes the intake."""
        return self._state.intake_pause is not None

    def restore(self, events: Iterator[InputRecord]) -> dict[str, Position]:
        """Replay the partition's log; the last footer's positions by logical topic, {} if empty.

        Raises `PartitionRefused`, naming the record, where a value does not fit the ones before it,
        or where the log was written for another number of partitions: the others can go on.
        """
        try:
            window_ms = self._rules.deduplication_window_ms
            footer = replayed(self._marking(events), self._state, self._chains, window_ms)
        except BrokenLog as error:
            raise PartitionRefused(str(error)) from error
        if footer is None:
            return {}
        if footer.partitions != self._partitions:
            raise PartitionRefused(
                f"the log was written for {footer.partitions} partitions, not {self._partitions};"
                " within a generation the number never changes"
            )
        self._positions = {at.topic: at.next_offset for at in footer.positions}
        return {at.topic: Position(at.next_offset, at.topic_id) for at in footer.positions}

    def _marking(self, events: Iterator[InputRecord]) -> Iterator[InputRecord]:
        for place, record in enumerate(events):
            if place % RECORDS_PER_MARK == 0:
                self._marks.append((place, record.offset()))
            yield record

    def step(self, inputs: Sequence[InputRecord], usage_read_to_ms: int) -> StepResult | None:
        """Decide records in order, as many as fit; None if there is nothing to do.

        `usage_read_to_ms` is the watermark: usage appended before it was decided by earlier steps.
        """
        if not inputs and not self.pending:
            return None
        writing = _Writing()
        committed = self._state.place

        def recall(place: int) -> Event:
            if place < committed:
                return self.recall(place)
            return codec.wallet_events.decode(writing.outputs[place - committed].value)[0]

        deciding = Deciding(self._state, self._state.now_ms, usage_read_to_ms, self._rules, recall)
        # Without inputs there is one empty part: what is left over.
        for begin in range(0, len(inputs) or 1, PART_INPUTS):
            part = inputs[begin : begin + PART_INPUTS]
            if self._take_part(part, deciding, writing) < len(part):
                break
        overlay, outputs, heads = deciding.overlay, writing.outputs, writing.heads
        positions = self._positions_after(inputs[: deciding.consumed])
        footer = self._footer(deciding, positions, usage_read_to_ms, writing.hashes)
        overlay.note(footer)
        outputs += self._replies(deciding, inputs)
        outputs += self._dead_letters(deciding, inputs)
        [footer_value], _ = self._chains.link([footer], heads)
        outputs.append(Output(EVENTS, None, footer_value, NO_HEADERS))
        tallies, repeats = writing.tallies, deciding.repeats
        aside = [
            (self._reader.source(inputs[why.index]), why.code) for why in deciding.dead_letters
        ]

        def merge() -> None:
            overlay.merge()
            self._chains.advance(heads)
            self._positions = positions
            tallies.count(aside, repeats)
            reached(self._partition, self._state.now_ms, self._state.cards.versions_count)

        return StepResult(outputs, positions, deciding.consumed, merge)

    def _take_part(
        self, part: Sequence[InputRecord], deciding: Deciding, writing: "_Writing"
    ) -> int:
        """Decide the next inputs and write what was decided; how many there was room for."""
        taken = deciding.take(self._reader.read(part))
        events = deciding.take_events()
        values, hashes = self._chains.link(events, writing.heads)
        writing.add(events, values, hashes)
        return taken

    def _footer(
        self,
        deciding: Deciding,
        positions: dict[str, int],
        usage_read_to_ms: int,
        hashes: Sequence[bytes],
    ) -> BatchCommitted:
        overlay = deciding.overlay
        sequence = overlay.sequence + 1
        return BatchCommitted(
            originator_id="",
            originator_version=sequence,
            event_id=f"{overlay.log_name}:{sequence}",
            occurred_at_ms=overlay.now_ms,
            recorded_at_ms=overlay.now_ms,
            input_id="",
            input_hash=NO_INPUT,
            actor=LEDGER_ACTOR,
            positions=tuple(
                InputPosition(topic, self._topic_ids[topic], positions[topic])
                for topic in sorted(positions)
            ),
            partitions=self._partitions,
            usage_read_to_ms=usage_read_to_ms,
            events=len(hashes),
            dead_letters=len(deciding.dead_letters),
            repeats=deciding.repeats,
            ticks=deciding.ticks,
            draining=overlay.draining,
            batch_hash=batch_hash(hashes),
            code_version=self._code_version,
            configuration_version=self._configuration_version,
            intake_pause=overlay.intake_pause,
        )

    def _replies(self, deciding: Deciding, inputs: Sequence[InputRecord]) -> list[Output]:
        return [
            Output(REPLIES, reply.tenant_id.encode(), codec.replies.encode(reply), headers)
            for index, reply in deciding.replies
            if (headers := self._reader.reply_headers(inputs[index]))
        ]

    def _dead_letters(self, deciding: Deciding, inputs: Sequence[InputRecord]) -> list[Output]:
        outputs: list[Output] = []
        for why in deciding.dead_letters:
            record = inputs[why.index]
            value = self._reader.dead_letter(record, why)
            outputs.append(Output(DEAD_LETTERS, record.key(), value, NO_HEADERS))
        return outputs

    def _positions_after(self, taken: Sequence[InputRecord]) -> dict[str, int]:
        """Where each input topic goes on: past the last record taken of it."""
        positions = self._positions.copy()
        last = dict(zip(map(_topic, taken), taken, strict=True))
        for topic, record in last.items():
            positions[self._logical[topic]] = record.offset() + 1
        return positions


class _Writing:
    """What a batch writes to the log, as far as it is decided."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.hashes: list[bytes] = []
        self.heads: dict[str, bytes] = {}
        self.tallies = Tallies()
        self._keys = _Keys()

    def add(self, events: Sequence[Event], values: list[bytes], hashes: list[bytes]) -> None:
        keys = map(self._keys.__getitem__, map(_tenant_id, events))
        self.outputs += map(Output, repeat(EVENTS), keys, values, repeat(NO_HEADERS))
        self.hashes += hashes
        self.tallies.add(events)


class _Keys(dict[str, bytes | None]):
    """The keys of records, by tenant; the partition's own events have none."""

    def __missing__(self, tenant_id: str) -> bytes | None:
        key = self[tenant_id] = tenant_id.encode() or None
        return key


def configuration_version(rules: Rules) -> str:
    """A short hash of the settings that decisions depend on."""
    return sha256(msgspec.json.encode(rules)).hexdigest()[:12]
