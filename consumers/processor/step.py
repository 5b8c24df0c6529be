"""One partition's way from input records to output records, and back from the log. No Kafka.

The transactional driver and the simulator in the tests drive this same class; they differ only in
what they do with the records.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from consumers.processor.figures import count_decided
from consumers.processor.inputs import Reader
from consumers.processor.replay import replayed
from eventlog.errors import PartitionRefused
from eventlog.logic import Claim, Position, StepResult
from eventlog.records import NO_HEADERS, InputRecord, Output
from eventlog.settings import GENERATION
from ledger.decide import Decision, Rules, decide
from ledger.errors import BrokenLog
from ledger.events import BatchCommitted, InputPosition
from ledger.partition import PartitionState
from schemas import codec
from schemas.chain import Chains, batch_hash

EVENTS: Final = "wallet.events"
REPLIES: Final = "wallet.replies"
DEAD_LETTERS: Final = "ledger.dlq"
NO_INPUT: Final = bytes(codec.CONTENT_HASH_SIZE)
LEDGER_ACTOR: Final = "ledger"


class PartitionProcessor:
    """The wallets of one partition, in memory; fed by records, answering with records."""

    def __init__(self, claim: Claim, rules: Rules, code_version: str) -> None:
        self._partitions = claim.partitions
        self._topic_ids = claim.topic_ids
        self._logical = claim.logical
        self._rules = rules
        self._code_version = code_version
        self._configuration_version = configuration_version(rules)
        self._reader = Reader(claim)
        log_name = f"{GENERATION}.{EVENTS}:{claim.partition}"
        self._state = PartitionState(log_name)
        self._chains = Chains(log_name)
        self._positions: dict[str, int] = {}

    @property
    def state(self) -> PartitionState:
        """What the log folds to, for looking at; only `step` and `restore` move it on."""
        return self._state

    @property
    def pending(self) -> bool:
        """Whether an input's consequences did not all fit; a step without inputs goes on."""
        return self._state.is_amid

    def restore(self, events: Iterator[InputRecord]) -> dict[str, Position]:
        """Replay the partition's log; the last footer's positions by logical topic, {} if empty.

        Raises `PartitionRefused`, naming the record, where a value does not fit the ones before it,
        or where the log was written for another number of partitions: the others can go on.
        """
        try:
            footer = replayed(events, self._state, self._chains)
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

    def step(self, inputs: Sequence[InputRecord], usage_read_to_ms: int) -> StepResult | None:
        """Decide records in order, as many as fit; None if there is nothing to do.

        `usage_read_to_ms` is the watermark: usage appended before it was decided by earlier steps.
        """
        if not inputs and not self.pending:
            return None
        batch, payloads = self._reader.read(inputs)
        decision = decide(self._state, batch, self._state.now_ms, usage_read_to_ms, self._rules)
        positions = self._positions_after(inputs[: decision.consumed])
        heads: dict[str, bytes] = {}
        values, hashes = self._chains.link(decision.events, heads, payloads)
        footer = self._footer(decision, positions, usage_read_to_ms, hashes)
        decision.overlay.note(footer)
        outputs = self._event_records(decision, values)
        outputs += self._replies(decision, inputs)
        outputs += self._dead_letters(decision, inputs)
        [footer_value], _ = self._chains.link([footer], heads, {})
        outputs.append(Output(EVENTS, None, footer_value, NO_HEADERS))

        def merge() -> None:
            decision.overlay.merge()
            self._chains.advance(heads)
            self._positions = positions
            count_decided(decision.events, decision.dead_letters, decision.repeats)

        return StepResult(outputs, positions, decision.consumed, merge)

    def _event_records(self, decision: Decision, values: Sequence[bytes]) -> list[Output]:
        """The records of a batch's events, keyed by tenant; the partition's own have no key."""
        keys = {tenant_id: tenant_id.encode() for tenant_id in decision.overlay.tenants}
        return [
            Output(EVENTS, keys.get(event.originator_id), value, NO_HEADERS)
            for event, value in zip(decision.events, values, strict=True)
        ]

    def _footer(
        self,
        decision: Decision,
        positions: dict[str, int],
        usage_read_to_ms: int,
        hashes: Sequence[bytes],
    ) -> BatchCommitted:
        overlay = decision.overlay
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
            events=len(decision.events),
            dead_letters=len(decision.dead_letters),
            repeats=decision.repeats,
            ticks=decision.ticks,
            draining=overlay.draining,
            batch_hash=batch_hash(hashes),
            code_version=self._code_version,
            configuration_version=self._configuration_version,
        )

    def _replies(self, decision: Decision, inputs: Sequence[InputRecord]) -> list[Output]:
        return [
            Output(REPLIES, reply.tenant_id.encode(), codec.replies.encode(reply), headers)
            for index, reply in decision.replies
            if (headers := self._reader.reply_headers(inputs[index]))
        ]

    def _dead_letters(self, decision: Decision, inputs: Sequence[InputRecord]) -> list[Output]:
        outputs: list[Output] = []
        for why in decision.dead_letters:
            record = inputs[why.index]
            value = self._reader.dead_letter(record, why)
            outputs.append(Output(DEAD_LETTERS, record.key(), value, NO_HEADERS))
        return outputs

    def _positions_after(self, taken: Sequence[InputRecord]) -> dict[str, int]:
        """Where each input topic goes on: past the last record taken of it."""
        positions = self._positions.copy()
        last = {record.topic(): record for record in taken}
        for topic, record in last.items():
            positions[self._logical[topic]] = record.offset() + 1
        return positions


def configuration_version(rules: Rules) -> str:
    """A short hash of the settings that decisions depend on."""
    return sha256(msgspec.json.encode(rules)).hexdigest()[:12]
