"""Values as people read them, and tables where nobody watches."""

import json

import pytest

from cli.show import print_json, print_rows, shown
from ledger.usage import CallOutcome


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("balance_micros", 48_800_000, "$48.80"),
        ("balance_micros", -485_400_000, "-$485.40"),
        ("recorded_at_ms", 1_795_462_605_787, "2026-11-23 19:36:45"),
        ("mode_from_ms", 0, "1970-01-01 00:00:00"),
        ("duration_cap_ms", 300_000, "5:00"),
        ("events_count", 2_488, "2,488"),
        ("partition", 3, "3"),
        ("outcome", CallOutcome.SPAM_OR_SILENT, "spam or silent"),
        ("is_postpay", True, "yes"),
        ("refusal", None, "–"),
        ("reason", "", "–"),
        ("reason", "two\nlines \x1b[31m", "two�lines �[31m"),
    ],
)
def test_a_value_is_shown_by_the_unit_in_its_name(field: str, value: object, text: str) -> None:
    assert shown(field, value) == text


def test_a_table_in_a_pipe_is_plain_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows({"tenant_id": "Tenant", "held_micros": "Held"}, [
        {"tenant_id": "t" * 64, "held_micros": 900_000},
        {"tenant_id": "[bold]acme", "held_micros": 0},
    ])  # fmt: skip
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["Tenant", "Held"]
    assert first.split() == ["t" * 64, "$0.90"]
    assert second.split() == ["[bold]acme", "$0.00"]


def test_json_keeps_amounts_as_whole_micro_dollars(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"held_micros": 900_000, "outcome": CallOutcome.SUCCESS})
    assert json.loads(capsys.readouterr().out) == {"held_micros": 900_000, "outcome": "SUCCESS"}
