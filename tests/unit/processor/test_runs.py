"""Many records read at once are what each of them is by itself, read in Python."""

import gc
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, cast

import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from consumers.processor import inputs as inputs_module
from consumers.processor.inputs import USAGE, Reader
from eventlog.logic import Claim
from eventlog.records import InputRecord
from ledger.batch import Input
from ledger.usage import PLAIN_CALL, CallUsage, fault_in_call
from schemas import codec, native
from tests.unit.processor.simulated import (
    LOGICAL,
    OTHER,
    OWN,
    PARTITION,
    PARTITIONS,
    TOPIC_IDS,
    Inputs,
    Record,
    call,
    commit,
    new_processor,
)

CLAIM = Claim(PARTITION, PARTITIONS, TOPIC_IDS, LOGICAL, lambda _: iter(()))
CALL = call("e")
KEY = OWN.encode()
only_compiled = pytest.mark.skipif(not native.IS_COMPILED, reason="all is read in Python here")


def codecs_in_python() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "IS_COMPILED", False)
        return {topic: codec.InputCodec[Any](topic) for topic in USAGE}


IN_PYTHON = codecs_in_python()


def by_library(value: bytes) -> bytes:
    return sha256(value).digest()


@contextmanager
def in_python() -> Generator[Reader]:
    """A reader as there is one where nothing is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "IS_COMPILED", False)
        patch.setattr(codec, "hash_of", by_library)
        patch.setattr(inputs_module, "USAGE", IN_PYTHON)
        yield Reader(CLAIM)


def record(value: bytes | None, key: bytes | None = KEY, topic: str = "g1.usage.calls") -> Record:
    return Record(topic, 7, key, value, 1_790_000_000_123)


def read_alike(records: Sequence[InputRecord]) -> list[Input]:
    """What both ways read; only whether it is plain need not be seen by both."""
    inputs = Reader(CLAIM).read(records)
    with in_python() as reader:
        assert [structs.replace(one, is_plain=False) for one in inputs] == reader.read(records)
    return inputs


def is_plain(usage: CallUsage) -> bool:
    """By the table, in Python."""
    told = {name: getattr(usage, name) for name in PLAIN_CALL}
    return all(
        PLAIN_CALL[name][0] <= (len(it) if isinstance(it, str) else it) <= PLAIN_CALL[name][1]
        and (not isinstance(it, str) or (it.isascii() and it.isprintable()))
        for name, it in told.items()
        if it is not None
    )


ENDS = sorted(
    {end + step for limits in PLAIN_CALL.values() for end in limits for step in (-1, 0, 1)}
)
numbers = st.sampled_from([end for end in ENDS if end < 2**63])
texts = (
    st.text(st.characters(min_codepoint=30, max_codepoint=130), max_size=20)
    | st.sampled_from(["", "x" * 64, "x" * 65, "\u00fc" * 33, "\x1f" + "x" * 8, "x" * 8 + "\x7f"])
    | st.sampled_from(["a", "ab-cd.ef:gh/ij kl", "a" * 7, "a" * 8, "a" * 9])
)
fields = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("event_id", "project_id", "call_id", "scenario_id"), texts),
        **dict.fromkeys(("corrects", "hold_id"), st.none() | texts),
        "tenant_id": st.sampled_from([OWN, OTHER, ""]),
        "withdrawn": st.booleans(),
        **dict.fromkeys(("started_at", "ended_at", "duration_ms", "duration_cap_ms"), numbers),
        "user_turns": st.sampled_from([-(2**31), -1, 0, 1, 2**31 - 1]),
    },
)


def changed(changes: dict[str, Any]) -> CallUsage:
    return structs.replace(CALL, **changes)


calls = fields.map(changed)


@st.composite
def values(draw: st.DrawFn) -> bytes | None:
    """Of calls: as they should be, changed, cut, lengthened, of other schemas, or none."""
    value = codec.calls.encode(draw(calls))
    match draw(st.integers(0, 9)):
        case 0:
            return None
        case 1:
            return value[: draw(st.integers(0, len(value) - 1))]
        case 2:
            return value + draw(st.binary(min_size=1, max_size=3))
        case 3:
            at = draw(st.integers(0, len(value) - 1))
            return value[:at] + bytes([draw(st.integers(0, 255))]) + value[at + 1 :]
        case 4:
            return value[:5] + draw(st.binary(max_size=100))
        case _:
            return value


records = st.builds(
    record,
    values(),
    st.sampled_from([KEY, KEY, KEY, OTHER.encode(), b"", None]),
    st.sampled_from(["g1.usage.calls"] * 5 + ["g1.usage.chat", "g1.wallet.commands"]),
)


@given(st.lists(records, max_size=8))
@settings(max_examples=1_000, deadline=None)
def test_whatever_comes_after_what_is_read_alike(records: list[InputRecord]) -> None:
    read_alike(records)


@only_compiled
@given(calls)
@settings(max_examples=1_000, deadline=None)
def test_a_call_is_plain_exactly_where_the_table_says_so(usage: CallUsage) -> None:
    first, second = read_alike([record(codec.calls.encode(CALL)), _of(usage)])
    # The first of a tenant is looked at in Python.
    assert not first.is_plain
    assert second.is_plain == (is_plain(usage) and usage.tenant_id == OWN)


@given(calls)
@settings(max_examples=1_000, deadline=None)
def test_of_a_plain_call_only_its_times_can_be_at_fault(usage: CallUsage) -> None:
    if is_plain(usage):
        assert (fault_in_call(usage) is not None) == (usage.ended_at < usage.started_at)


def _of(usage: CallUsage) -> Record:
    return record(codec.calls.encode(usage), usage.tenant_id.encode())


def test_a_plain_call_that_ended_before_it_started_is_set_aside() -> None:
    processor, sent = new_processor(), Inputs()
    good = codec.calls.encode(CALL)
    bad = codec.calls.encode(structs.replace(CALL, event_id="bad", started_at=CALL.ended_at + 1))
    outputs = commit(processor, [sent.record("usage.calls", KEY, value) for value in (good, bad)])
    [letter] = [
        codec.dead_letters.decode(output.value)
        for output in outputs
        if output.topic == "ledger.dlq"
    ]
    assert (letter.code, letter.value) == ("invalid", bad)
    assert letter.message.startswith("started_at")


def message(number: int, value: bytes) -> InputRecord:
    """A record of the library's own type."""
    made = Message(
        topic="g1.usage.calls",
        partition=PARTITION,
        offset=number,
        key=KEY,
        value=value,
        timestamp=(2, 1_790_000_000_123),
    )
    return cast(InputRecord, made)


