"""A file of recorded traffic becomes records whose times follow from a start."""

from pathlib import Path

import click
import pytest

from cli import workload
from devstack.traffic import DEMO
from ledger.commands import OpenProject, PlaceHold
from ledger.usage import CallUsage, fault_in_call
from schemas import codec

START_MS = 1_795_462_605_787
USAGE = (
    '{"phase":2,"value":{"event_id":"e-1","tenant_id":"acme","project_id":"clinic",'
    '"call_id":"c-1","scenario_id":"s","started_at":-60000,"ended_at":-1000,"tier":"STANDARD",'
    '"goal_reached":true,"flagged_spam":false,"duration_ms":59000,"duration_cap_ms":300000,'
    '"user_turns":4}}\n'
)
COMMANDS = (
    '{"phase":1,"headers_ms":{"asked_at":-5},"value":{"command_id":"o-1","tenant_id":"acme",'
    '"actor":"a","body":{"OpenProject":{"project_id":"clinic","live_from_ms":-1}}}}\n'
    '{"phase":3,"value":{"command_id":"h-1","tenant_id":"acme","actor":"a",'
    '"body":{"PlaceHold":{"project_id":"clinic","tier":"STANDARD","duration_cap_ms":300000}}}}\n'
    '{"phase":3,"key":"elsewhere","raw":"AAE="}\n'
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    usage, commands = tmp_path / "usage.calls.jsonl", tmp_path / "wallet.commands.jsonl"
    usage.write_text(USAGE)
    commands.write_text(COMMANDS)
    return [usage, commands]


def test_phases_come_in_order_whatever_the_file(files: list[Path]) -> None:
    phases = workload.read(files, START_MS)
    assert [(phase, len(records)) for phase, records in phases] == [(1, 1), (2, 1), (3, 2)]


def test_usage_times_count_from_the_start_and_durations_do_not(files: list[Path]) -> None:
    [_, (_, [record]), _] = workload.read(files, START_MS)
    usage = codec.calls.decode(record.value)
    assert isinstance(usage, CallUsage)
    assert fault_in_call(usage) is None
    assert (usage.started_at, usage.ended_at) == (START_MS - 60_000, START_MS - 1_000)
    assert usage.duration_ms == 59_000
    assert (record.topic, record.key) == ("usage.calls", b"acme")


def test_commands_take_their_times_and_headers_from_the_start(files: list[Path]) -> None:
    [(_, [opened]), _, (_, [held, poison])] = workload.read(files, START_MS)
    command = codec.asked.decode(opened.value)
    assert isinstance(command, OpenProject)
    assert command.live_from_ms == START_MS - 1
    assert opened.headers == [("asked_at", str(START_MS - 5).encode())]
    assert isinstance(codec.asked.decode(held.value), PlaceHold)
    assert (poison.key, poison.value) == (b"elsewhere", b"\0\1")


def test_the_demo_can_be_read(tmp_path: Path) -> None:
    phases = workload.read(sorted(DEMO.glob("*.jsonl")), START_MS)
    assert [phase for phase, _ in phases] == [1, 2, 3]
    assert sum(len(records) for _, records in phases) > 2_000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("calls.jsonl", USAGE, "not named after a topic"),
        ("usage.calls.jsonl", USAGE + "{", "line 2"),
        ("usage.calls.jsonl", '{"phase":1,"value":{"tenant_id":"acme"}}', "line 1"),
        ("usage.calls.jsonl", '{"phase":1,"value":{}}', "line 1"),
        ("wallet.commands.jsonl", '{"phase":1,"value":{"body":{"Steal":{}}}}', "line 1"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(click.BadParameter, match=message):
        workload.read([file], START_MS)
