"""What breaks the contract of a topic is set aside, whole, with a sentence that says what."""

from typing import Any

import msgspec
import pytest

from ledger import commands as ask
from ledger.commands import AMOUNT_MICROS_MAX, REASON_LENGTH_MAX, fault_in_command
from ledger.usage import DURATION_CAP_MS_MAX, TIME_MS_MAX, Tier, fault_in_call
from tests.usage import call

USAGE = call()
# None of these can name anything; a NUL could not even be stored by the read models.
NO_IDS = ["", "x" * 65, "a\nb", "a\x00b", "\x7f", "\u200b", "\u2028", "\ud800"]
IDS = ["x", "x" * 64, "Größe-✓", "a b/c:d"]
LAST_MS = 2**63 - 1


@pytest.mark.parametrize(
    "field", ["event_id", "tenant_id", "project_id", "call_id", "scenario_id", "hold_id"]
)
@pytest.mark.parametrize("text", NO_IDS)
def test_usage_names_everything_by_1_to_64_printable_characters(field: str, text: str) -> None:
    fault = fault_in_call(msgspec.structs.replace(USAGE, **{field: text}))
    assert fault is not None
    assert fault.startswith(field)


@pytest.mark.parametrize("field", ["event_id", "tenant_id", "corrects", "hold_id"])
@pytest.mark.parametrize("text", IDS)
def test_any_printable_text_may_be_a_name(field: str, text: str) -> None:
    assert fault_in_call(msgspec.structs.replace(USAGE, **{field: text})) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"started_at": -1}, "started_at"),
        ({"started_at": USAGE.ended_at + 1}, "started_at"),
        ({"started_at": -1, "ended_at": -1}, "started_at"),
        ({"ended_at": TIME_MS_MAX + 1}, "started_at"),
        ({"ended_at": LAST_MS}, "started_at"),
        ({"duration_ms": -1}, "duration_ms"),
        ({"user_turns": -1}, "user_turns"),
        ({"duration_cap_ms": 0}, "duration_cap_ms"),
        ({"duration_cap_ms": -1}, "duration_cap_ms"),
        ({"duration_cap_ms": DURATION_CAP_MS_MAX + 1}, "duration_cap_ms"),
        ({"withdrawn": True}, "withdrawn"),
        ({"corrects": ""}, "corrects"),
    ],
)
@pytest.mark.rule("usage.contract")
def test_usage_outside_its_ranges_breaks_the_contract(changes: dict[str, Any], named: str) -> None:
    fault = fault_in_call(msgspec.structs.replace(USAGE, **changes))
    assert fault is not None
    assert named in fault


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"started_at": 0, "ended_at": 0},
        {"ended_at": TIME_MS_MAX},
        {"duration_ms": 0},
        {"duration_ms": LAST_MS},
        {"duration_cap_ms": DURATION_CAP_MS_MAX},
        {"withdrawn": True, "corrects": "e"},
    ],
)
def test_usage_at_the_ends_of_its_ranges_keeps_the_contract(changes: dict[str, Any]) -> None:
    assert fault_in_call(msgspec.structs.replace(USAGE, **changes)) is None


HEAD: dict[str, Any] = {"command_id": "c", "tenant_id": "t", "actor": "operator:a"}
HOLD: dict[str, Any] = {"project_id": "p", "tier": Tier.ECONOMY, "duration_cap_ms": 1}
TOP_UP: dict[str, Any] = {"payment_id": "p", "amount_micros": 1}

COMMANDS: list[tuple[type[ask.Command], dict[str, Any]]] = [
    (ask.OpenProject, {"project_id": "p"}),
    (ask.OpenProject, {"project_id": "p", "live_from_ms": 0}),
    (ask.OpenProject, {"project_id": "p", "live_from_ms": TIME_MS_MAX}),
    (ask.GoLive, {"project_id": "p"}),
    (ask.ReturnToSandbox, {"project_id": "p"}),
    (ask.SettleTopUp, TOP_UP),
    (ask.SettleTopUp, TOP_UP | {"amount_micros": AMOUNT_MICROS_MAX}),
    (ask.GrantCredit, {"amount_micros": 1}),
    (ask.AdjustBalance, {"amount_micros": 1}),
    (ask.AdjustBalance, {"amount_micros": -AMOUNT_MICROS_MAX}),
    (ask.SetTerms, {"is_postpay": False, "credit_limit_micros": 0}),
    (ask.SetTerms, {"is_postpay": True, "credit_limit_micros": 0}),
    (ask.SetTerms, {"is_postpay": True, "credit_limit_micros": AMOUNT_MICROS_MAX}),
    (ask.PlaceHold, HOLD),
    (ask.PlaceHold, HOLD | {"duration_cap_ms": DURATION_CAP_MS_MAX}),
    (ask.VoidHold, {"hold_id": "h"}),
]


@pytest.mark.parametrize(("kind", "fields"), COMMANDS)
def test_a_command_at_the_ends_of_its_ranges_keeps_the_contract(
    kind: type[ask.Command], fields: dict[str, Any]
) -> None:
    assert fault_in_command(kind(**HEAD, reason="because", **fields)) is None


