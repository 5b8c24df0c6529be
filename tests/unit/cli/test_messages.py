"""What people read when something was done, refused, mistyped, or not answered."""

import json
from contextlib import nullcontext
from operator import attrgetter
from pathlib import Path
from typing import ClassVar, Self
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from cli.cluster import quiet_kafka
from cli.main import cli
from cli.settings import Settings
from eventlog.errors import NoAnswer
from eventlog.settings import KafkaSettings
from ledger.commands import AdjustBalance, Command, PlaceHold, Reply, SettleTopUp
from ledger.refusals import Refusal
from ledger.usage import Tier

SERVERS = "127.0.0.1:1"


class Ledger:
    """A client that answers by itself, and remembers what it was asked."""

    asked: ClassVar[list[tuple[Command, int | None]]] = []
    refusal: ClassVar[Refusal | None] = None
    is_silent: ClassVar[bool] = False

    def __init__(self, kafka: KafkaSettings, source: str) -> None: ...

    def ask(self, command: Command, timeout_s: float, not_after_ms: int | None) -> Reply:
        self.asked.append((command, not_after_ms))
        if self.is_silent:
            raise NoAnswer("no reply")
        return Reply(
            command_id=command.command_id,
            tenant_id=command.tenant_id,
            event_id="g1.wallet.commands:0:7:0",
            recorded_at_ms=1_795_462_605_787,
            refusal=self.refusal,
            amount_micros=900_000 if isinstance(command, PlaceHold) else None,
            expires_at_ms=1_795_463_805_787 if isinstance(command, PlaceHold) else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> type[Ledger]:
    """A ledger that accepts what it is asked."""
    world = type("World", (Ledger,), {"asked": []})
    monkeypatch.setattr("client.ledger_client.LedgerClient", world)
    monkeypatch.setattr("cli.asking.quiet_kafka", attrgetter("kafka"))
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", SERVERS)
    monkeypatch.setenv("LEDGER_ACTOR", "operator:ann")
    return world


def typed(line: str) -> Result:
    return CliRunner().invoke(cli, line.split())


def test_a_top_up_says_what_it_did_and_how_to_repeat_it(ledger: type[Ledger]) -> None:
    result = typed("top-up acme 50 --id t-1 --reason paid")
    assert result.exit_code == 0
    assert result.output == (
        "Topped up acme by $50.00.\n"
        "Decided 2026-11-23 19:36:45 UTC, id t-1, event g1.wallet.commands:0:7:0\n"
    )
    command = SettleTopUp(
        command_id="t-1",
        tenant_id="acme",
        actor="operator:ann",
        reason="paid",
        payment_id="t-1",
        amount_micros=50_000_000,
    )
    assert ledger.asked == [(command, None)]


def test_a_new_id_is_made_where_none_is_given(ledger: type[Ledger]) -> None:
    first, second = (typed("top-up acme 50 --reason paid") for _ in range(2))
    ids = [command.command_id for command, _ in ledger.asked]
    assert len(set(ids)) == 2
    assert ids[0] in first.output
    assert ids[1] in second.output


def test_a_negative_adjustment_is_an_amount_and_no_option(ledger: type[Ledger]) -> None:
    assert typed("adjust acme -1.20 --reason twice").exit_code == 0
    [(command, _)] = ledger.asked
    assert isinstance(command, AdjustBalance)
    assert command.amount_micros == -1_200_000


def test_a_hold_says_what_it_sets_aside_and_is_not_wanted_later(ledger: type[Ledger]) -> None:
    result = typed("hold place acme clinic --tier premium --cap 10:00")
    assert "Allowed: $0.90 held until 2026-11-23 19:56:45 UTC." in result.output
    [(command, not_after_ms)] = ledger.asked
    assert isinstance(command, PlaceHold)
    assert (command.tier, command.duration_cap_ms) == (Tier.PREMIUM, 600_000)
    assert not_after_ms is not None


@pytest.mark.parametrize("line", ["adjust acme 1", "grant acme 1"])
def test_money_that_nobody_paid_needs_a_reason(ledger: type[Ledger], line: str) -> None:
    result = typed(line)
    assert result.exit_code == 2
    assert "Say why: --reason TEXT." in result.output
    assert ledger.asked == []


def test_postpay_needs_a_limit(ledger: type[Ledger]) -> None:
    result = typed("terms acme --postpay")
    assert result.exit_code == 2
    assert "--postpay needs --credit-limit AMOUNT." in result.output


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("top-up acme 0", "An amount of $0.00 moves nothing."),
        ("adjust acme 0 --reason x", "An amount of $0.00 moves nothing."),
        ("top-up acme -5", "-$5.00 does not lie between $0.000001 and $100,000,000.00."),
        ("top-up acme -5", "`ledger adjust` takes money off."),
        ("grant acme -$5 --reason x", "-$5.00 does not lie between $0.000001"),
        ("grant acme 200000000 --reason x", "$200,000,000.00 does not lie between"),
        ("adjust acme -200000000 --reason x", "does not lie between -$100,000,000.00 and"),
        ("terms acme --postpay --credit-limit -5 --reason x", "-$5.00 does not lie between $0.00"),
        ("hold place acme clinic --cap 25000m", "'25000m' does not lie between 1s and 1440m."),
    ],
)
def test_what_is_out_of_range_is_told_in_the_units_it_is_typed_in(
    ledger: type[Ledger], line: str, sentence: str
) -> None:
    result = typed(line)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "micros" not in result.output
    assert ledger.asked == []


