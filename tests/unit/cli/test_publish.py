"""`ledger publish` tells what became of what it published, and what it cannot know."""

import json
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from cli import workload
from cli.errors import Stalled
from cli.main import cli
from cli.publish import Published, publish_phases
from cli.whole_log import Entry
from devstack.traffic import DEMO
from eventlog.producer import Publication
from eventlog.settings import KafkaSettings
from tests.simulator import Simulator

START = "2026-01-01T12:00:00.000+00:00"
START_MS = 1_767_268_800_000
FILES = [str(file) for file in sorted(DEMO.glob("*.jsonl"))]


class Ledger:
    """Publishes into a simulator, which decides at once unless it is stopped."""

    def __init__(self) -> None:
        self.simulator = Simulator(START_MS)
        self.is_stopped = False
        self.source = ""

    def publish_phases(
        self, _kafka: object, _partitions: int, phases: workload.Phases, *, wait: bool, source: str
    ) -> Iterator[Published]:
        self.source = source
        for phase, records in phases:
            for record in records:
                self.simulator.publish(record.topic, record.key, record.value, record.headers or [])
            if self.is_stopped and wait:
                raise Stalled("Deciding: nothing moved.")
            self.simulator.decide()
            yield Published(phase, len(records), 0.1)

    def ends(self, _kafka: object, topic: str, partitions: int) -> dict[int, int]:
        records = self.simulator.records
        return {number: len(records[topic, number]) for number in range(partitions)}

    def since(
        self, _kafka: object, topic: str, starts: dict[int, int], _label: str
    ) -> Iterator[Entry]:
        for number, start in starts.items():
            for record in self.simulator.records[topic, number][start:]:
                yield Entry(number, record.offset() or 0, record.value() or b"")


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    world = Ledger()
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LEDGER_PARTITIONS", "4")
    monkeypatch.setattr("cli.publish.quiet_kafka", attrgetter("kafka"))
    monkeypatch.setattr("cli.publish.publish_phases", world.publish_phases)
    monkeypatch.setattr("cli.outcomes.ends_now", world.ends)
    monkeypatch.setattr("cli.outcomes.log_since", world.since)
    return world


def published(*options: str) -> Result:
    return CliRunner().invoke(cli, ["publish", *FILES, "--start", START, *options])


def outcomes(*options: str) -> dict[str, Any]:
    became: dict[str, Any] = json.loads(published("--json", *options).stdout)["outcomes"]
    return became


def test_people_read_what_became_of_each_input() -> None:
    result = published()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3:] == [
        "1,761 charged: $1,352.716511 in all, of which $162.76 was not covered",
        "402 simulated: $268.42741 in all, which moved nothing",
        "253 chats counted: each hour of them is charged when it closes",
        "12 withdrawn: what was charged for them is given back",
        "10 corrections that wait for what they correct",
        "55 commands accepted",
        (
            "11 refused: conflict 4, arrears 2, too_late 1, below_minimum 1, hold_ended 1,"
            " unknown 1, insufficient_funds 1"
        ),
        "15 held for review: too_old 9, in_the_future 6",
        "5 set aside as dead letters: malformed 2, unknown_schema 1, invalid 1, wrong_key 1",
        "11 repeats of what was decided before: applied once",
        f"To publish the same again, add --start {START}",
    ]


def test_programs_read_the_same_and_every_input_is_accounted_for() -> None:
    became = outcomes()
    reasons = [became["refused"], became["held_for_review"], became["dead_letters"]]
    kinds = ("charged", "simulated", "counted", "withdrawn", "waiting", "accepted", "repeats")
    counted = sum(became[f"{kind}_count"] for kind in kinds)
    counted += sum(sum(reason.values()) for reason in reasons)
    assert (became["refused"]["conflict"], became["dead_letters"]["malformed"]) == (4, 2)
    assert became["inputs_count"] == counted == 2_535
    assert became["undecided_count"] == 0


def test_the_same_once_more_is_nothing_but_repeats_and_what_is_refused_again() -> None:
    published()
    became = outcomes()
    assert (became["charged_count"], became["simulated_count"]) == (0, 0)
    assert became["repeats_count"] > 2_400


def test_what_others_publish_meanwhile_is_not_counted(ledger: Ledger, tmp_path: Path) -> None:
    mine = tmp_path / "wallet.commands.jsonl"
    mine.write_text(
        '{"phase":1,"value":{"command_id":"o-1","tenant_id":"acme","actor":"a",'
        '"body":{"OpenProject":{"project_id":"clinic"}}}}\n'
    )
    for record in (one for _, records in workload.read([DEMO / mine.name], 0) for one in records):
        ledger.simulator.publish(record.topic, record.key, record.value)
    result = CliRunner().invoke(cli, ["publish", str(mine)])
    assert result.stdout.splitlines()[1] == "1 commands accepted"


def test_what_is_not_decided_in_time_is_not_known_and_said_so(ledger: Ledger) -> None:
    ledger.is_stopped = True
    result = published()
    assert result.exit_code == 3
    # Only the first phase was sent.
    assert result.stdout == "52 not known: not decided yet, or decided before\n"
    assert "Error: Deciding: nothing moved." in result.stderr
    assert f"publish the same files with --start {START}" in result.stderr


def test_without_waiting_nothing_is_known() -> None:
    result = published("--no-wait")
    assert result.exit_code == 0
    assert "What becomes of them was not waited for" in result.stdout
    assert outcomes("--no-wait") is None


def test_who_publishes_is_said_with_each_record(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    published()
    assert ledger.source == "ledger"
    published("--source", "voice-platform")
    assert ledger.source == "voice-platform"
    assert "names no source" in published("--source", "stimme-ü").output
    publisher = Mock()
    monkeypatch.setattr("eventlog.producer.Publisher", Mock(return_value=publisher))
    sent = Publication("usage.calls", b"acme", b"", [("asked_at", b"1")])
    done = list(
        publish_phases(KafkaSettings("unused:1"), 4, [(1, [sent])], wait=False, source="voice")
    )
    assert [phase.records for phase in done] == [1]
    [record] = publisher.publish.call_args.args[0]
    assert record == sent._replace(headers=[("asked_at", b"1"), ("source", b"voice")])
