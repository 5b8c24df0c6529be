"""The demo's workload through the real parts: the same figures by every way to them."""

import time

import pytest

from cli import workload
from devstack import traffic
from schemas.codec import DeadLetter, dead_letters
from tests.system.world import World

pytestmark = pytest.mark.stack

DEMO = sorted(traffic.DEMO.glob("*.jsonl"))


def test_the_demo_comes_to_what_the_oracle_says(world: World) -> None:
    start_ms = time.time_ns() // 1_000_000
    phases = workload.read(DEMO, start_ms)
    processor, projector = world.start("processor"), world.start("projector")
    for _, records in phases:
        world.publish(records)
        world.wait_until_decided()
    world.wait_until_projected()

    log = world.check()

    assert len(log.wallets) == 8
    owing = {name for name, wallet in log.wallets.items() if wallet.arrears_micros}
    assert owing == {"last-light-bar", "tiny-studio"}
    poison_is_set_aside_byte_for_byte(world)
    for service in (processor, projector):
        service.process.terminate()
        assert service.ended() == 0, service.log.read_text()


def poison_is_set_aside_byte_for_byte(world: World) -> None:
    letters = [dead_letters.decode(one.value or b"") for one in world.records("ledger.dlq")]
    sources = {(one.topic, one.partition, one.offset): one for one in world.records("usage.calls")}
    for letter in letters:
        source = sources[letter.source_topic, letter.source_partition, letter.source_offset]
        assert (letter.key, letter.value) == (source.key, source.value)
        assert letter.source_appended_at_ms == source.appended_at_ms
    assert sorted(map(_reason, letters)) == [
        ("invalid", "started_at must not be negative or after ended_at"),
        ("malformed", "the value does not begin with a zero byte and a four-byte schema id"),
        ("malformed", "the value ends too early"),
        ("unknown_schema", "schema id 1 is not one of usage.calls's"),
        ("wrong_key", "the record's key is b'someone-else'"),
    ]


def _reason(letter: DeadLetter) -> tuple[str, str]:
    """The code and the message, without what follows its first clause."""
    return letter.code, letter.message.partition(" (")[0].partition(";")[0].partition(",")[0]
