"""The doctor says what is wrong and what to do, and that nothing is where nothing is."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import cli

NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which nothing ever ran."""
    folder = tmp_path / "data"
    monkeypatch.setenv("LEDGER_DATA", str(folder))
    return folder


def doctor() -> Result:
    return CliRunner().invoke(cli, ["doctor"])


def test_a_machine_on_which_nothing_runs_is_well() -> None:
    result = doctor()
    assert result.exit_code == 0
    assert "FAILED" not in result.output
    assert "start one with `ledger up`" in result.output


def test_what_does_not_answer_is_named_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP_SERVERS", NOWHERE)
    monkeypatch.setenv("LEDGER_OPERATOR_DATABASE_URL", f"postgresql://me:word@{NOWHERE}/ledger")
    result = doctor()
    assert result.exit_code == 1
    failed = [line for line in result.output.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == ["Kafka", "Postgres"]
    assert "word" not in result.output


def test_a_data_folder_that_others_may_enter_is_told_with_its_remedy(data: Path) -> None:
    data.mkdir(mode=0o755)
    result = doctor()
    assert result.exit_code == 1
    assert f"→ chmod 700 {data}" in result.output


def test_a_misspelt_setting_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PARTITION", "4")
    result = doctor()
    assert result.exit_code == 0
    assert "no settings of ours: LEDGER_PARTITION" in result.output


def test_every_check_is_in_the_json() -> None:
    checks = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).output)["checks"]
    assert {check["state"] for check in checks} <= {"ok", "note"}
    assert {"Python", "schemas", "Kafka"} <= {check["check"] for check in checks}


def test_a_broker_that_hangs_is_told_once_and_postgres_is_not_blamed(hung: str) -> None:
    result = doctor()
    assert result.exit_code == 1
    [failed] = [line for line in result.output.splitlines() if line.startswith("FAILED")]
    assert failed.split()[1] == "Kafka"
    assert f"Kafka at {hung} takes connections and does not answer" in failed
