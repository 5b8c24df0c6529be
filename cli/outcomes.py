"""What became of inputs that were published: found in the log by their content, not remembered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from cli.summary import tallied
from cli.whole_log import Offsets, ends_now, log_since
from consumers.processor.inputs import USAGE
from eventlog.producer import Publication
from eventlog.settings import KafkaSettings
from eventlog.topics import LEDGER_DLQ, WALLET_EVENTS
from ledger.errors import UnreadableInput
from ledger.events import (
    CallCharged,
    ChatCounted,
    CorrectionWaits,
    CrawlCharged,
    Event,
    HoldRefused,
    InputHeldForReview,
    InputRefused,
    SpendRefused,
    UsageWithdrawn,
    is_outcome,
)
from ledger.money import format_usd
from schemas.codec import content_hash, dead_letters, payload_of, wallet_events

OUTCOMES: Final = (WALLET_EVENTS.name, LEDGER_DLQ.name)

Marks = Mapping[str, Offsets]
"""A place in each topic that holds outcomes."""


class Outcomes(msgspec.Struct):
    """Inputs by what became of each; amounts in micro-dollars.

    A repeat was decided before, and is not applied again. `undecided_count` are those of which the
    log does not tell yet: any of them may be a repeat.
    """

    inputs_count: int
    charged_count: int = 0
    charged_micros: int = 0
    arrears_micros: int = 0
    simulated_count: int = 0
    simulated_micros: int = 0
    counted_count: int = 0
    withdrawn_count: int = 0
    waiting_count: int = 0
    accepted_count: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    held_for_review: Counter[str] = msgspec.field(default_factory=Counter[str])
    dead_letters: Counter[str] = msgspec.field(default_factory=Counter[str])
    repeats_count: int = 0
    undecided_count: int = 0

    def count(self, outcome: Event) -> None:
        """Add the outcome of an input that was read."""
        match outcome:
            case CallCharged() | CrawlCharged() if outcome.is_simulated:
                self.simulated_count += 1
                self.simulated_micros += outcome.amount_micros
            case CallCharged() | CrawlCharged():
                self.charged_count += 1
                self.charged_micros += outcome.amount_micros
                self.arrears_micros += outcome.arrears_micros
            case ChatCounted():
                self.counted_count += 1
            case UsageWithdrawn():
                self.withdrawn_count += 1
            case CorrectionWaits():
                self.waiting_count += 1
            case InputHeldForReview():
                self.held_for_review[outcome.reason.lower()] += 1
            case HoldRefused() | InputRefused() | SpendRefused():
                self.refused[outcome.refusal] += 1
            case _:
                self.accepted_count += 1

    def close(self, *, all_decided: bool) -> None:
        """Say what those are that nothing was found of."""
        found = self.charged_count + self.simulated_count + self.counted_count
        found += self.withdrawn_count + self.waiting_count + self.accepted_count
        for reasons in (self.refused, self.held_for_review, self.dead_letters):
            found += reasons.total()
        left = max(0, self.inputs_count - found)
        if all_decided:
            self.repeats_count = left
        else:
            self.undecided_count = left

    def sentences(self) -> Iterator[str]:
        """For people, a line each; what did not happen is left out."""
        charged, owed, simulated = map(
            format_usd, (self.charged_micros, self.arrears_micros, self.simulated_micros)
        )
        for count, what in (
            (
                self.charged_count,
                f"charged: {charged} in all, of which {owed} was not covered",
            ),
            (
                self.simulated_count,
                f"simulated: {simulated} in all, which moved nothing",
            ),
            (self.counted_count, "chats counted: each hour of them is charged when it closes"),
            (self.withdrawn_count, "withdrawn: what was charged for them is given back"),
            (self.waiting_count, "corrections that wait for what they correct"),
            (self.accepted_count, "commands accepted"),
        ):
            if count:
                yield f"{count:,} {what}"
        for what, reasons in (
            ("refused", self.refused),
            ("held for review", self.held_for_review),
            ("set aside as dead letters", self.dead_letters),
        ):
            if reasons:
                yield tallied(what, reasons)
        if self.repeats_count:
            yield f"{self.repeats_count:,} repeats of what was decided before: applied once"
        if self.undecided_count:
            yield f"{self.undecided_count:,} not known: not decided yet, or decided before"


def marked(kafka: KafkaSettings, partitions: int) -> Marks:
    """Where the topics that hold outcomes end now: before what is published from here on."""
    return {topic: ends_now(kafka, topic, partitions) for topic in OUTCOMES}


def outcomes(
    kafka: KafkaSettings, since: Marks, sent: Sequence[Publication], *, all_decided: bool
) -> Outcomes:
    """What the log says since then of the inputs that were sent."""
    told = Outcomes(len(sent))
    contents = {_content(record) for record in sent}
    records = {(record.key, record.value) for record in sent}
    answered: set[bytes] = set()
    events, letters = (log_since(kafka, topic, since[topic], "reading") for topic in OUTCOMES)
    for entry in events:
        event = wallet_events.decode(entry.value)[0]
        # The first answers; what an accepted review or a waiting correction led to comes after.
        content = event.input_hash
        if content in contents and is_outcome(event) and content not in answered:
            answered.add(content)
            told.count(event)
    for entry in letters:
        letter = dead_letters.decode(entry.value)
        if (letter.key, letter.value) in records:
            told.dead_letters[letter.code] += 1
    told.close(all_decided=all_decided)
    return told


def _content(record: Publication) -> bytes:
    """By what the log knows an input; one that cannot be read has no event there."""
    usage_codec, payload = USAGE.get(record.topic), payload_of(record.value)
    if usage_codec is not None:
        with suppress(UnreadableInput):
            payload = usage_codec.content_of(record.value, usage_codec.decode(record.value))
    return content_hash(payload)
