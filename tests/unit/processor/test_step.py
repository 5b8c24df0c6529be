"""From records to records: positions, replies, dead letters, chains, and the way back."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from consumers.processor.step import EVENTS
from eventlog.errors import PartitionRefused
from ledger.batch import Rules
from ledger.commands import PlaceHold
from ledger.events import CallCharged, CardAdopted, HoldExpired
from ledger.refusals import Refusal
from ledger.usage import Tier
from schemas import codec
from tests.unit.processor.simulated import (
    OTHER,
    OWN,
    Inputs,
    Record,
    Unspeakable,
    call,
    commit,
    events_of,
    footers_of,
    log_of,
    new_processor,
    wallet_values,
)

HOUR_MS = 3_600_000


def hold(hold_id: str) -> PlaceHold:
    return PlaceHold(
        command_id=hold_id,
        tenant_id=OWN,
        actor="service:platform",
        project_id="p",
        tier=Tier.STANDARD,
        duration_cap_ms=300_000,
    )


def test_the_footer_says_where_every_input_goes_on() -> None:
    inputs = Inputs()

    written = commit(new_processor(), [*inputs.funded(), inputs.call("e1")])

    footer = footers_of(written)[-1]
    positions = {at.topic: (at.topic_id, at.next_offset) for at in footer.positions}
    assert positions == {
        "usage.calls": ("id of usage.calls", 1),
        "wallet.commands": ("id of wallet.commands", 2),
    }


def test_the_first_transaction_of_a_partition_adopts_the_shipped_card() -> None:
    written = commit(new_processor(), Inputs().funded())

    assert isinstance(events_of(written)[0], CardAdopted)


def test_usage_stands_in_its_charge_byte_for_byte() -> None:
    inputs = Inputs()
    record = inputs.call("e1")

    written = commit(new_processor(), [*inputs.funded(), record])

    payload = (record.of_value or b"")[codec.PREFIX_SIZE :]
    charge = next(value for value in wallet_values(written) if payload in value)
    event, _ = codec.wallet_events.decode(charge)
    assert isinstance(event, CallCharged)
    assert event.usage == call("e1")
    assert event.input_hash == sha256(payload).digest()[:16]


def test_a_batch_of_repeats_still_moves_the_position() -> None:
    inputs = Inputs()
    processor = new_processor()
    commit(processor, [*inputs.funded(), inputs.call("e1")])

    written = commit(processor, [inputs.call("e1"), inputs.call("e1")])

    (footer,) = footers_of(written)
    assert (footer.events, footer.repeats) == (0, 2)
    assert footer.positions[0].next_offset == 3


def test_a_command_is_answered_through_its_own_headers() -> None:
    inputs = Inputs()
    processor = new_processor()
    commit(processor, inputs.funded())
    headers = [("correlation_id", b"c"), ("instance_id", b"i"), ("traceparent", b"t")]

    written = commit(processor, [inputs.command(hold("h1"), headers)])

    (answer,) = [output for output in written if output.topic == "wallet.replies"]
    reply = codec.replies.decode(answer.value)
    assert answer.headers == [("correlation_id", b"c"), ("instance_id", b"i")]
    assert (reply.command_id, reply.refusal, reply.amount_micros) == ("h1", None, 900_000)


def test_a_command_that_nobody_waits_for_gets_no_reply() -> None:
    written = commit(new_processor(), Inputs().funded())

    assert not [output for output in written if output.topic == "wallet.replies"]


def test_a_repeated_command_gets_the_first_answer_again() -> None:
    inputs = Inputs()
    processor = new_processor()
    commit(processor, inputs.funded())
    headers = [("correlation_id", b"c"), ("instance_id", b"i")]

    first, second = (
        [o for o in commit(processor, [inputs.command(hold("h1"), headers)]) if o.headers]
        for _ in range(2)
    )

    assert first == second


def test_a_command_past_its_time_is_refused_as_too_late() -> None:
    inputs = Inputs()
    headers = [
        ("correlation_id", b"c"),
        ("instance_id", b"i"),
        ("not_after", str(inputs.now_ms).encode()),
    ]

    written = commit(new_processor(), [inputs.command(hold("h1"), headers)])

    (answer,) = [output for output in written if output.topic == "wallet.replies"]
    assert codec.replies.decode(answer.value).refusal is Refusal.too_late


POISONS: dict[str, tuple[str, Callable[[Inputs], Record]]] = {
    "nonsense": ("malformed", lambda i: i.record("usage.calls", OWN.encode(), b"nonsense")),
    "no value": ("malformed", lambda i: i.record("usage.calls", OWN.encode(), None)),
    "nothing in it": ("malformed", lambda i: i.record("usage.calls", OWN.encode(), b"")),
    "a schema nobody knows": (
        "unknown_schema",
        lambda i: i.record("usage.calls", OWN.encode(), b"\0\0\0\0\1"),
    ),
    "another topic's schema": (
        "unknown_schema",
        lambda i: i.record("usage.calls", OWN.encode(), codec.asked.encode(hold("h"))),
    ),
    "another's key": (
        "wrong_key",
        lambda i: i.record("usage.calls", b"x", codec.calls.encode(call("e"))),
    ),
    "no key": ("wrong_key", lambda i: i.record("usage.calls", None, codec.calls.encode(call("e")))),
    "a tenant of another partition": ("wrong_partition", lambda i: i.call("e", tenant_id=OTHER)),
    "an empty id": ("invalid", lambda i: i.call("")),
    "a time that is none": (
        "malformed",
        lambda i: i.command(hold("h"), [("not_after", b"soon")]),
    ),
    "a time beyond all calendars": (
        "malformed",
        lambda i: i.command(hold("h"), [("asked_at", b"999999999999999")]),
    ),
}


@pytest.mark.parametrize("poison", POISONS)
def test_what_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on(poison: str) -> None:
    inputs = Inputs()
    code, make = POISONS[poison]
    record = make(inputs)

    written = commit(new_processor(), [*inputs.funded(), record, inputs.call("good")])

    (kept,) = [output for output in written if output.topic == "ledger.dlq"]
    letter = codec.dead_letters.decode(kept.value)
    assert letter.code == code
    assert (letter.key, letter.value) == (record.of_key, record.of_value)
    assert (f"g1.{letter.source_topic}", letter.source_offset) == (record.of_topic, record.at)
    assert isinstance(events_of(written)[-2], CallCharged)
    assert footers_of(written)[-1].dead_letters == 1


def test_the_same_records_give_the_same_bytes() -> None:
    first, second = (commit(new_processor(), _mixed_day()) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_other_batches_give_the_same_wallet_events(size: int) -> None:
    records = _mixed_day()
    whole = wallet_values(
        commit(new_processor(), records, 10 * HOUR_MS + records[0].appended_at_ms)
    )

    processor = new_processor()
    cut = [
        value
        for at in range(0, len(records), size)
        for value in wallet_values(
            commit(processor, records[at : at + size], 10 * HOUR_MS + records[0].appended_at_ms)
        )
    ]

    assert cut == whole


def test_expiries_that_do_not_fit_a_batch_go_on_in_the_next() -> None:
    inputs = Inputs()
    processor = new_processor(Rules(outputs_max=26))
    commit(processor, inputs.funded())
    commit(processor, [inputs.command(hold(f"h{n}")) for n in range(20)])
    inputs.now_ms += HOUR_MS

    written = commit(processor, [inputs.tick(), inputs.call("after")], inputs.now_ms + 9_999)

    footers = footers_of(written)
    expired = [event for event in events_of(written) if isinstance(event, HoldExpired)]
    assert [event.hold_id for event in expired] == [f"h{n}" for n in range(20)]
    assert len({event.event_id for event in expired}) == 20
    assert footers[0].draining is not None
    assert footers[-1].draining is None
    assert isinstance(events_of(written)[-2], CallCharged)


def test_a_restored_partition_goes_on_exactly_where_the_log_ends() -> None:
    records = _mixed_day()
    processor = new_processor()
    written = commit(processor, records[:12])

    restored = new_processor()
    positions = restored.restore(log_of(written))

    assert {topic: at.next_offset for topic, at in positions.items()} == {
        at.topic: at.next_offset for at in footers_of(written)[-1].positions
    }
    assert commit(restored, records[12:]) == commit(processor, records[12:])


def test_a_partition_restored_in_the_middle_of_a_tick_finishes_it() -> None:
    inputs = Inputs()
    rules = Rules(outputs_max=26)
    processor = new_processor(rules)
    written = commit(processor, inputs.funded())
    written += commit(processor, [inputs.command(hold(f"h{n}")) for n in range(20)])
    inputs.now_ms += HOUR_MS
    first = processor.step([inputs.tick()], inputs.now_ms + 9_999)
    assert first is not None
    first.merge()
    assert processor.pending

    restored = new_processor(rules)
    restored.restore(log_of([*written, *first.outputs]))

    assert restored.pending
    assert wallet_values(commit(restored, [])) == wallet_values(commit(processor, []))


def test_an_empty_log_has_no_positions() -> None:
    assert new_processor().restore(iter([])) == {}


def test_a_log_that_was_tampered_with_is_not_served() -> None:
    written = commit(new_processor(), _mixed_day())
    honest = list(log_of(written))
    for at, record in enumerate(honest):
        value = record.of_value or b""
        bent = value[:-1] + bytes([value[-1] ^ 1])
        records = [*honest[:at], Record(record.of_topic, at, None, bent, 0), *honest[at + 1 :]]
        if at + 1 < len(honest):
            with pytest.raises(PartitionRefused):
                new_processor().restore(iter(records))


@pytest.mark.parametrize("missing", [0, 1, 3, 5])
def test_a_log_that_misses_a_value_is_not_served(missing: int) -> None:
    records = list(log_of(commit(new_processor(), _mixed_day())))
    del records[missing]

    with pytest.raises(PartitionRefused):
        new_processor().restore(iter(records))


def test_a_log_written_for_another_number_of_partitions_is_not_served() -> None:
    records = list(log_of(commit(new_processor(), _mixed_day())))

    with pytest.raises(PartitionRefused, match="4 partitions, not 8"):
        new_processor(partitions=8).restore(iter(records))


def test_only_open_holds_wait_to_expire_after_a_restore() -> None:
    written = commit(new_processor(), _mixed_day())
    restored = new_processor()

    restored.restore(log_of(written))

    open_holds = restored.state.wallets[OWN].holds
    assert [due.what for due in restored.state.due] == list(open_holds)


def test_a_flood_of_poison_is_cut_into_small_batches() -> None:
    inputs = Inputs()
    poison = [inputs.record("usage.calls", OWN.encode(), b"?") for _ in range(50)]

    footers = footers_of(commit(new_processor(), poison))

    assert [footer.dead_letters for footer in footers] == [20, 20, 10]


def test_headers_that_cannot_be_read_are_asked_for_once() -> None:
    """The client library raises the first time, and hands out broken objects the second."""
    inputs = Inputs()
    processor = new_processor()
    commit(processor, inputs.funded())
    record = Unspeakable(**vars(inputs.command(hold("h1"))))

    dropped = processor.step([record], 0)
    written = commit(processor, [record])

    assert dropped is not None
    (kept,) = [output for output in written if output.topic == "ledger.dlq"]
    letter = codec.dead_letters.decode(kept.value)
    assert (letter.code, letter.value, letter.headers) == ("malformed", record.of_value, ())


def test_nothing_moves_before_the_merge() -> None:
    inputs = Inputs()
    processor = new_processor()
    commit(processor, inputs.funded())
    record = inputs.call("e1")

    dropped = processor.step([record], 0)
    again = processor.step([record], 0)

    assert dropped is not None
    assert again is not None
    assert dropped.outputs == again.outputs


def test_every_event_is_keyed_by_its_tenant_and_footers_by_nothing() -> None:
    written = commit(new_processor(), _mixed_day())

    keys = {output.key for output in written if output.topic == EVENTS}
    assert keys == {OWN.encode(), None}


def _mixed_day() -> list[Record]:
    """Money, holds captured, voided by time and unused, repeats, a conflict, a poison."""
    inputs = Inputs()
    records = inputs.funded()
    records += [inputs.command(hold(f"h{n}")) for n in range(5)]
    records += [inputs.call("e0", "h0"), inputs.call("e1", "h1"), inputs.call("e0", "h0")]
    records += [inputs.call("e0", "h3"), inputs.record("usage.calls", OWN.encode(), b"?")]
    inputs.now_ms += HOUR_MS
    records += [inputs.tick(), inputs.call("e2", "h2"), inputs.tick()]
    records += [inputs.call(f"late {n}") for n in range(25)]
    return records