def test_an_option_that_is_none_is_told_beside_an_amount(ledger: type[Ledger]) -> None:
    result = typed("top-up acme 50 --reasn x")
    assert result.exit_code == 2
    assert "No such option '--reasn'" in result.output


def test_a_refusal_prints_its_sentence_and_exits_with_1(
    ledger: type[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "refusal", Refusal.insufficient_funds)
    result = typed("hold place acme clinic")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: Refused (insufficient_funds): More than the available balance; top up first.\n"
    )


def test_a_refusal_is_json_too(ledger: type[Ledger], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "refusal", Refusal.conflict)
    result = typed("top-up acme 50 --id t-1 --reason paid --json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["is_accepted"], said["refusal"]) == (False, "conflict")


def test_no_answer_tells_how_to_learn_it(
    ledger: type[Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "is_silent", True)
    result = typed("top-up acme 50 --id t-1 --reason paid --timeout 0.5")
    assert result.exit_code == 3
    assert "No answer within 0.5 s. Kafka answers" in result.stderr
    assert "repeat it with --id t-1: it is applied once" in result.stderr


@pytest.mark.parametrize(
    "line", ["balance", "topics check", "top-up acme 50 --reason paid", "verify"]
)
def test_without_a_stack_every_command_says_how_to_start_one(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    result = typed(line)
    assert result.exit_code == 2
    assert f"No stack runs on {tmp_path}" in result.stderr
    assert "start one with `ledger up`" in result.stderr


def test_kafka_that_does_not_listen_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", SERVERS)
    result = typed("topics check")
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: Nothing answers at {SERVERS}, where Kafka should be.")


@pytest.mark.parametrize(
    "line", ["topics check", "top-up acme 50 --reason paid", "verify", "publish usage.calls.jsonl"]
)
def test_kafka_that_listens_and_does_not_answer_is_told_with_its_address(
    line: str, hung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("usage.calls.jsonl").touch()
    result = typed(line)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"Error: Kafka at {hung} takes connections and does not answer")
    assert "restart it" in result.stderr


def test_no_answer_because_kafka_hangs_is_told_as_that(
    ledger: type[Ledger], hung: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([True])

    def hangs_later(configured: Settings) -> KafkaSettings:
        return configured.kafka if next(answers, False) else quiet_kafka(configured)

    monkeypatch.setattr(ledger, "is_silent", True)
    monkeypatch.setattr("cli.asking.quiet_kafka", hangs_later)
    result = typed("top-up acme 50 --id t-1 --reason paid")
    assert result.exit_code == 3
    assert f"Kafka at {hung} takes connections and does not answer" in result.stderr
    assert "Whether the command was decided before that is not known." in result.stderr
    assert "repeat it with --id t-1" in result.stderr


@pytest.mark.parametrize(
    "line",
    ["balance nobody", "history nobody", "usage nobody", "project list nobody", "hold list nobody"],
)
def test_a_tenant_that_is_not_known_is_told_by_every_question(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.database.connected", nullcontext)
    monkeypatch.setattr("projections.wallets.find", Mock(return_value=None))
    monkeypatch.setattr("cli.reading._wait_until_fresh", Mock(return_value=0))
    monkeypatch.setenv("LEDGER_OPERATOR_DATABASE_URL", "postgresql://me@127.0.0.1:1/ledger")
    result = typed(line)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The ledger does not know the tenant 'nobody'.")
    assert "`ledger balance` lists those it knows" in result.stderr
    assert "`ledger project open nobody PROJECT`" in result.stderr


def test_postgres_that_does_not_listen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_OPERATOR_DATABASE_URL", "postgresql://me:word@127.0.0.1:1/ledger")
    result = typed("balance")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: Postgres: connection failed")
    assert "word" not in result.stderr


def test_a_wrong_setting_is_told_by_any_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PARTITIONS", "many")
    result = typed("balance")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: LEDGER_PARTITIONS is 'many': it must be a whole number from 1 to 1000.\n"
    )


def test_the_demo_wants_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    result = typed(f"demo --data {tmp_path}")
    assert result.exit_code == 1
    assert "is not empty" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
