"""What a batch is made of, and what it comes to: the types around `decide`."""

from collections.abc import Callable
from typing import Final

import msgspec

from ledger import commands as ask
from ledger.events import Event
from ledger.money import MICROS_PER_USD
from ledger.partition import DAY_MS, Overlay
from ledger.usage import AnyUsage

OUTPUTS_PER_INPUT_MAX: Final = 24


class Rules(msgspec.Struct, frozen=True):
    """The settings that decisions depend on; part of the configuration version in the footer.

    Above `approval_above_micros` what an operator asks needs a second one (PRODUCT decision 20).
    `outputs_max` and `dead_letters_max` bound a batch: a dead letter holds a whole input, however
    large, with its headers.
    """

    deduplication_window_ms: int = 90 * DAY_MS
    future_tolerance_ms: int = 5 * 60_000
    approval_above_micros: int = 1_000 * MICROS_PER_USD
    outputs_max: int = 5_000
    dead_letters_max: int = 20

    def __post_init__(self) -> None:
        """A batch must have room for one input."""
        assert self.outputs_max >= OUTPUTS_PER_INPUT_MAX, "no input would fit a batch"


class Unreadable(msgspec.Struct, frozen=True):
    """In place of an input's value: why it could not be read, in a word and in a sentence."""

    code: str
    message: str


class Input(msgspec.Struct, frozen=True, gc=False):
    """An input: where it stands, when the broker appended it, and what it says.

    `event_id_stem` names its topic, partition and offset; `content_hash` is 16 bytes. A command
    may say when it was asked and after which time it shall not be decided (UTC milliseconds). A
    call is plain if whoever read it saw that each of its values is within `PLAIN_CALL`.
    """

    event_id_stem: str
    appended_at_ms: int
    content_hash: bytes
    value: AnyUsage | ask.Command | Unreadable
    asked_at_ms: int | None = None
    not_after_ms: int | None = None
    is_plain: bool = False


class SetAside(msgspec.Struct, frozen=True):
    """An input for the dead letters: its index in the batch, and what is wrong with it."""

    index: int
    code: str
    message: str


class Decision(msgspec.Struct, frozen=True):
    """What a batch comes to. `consumed` inputs were decided; the others wait for the next batch.

    `replies` go to whoever sent the input of that index. `overlay` is merged after the commit.
    """

    events: list[Event]
    replies: list[tuple[int, ask.Reply]]
    dead_letters: list[SetAside]
    repeats: int
    ticks: int
    consumed: int
    overlay: Overlay


Recall = Callable[[int], Event]
"""Reads back the event of a place in the partition's log, or of the batch, once it is written."""


def no_recall(place: int) -> Event:
    """Where nothing is corrected, nothing is read back."""
    raise AssertionError(f"the log's record {place} cannot be read back here")