@only_compiled
def test_most_records_never_come_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, value = Reader(CLAIM), codec.calls.encode(CALL)
    numbers = [0, 1, 9, 10, 12_345, 2**63 - 1]
    records = [message(number, value) for number in numbers]
    with in_python() as in_python_only:
        expected = in_python_only.read(records)
    reader.read(records[:1])
    monkeypatch.setattr(reader, "_read", None)
    inputs = reader.read(tuple(records))
    assert [structs.replace(one, is_plain=False) for one in inputs] == expected
    assert all(one.is_plain for one in inputs)


class Broken(Record):
    """A record that cannot say when it was appended."""

    def timestamp(self) -> tuple[int, int]:
        raise LookupError("no time")


class Odd(Record):
    """A record whose time is of another shape than the library's."""

    def timestamp(self) -> Any:
        return [2, self.appended_at_ms]


def test_an_error_of_the_record_itself_is_not_swallowed() -> None:
    value = codec.calls.encode(CALL)
    with in_python() as in_python_only:
        for reader in (Reader(CLAIM), in_python_only):
            with pytest.raises(LookupError, match="no time"):
                reader.read([record(value), Broken("g1.usage.calls", 1, KEY, value, 0)])


def test_a_record_of_another_shape_is_read_in_python() -> None:
    value = codec.calls.encode(CALL)
    _, odd = read_alike([record(value), Odd("g1.usage.calls", 1, KEY, value, 5)])
    assert (odd.appended_at_ms, odd.value, odd.is_plain) == (5, CALL, False)


@only_compiled
def test_reading_runs_leaves_nothing_behind() -> None:
    """Counted in blocks of memory, over records that are taken and records that are not."""
    reader, value = Reader(CLAIM), codec.calls.encode(CALL)
    others = [record(value[:-1]), record(None), record(value, b"k"), record(value + b"\0")]
    good = [message(number, value) for number in range(5)]
    broken = Broken("g1.usage.calls", 1, KEY, value, 0)

    def read_all() -> None:
        for other in others:
            reader.read([*good, other, *good])
        with pytest.raises(LookupError):
            reader.read([*good, broken])

    read_all()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        read_all()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
