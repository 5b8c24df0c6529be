"""Dead letters, as an operator types: looked into, resent once, dropped; each in a process."""

import time
from typing import Any

import pytest

from cli import connection
from cli.waiting import wait_until_decided
from eventlog.partitioner import partition_of
from eventlog.producer import Publication, Publisher
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE_CALLS
from schemas import codec
from tests.cli.machine import Machine
from tests.usage import call

pytestmark = pytest.mark.stack

PARTITIONS = 4
WHY = "--reason 'ticket 7'"
PRICE_MICROS = 900_000


def test_what_was_set_aside_is_looked_into_and_resent_once(machine: Machine) -> None:
    machine.type("project open acme clinic --live-from 2026-01-01 --reason signed")
    machine.type("top-up acme 50 --reason paid")
    home = partition_of(b"acme", PARTITIONS)
    publish(
        machine,
        (b"acme", a_call("call-1")[:12], home),
        (b"acme", a_call("call-2"), (home + 1) % PARTITIONS),
        (b"beta", a_call("call-3"), home),
        (b"acme", b"not Avro\x1b[2J", home),
    )

    # Listed, the newest first, and counted
    found = {one["code"]: one for one in letters(machine)}
    assert set(found) == {"malformed", "wrong_partition", "wrong_key"}
    malformed = [one for one in letters(machine) if one["code"] == "malformed"]
    assert len(malformed) == 2
    assert "acme" in machine.type("dlq list --reason wrong_partition --topic usage.calls")
    assert "No dead letter is open" in machine.type("dlq list --source nobody")
    [counted] = machine.ask("dlq counts --reason malformed")["counts"]
    assert (counted["source"], counted["open_count"]) == ("-", 2)

    # Shown as far as it can be decoded; nothing of it reaches the terminal as it is
    misplaced = found["wrong_partition"]["position"]
    said = machine.type(f"dlq show {misplaced}")
    assert "event_id         call-2" in said
    assert "it can be" in said
    shown = [machine.ask(f"dlq show {one['position']}") for one in malformed]
    cut_short = next(one for one in shown if one["schema_id"] == 1001)
    assert cut_short["fields"] == {"event_id": "call-1"}
    assert "ends too early" in cut_short["fault"]
    no_avro = next(one["position"] for one in shown if one["schema_id"] is None)
    said = machine.type(f"dlq show {no_avro}")
    assert "6e 6f 74 20 41 76 72 6f 1b 5b 32 4a" in said
    assert "\x1b" not in said

    # What would come back is not resent, nor charged to a tenant that nobody named
    assert "Say why" in machine.type(f"dlq resend {misplaced}", exit_code=2)
    assert "set aside again" in machine.type(f"dlq resend {no_avro} {WHY}", exit_code=1)
    other = found["wrong_key"]["position"]
    assert "--key-from-value" in machine.type(f"dlq resend {other} {WHY}", exit_code=1)
    assert funds(machine) == 50_000_000

    # Resent, it goes to its tenant's partition, and is charged
    said = machine.type(f"dlq resend {misplaced} {WHY}")
    assert f"{misplaced}: resent to usage.calls/{home}" in said
    machine.type(f"dlq resend {other} --key-from-value {WHY}")
    settle(machine)
    assert funds(machine) == 50_000_000 - 2 * PRICE_MICROS

    # Once, whoever tries again; on purpose, the ledger still charges it once
    said = machine.type(f"dlq resend {misplaced} {WHY}", exit_code=1, by="operator:bea")
    assert "resent before, by operator:ann" in said
    machine.type(f"dlq resend {misplaced} --again {WHY}", by="operator:bea")
    settle(machine)
    assert funds(machine) == 50_000_000 - 2 * PRICE_MICROS
    resolutions = machine.ask(f"dlq show {misplaced}")["resolutions"]
    assert [(one["actor"], one["is_again"]) for one in resolutions] == [
        ("operator:ann", False),
        ("operator:bea", True),
    ]

    # Dropped, it is open no more, and cannot be resent by accident
    dropped = " ".join(one["position"] for one in malformed)
    assert machine.type(f"dlq drop {dropped} {WHY}").count(": dropped") == 2
    assert "dropped before" in machine.type(f"dlq resend {dropped} {WHY}", exit_code=1)
    assert letters(machine) == []
    assert len(machine.ask("dlq list --all")["dead_letters"]) == 4
    counts = machine.ask("dlq counts")["counts"]
    assert {one["code"]: (one["resent_count"], one["dropped_count"]) for one in counts} == {
        "malformed": (0, 2),
        "wrong_key": (1, 0),
        "wrong_partition": (1, 0),
    }
    assert "No dead letter stands at 0:99" in machine.type(f"dlq drop 0:99 {WHY}", exit_code=1)
    assert "No dead letter stands at 99:0" in machine.type("dlq show 99:0", exit_code=1)
    assert machine.ask("verify")["holds"] is True


def letters(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.ask("dlq list")["dead_letters"]
    return found


def kafka_of(machine: Machine) -> KafkaSettings:
    return KafkaSettings(connection.read(machine.data)["LEDGER_KAFKA_BOOTSTRAP_SERVERS"])


def publish(machine: Machine, *records: tuple[bytes, bytes, int]) -> None:
    """Publish values under keys to partitions of `usage.calls`, and let them be decided."""
    Publisher(kafka_of(machine)).publish(
        Publication(USAGE_CALLS.name, key, value, partition=partition)
        for key, value, partition in records
    )
    settle(machine)


def settle(machine: Machine) -> None:
    """Wait until all that was published is decided."""
    wait_until_decided(kafka_of(machine), PARTITIONS)


def funds(machine: Machine) -> int:
    [wallet] = machine.ask("balance acme")["wallets"]
    return int(wallet["funds_micros"])


def a_call(event_id: str) -> bytes:
    return codec.calls.encode(call(event_id, ended_at=time.time_ns() // 1_000_000 - 15_000))
