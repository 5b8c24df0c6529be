"""Where a dead letter goes when it is resent, when it is not, and how it is shown."""

from typing import Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cli.command import Position
from cli.dead_letters import Letter, LetterState, Resolutions, Resolved, Wanted
from cli.letter import described, named, sentences
from cli.resolving import CannotResend, target_of
from eventlog.partitioner import partition_of
from ledger.commands import Command, GoLive, Tick
from schemas import codec
from schemas.codec import DeadLetter, Header, Resolution, ResolutionKind
from tests.usage import call

PARTITIONS: Final = 4
HOME: Final = partition_of(b"acme", PARTITIONS)
AWAY: Final = (HOME + 1) % PARTITIONS
CALL: Final = call(ended_at=1_790_000_060_000)
LIVE: Final = GoLive(command_id="c-1", tenant_id="acme", actor="web", project_id="clinic")
TICK: Final = Tick(command_id="tick-1", tenant_id="", actor="service:ticker")
UNKNOWN: Final = b"\0\0\0\x07\xd0"
"""An id that no schema has."""


def letter(value: bytes | None, **changed: Any) -> Letter:
    """A dead letter of a call that stood on the wrong partition, but for what is changed."""
    whole = DeadLetter(
        source_topic="usage.calls",
        source_partition=AWAY,
        source_offset=17,
        source_appended_at_ms=1_790_000_061_000,
        code="wrong_partition",
        message="the sender does not use the partitioner",
        key=b"acme",
        value=value,
        headers=(Header("source", b"platform-calls"), Header("empty", None)),
    )
    return Letter(Position(AWAY, 3), 1_790_000_062_000, replace(whole, **changed))


def asked(command: Command, **changed: Any) -> Letter:
    return letter(codec.asked.encode(command), source_topic="wallet.commands", **changed)


MISPLACED: Final = letter(codec.calls.encode(CALL))


def test_it_goes_as_it_was_to_the_partition_of_its_tenant() -> None:
    again = target_of(MISPLACED, PARTITIONS, key_from_value=False)
    assert (again.topic, again.partition, again.key) == ("usage.calls", HOME, b"acme")
    assert again.value == MISPLACED.input.value
    assert again.headers == [("source", b"platform-calls"), ("empty", None)]


def test_whose_key_names_another_tenant_goes_nowhere_until_somebody_says_so() -> None:
    wrong_key = letter(MISPLACED.input.value, key=b"beta")
    with pytest.raises(CannotResend, match=r"'beta'.*'acme'.*--key-from-value"):
        target_of(wrong_key, PARTITIONS, key_from_value=False)
    again = target_of(wrong_key, PARTITIONS, key_from_value=True)
    assert (again.partition, again.key) == (HOME, b"acme")


def test_what_is_for_a_whole_partition_stays_on_its_own() -> None:
    again = target_of(asked(TICK, key=None), PARTITIONS, key_from_value=False)
    assert (again.topic, again.partition, again.key) == ("wallet.commands", AWAY, None)


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        (letter(None), "no value"),
        (letter(b"no Avro"), "does not begin with a zero byte"),
        (letter((MISPLACED.input.value or b"")[:-9]), "ends too early"),
        (letter(UNKNOWN), "schema id 2000 is not one of usage.calls's"),
        (letter(codec.calls.encode(replace(CALL, duration_ms=-1))), "duration_ms"),
        (letter(MISPLACED.input.value, source_topic="usage.video"), "does not know the topic"),
        (letter(codec.asked.encode(LIVE)), "is not one of usage.calls's"),
        (asked(LIVE, headers=(Header("asked_at", b"noon"),)), "header asked_at"),
        (asked(replace(LIVE, actor="")), "actor"),
    ],
)
def test_what_would_be_set_aside_again_goes_nowhere(unfit: Letter, why: str) -> None:
    with pytest.raises(CannotResend, match=why):
        target_of(unfit, PARTITIONS, key_from_value=True)


# ── What was done with it ──


class Record:
    """A record of `ledger.resolutions`."""

    def __init__(self, done: Resolution) -> None:
        self._value = codec.resolutions.encode(done)

    def topic(self) -> str:
        return "g1.ledger.resolutions"

    def partition(self) -> int:
        return AWAY

    def offset(self) -> int:
        return 0

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_790_000_063_000


DONE: Final = Resolution(
    letter_partition=AWAY,
    letter_offset=3,
    source_topic="usage.calls",
    source_partition=AWAY,
    source_offset=17,
    kind=ResolutionKind.RESENT,
    target_partition=HOME,
    is_again=False,
    actor="operator:ann",
    reason="why",
)


def test_the_last_thing_that_was_done_with_a_letter_is_its_state() -> None:
    dropped = replace(DONE, kind=ResolutionKind.DROPPED)
    assert Resolutions([]).state(MISPLACED) is LetterState.OPEN
    assert Resolutions([Record(DONE)]).state(MISPLACED) is LetterState.RESENT
    both = Resolutions([Record(dropped), Record(DONE)])
    assert both.state(MISPLACED) is LetterState.RESENT
    assert [one.done for one in both.of(MISPLACED)] == [dropped, DONE]


@pytest.mark.parametrize("other", [{"letter_offset": 4}, {"source_offset": 18}])
def test_what_was_done_with_another_letter_is_not_its_own(other: dict[str, int]) -> None:
    assert Resolutions([Record(replace(DONE, **other))]).state(MISPLACED) is LetterState.OPEN


def test_letters_are_chosen_by_who_sent_them_why_and_where() -> None:
    assert MISPLACED.source == "platform-calls"
    assert Wanted().has(MISPLACED)
    assert Wanted("platform-calls", "wrong_partition", "usage.calls").has(MISPLACED)
    for wanted in (Wanted("-"), Wanted(code="malformed"), Wanted(topic="usage.chat")):
        assert not wanted.has(MISPLACED)


# ── How it is shown ──


def test_it_is_shown_as_far_as_it_can_be_read_and_the_rest_in_hexadecimal() -> None:
    cut = letter((MISPLACED.input.value or b"")[:14] + b"\xff\x1b[2J")
    lines = list(sentences(cut, [], PARTITIONS))
    assert "  event_id  call-1" in lines
    assert any(line.startswith("Readable     not from byte 12 of 19 on") for line in lines)
    assert any("08 61 ff 1b 5b 32 4a" in line and ".a..[2J" in line for line in lines)


def test_what_was_done_with_it_is_shown() -> None:
    resolved = Resolved(1_790_000_063_000, DONE)
    lines = list(sentences(MISPLACED, [resolved], PARTITIONS))
    assert lines[-1].endswith(f"to partition {HOME}, by operator:ann: why")
    shown = cast(Any, described(MISPLACED, [resolved], PARTITIONS))
    assert shown["resolutions"][0]["reason"] == "why"
    assert shown["value_hex"] == (MISPLACED.input.value or b"").hex()


def test_bytes_that_are_no_text_are_named_in_hexadecimal() -> None:
    assert (named(b"acme"), named(b"\xff\x00"), named(None)) == ("acme", "0xff00", None)


@given(st.binary(max_size=200), st.binary(max_size=40), st.text(max_size=40))
def test_no_bytes_of_a_strangers_reach_the_terminal_as_they_are(
    value: bytes, key: bytes, text: str
) -> None:
    for payload in (value, b"\0\0\0\x03\xe9" + value):
        hostile = letter(payload, key=key, headers=(Header(text, key),), message=text, code=text)
        assert all(line.isprintable() for line in sentences(hostile, [], PARTITIONS))
