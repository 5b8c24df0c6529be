"""What the answer to a hold says, given by the ledger's own decisions."""

import json
import time
from operator import attrgetter
from typing import ClassVar, Self

import pytest
from click.testing import CliRunner

from cli.main import cli
from eventlog.settings import KafkaSettings
from ledger.commands import Command, Reply
from schemas import codec
from tests.simulator import Simulator

HEADERS = [("correlation_id", b"1"), ("instance_id", b"1")]


class Ledger:
    """A client whose answers are decided."""

    simulator: ClassVar[Simulator]

    def __init__(self, kafka: KafkaSettings, source: str) -> None: ...

    def ask(self, command: Command, timeout_s: float, not_after_ms: int | None) -> Reply:
        key, value = command.tenant_id.encode(), codec.asked.encode(command)
        self.simulator.publish("wallet.commands", key, value, HEADERS)
        self.simulator.decide()
        replies = [
            codec.replies.decode(r.value() or b"") for r in self.simulator.topic("wallet.replies")
        ]
        return next(reply for reply in replies if reply.command_id == command.command_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows acme's project `clinic`, live and with money."""
    world = type("World", (Ledger,), {"simulator": Simulator(round(time.time() * 1000))})
    monkeypatch.setattr("client.ledger_client.LedgerClient", world)
    monkeypatch.setattr("cli.asking.quiet_kafka", attrgetter("kafka"))
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    paid = "top-up acme 50 --reason paid"
    for line in ("project open acme clinic", "project live acme clinic", paid):
        typed(line)


def typed(line: str) -> str:
    result = CliRunner().invoke(cli, line.split())
    assert result.exit_code == 0, result.output
    return result.output


def test_a_tenant_that_is_new_is_told_loudly() -> None:
    said = typed("hold place acmee clinic")
    assert said.startswith("Allowed, nothing held: the tenant 'acmee' is NEW")
    assert "with its project 'clinic', in sandbox. Mistyped? `ledger balance`" in said


def test_a_project_that_is_new_is_told_loudly() -> None:
    said = typed("hold place acme clinik")
    assert said.startswith("Allowed, nothing held: the project 'clinik' of 'acme' is NEW")
    assert "in sandbox. Mistyped? `ledger project list acme`" in said


def test_a_project_that_is_known_is_not_new() -> None:
    assert typed("hold place acme clinic").startswith("Allowed: $0.90 held until ")
    typed("hold place acme clinik")
    said = typed("hold place acme clinik")
    assert said.startswith("Allowed, nothing held: in sandbox, or the call was charged already.")


@pytest.mark.parametrize(
    ("names", "is_new_tenant", "is_new_project"),
    [("acmee clinic", True, True), ("acme clinik", False, True), ("acme clinic", False, False)],
)
def test_programs_are_told_what_is_new(
    names: str, is_new_tenant: bool, is_new_project: bool
) -> None:
    said = json.loads(typed(f"hold place {names} --json"))
    assert (said["is_new_tenant"], said["is_new_project"]) == (is_new_tenant, is_new_project)