@pytest.mark.parametrize(
    ("kind", "fields", "named"),
    [
        (ask.OpenProject, {"project_id": ""}, "project_id"),
        (ask.OpenProject, {"project_id": "p", "live_from_ms": -1}, "live_from_ms"),
        (ask.OpenProject, {"project_id": "p", "live_from_ms": TIME_MS_MAX + 1}, "live_from_ms"),
        (ask.GoLive, {"project_id": "x" * 65}, "project_id"),
        (ask.ReturnToSandbox, {"project_id": "\x00"}, "project_id"),
        (ask.SettleTopUp, TOP_UP | {"payment_id": ""}, "payment_id"),
        (ask.SettleTopUp, TOP_UP | {"amount_micros": 0}, "amount_micros"),
        (ask.SettleTopUp, TOP_UP | {"amount_micros": -1}, "amount_micros"),
        (ask.SettleTopUp, TOP_UP | {"amount_micros": AMOUNT_MICROS_MAX + 1}, "amount_micros"),
        (ask.GrantCredit, {"amount_micros": 0}, "amount_micros"),
        (ask.GrantCredit, {"amount_micros": -1}, "amount_micros"),
        (ask.AdjustBalance, {"amount_micros": 0}, "amount_micros"),
        (ask.AdjustBalance, {"amount_micros": -(2**63)}, "amount_micros"),
        (ask.SetTerms, {"is_postpay": True, "credit_limit_micros": -1}, "credit_limit_micros"),
        (ask.SetTerms, {"is_postpay": True, "credit_limit_micros": LAST_MS}, "credit_limit_micros"),
        (ask.SetTerms, {"is_postpay": False, "credit_limit_micros": 1}, "prepaid"),
        (ask.PlaceHold, HOLD | {"project_id": ""}, "project_id"),
        (ask.PlaceHold, HOLD | {"duration_cap_ms": 0}, "duration_cap_ms"),
        (ask.PlaceHold, HOLD | {"duration_cap_ms": LAST_MS}, "duration_cap_ms"),
        (ask.VoidHold, {"hold_id": ""}, "hold_id"),
    ],
)
def test_a_command_outside_its_ranges_breaks_the_contract(
    kind: type[ask.Command], fields: dict[str, Any], named: str
) -> None:
    fault = fault_in_command(kind(**HEAD, reason="because", **fields))
    assert fault is not None
    assert named in fault


@pytest.mark.parametrize("text", NO_IDS)
@pytest.mark.parametrize("field", ["command_id", "tenant_id", "actor"])
def test_a_command_names_itself_its_tenant_and_its_actor(field: str, text: str) -> None:
    fault = fault_in_command(
        ask.GrantCredit(**(HEAD | {field: text}), reason="because", amount_micros=1)
    )
    assert fault is not None
    assert field in fault


@pytest.mark.parametrize("reason", ["x" * (REASON_LENGTH_MAX + 1), "a\x00b", "a\nb", "\ud800"])
def test_a_reason_is_at_most_500_printable_characters(reason: str) -> None:
    fault = fault_in_command(ask.GrantCredit(**HEAD, reason=reason, amount_micros=1))
    assert fault == "reason must be at most 500 printable characters"


@pytest.mark.parametrize("reason", ["x" * REASON_LENGTH_MAX, "wegen Größe ✓"])
def test_a_reason_may_be_long_and_in_any_script(reason: str) -> None:
    assert fault_in_command(ask.GrantCredit(**HEAD, reason=reason, amount_micros=1)) is None


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ask.GrantCredit, {"amount_micros": 1}),
        (ask.AdjustBalance, {"amount_micros": -1}),
        (ask.SetTerms, {"is_postpay": False, "credit_limit_micros": 0}),
        (ask.ReturnToSandbox, {"project_id": "p"}),
        (ask.OpenProject, {"project_id": "p", "live_from_ms": 0}),
        (ask.SettleTopUp, TOP_UP),
    ],
)
@pytest.mark.rule("20.reason")
def test_what_only_operators_do_needs_a_reason(
    kind: type[ask.Command], fields: dict[str, Any], reason: str
) -> None:
    assert "reason" in (fault_in_command(kind(**HEAD, reason=reason, **fields)) or "")


@pytest.mark.parametrize("kind", [ask.Approve, ask.Decline])
@pytest.mark.rule("20.second-operator")
def test_only_an_operator_approves(kind: type[ask.Approve | ask.Decline]) -> None:
    by = {"command_id": "c", "tenant_id": "t", "reason": "because", "approval_id": "a"}
    assert fault_in_command(kind(**by, actor="operator:bea")) is None
    assert "operator:" in (fault_in_command(kind(**by, actor="service:web")) or "")


def test_a_payment_that_a_service_reports_needs_no_reason() -> None:
    by = {"command_id": "c", "tenant_id": "t", "actor": "payments"}
    assert fault_in_command(ask.SettleTopUp(**by, **TOP_UP)) is None


TICK = ask.Tick(command_id="tick", tenant_id="", actor="service:ticker")


def test_a_tick_is_no_tenants() -> None:
    assert fault_in_command(TICK) is None
    fault = fault_in_command(msgspec.structs.replace(TICK, tenant_id="t"))
    assert fault == "what is for a whole partition has no tenant_id"


@pytest.mark.parametrize("field", ["command_id", "actor"])
@pytest.mark.parametrize("text", NO_IDS)
def test_a_tick_names_itself_and_its_actor(field: str, text: str) -> None:
    """They are recorded in every event it causes."""
    assert fault_in_command(msgspec.structs.replace(TICK, **{field: text})) is not None
