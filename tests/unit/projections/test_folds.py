"""What each read model makes of a wallet's events; the events are those the core decides."""

import pytest

from ledger.errors import BrokenLog
from ledger.money import format_usd
from projections import holds, wallets
from projections.logged import Logged
from tests.unit.ledger.scenario import TENANT, Scenario
from tests.unit.projections.folded import Folded


def dollars(micros: int) -> str:
    return format_usd(micros).replace("$", "")


# What happened, and the wallet's row then: funds, held, arrears, credit used, available, balance.
WALLETS = [
    ("top up 20.00", "20.00 0.00 0.00 0.00 20.00 20.00"),
    ("grant 1.00, grant 2.00", "3.00 0.00 0.00 0.00 3.00 3.00"),
    ("top up 20.00, adjust -0.50", "19.50 0.00 0.00 0.00 19.50 19.50"),
    ("top up 20.00, adjust 0.50", "20.50 0.00 0.00 0.00 20.50 20.50"),
    ("grant 2.00, hold standard", "2.00 0.90 0.00 0.00 1.10 2.00"),
    ("grant 2.00, hold standard as h1, void h1", "2.00 0.00 0.00 0.00 2.00 2.00"),
    ("grant 2.00, hold standard, wait 21:00, tick", "2.00 0.00 0.00 0.00 2.00 2.00"),
    ("grant 2.00, hold standard as h1, call real for h1", "1.40 0.00 0.00 0.00 1.40 1.40"),
    (
        "grant 2.00, hold standard as h1, call real for h1 ended 91d ago",
        "2.00 0.00 0.00 0.00 2.00 2.00",
    ),
    ("grant 0.50, call real", "0.00 0.00 0.10 0.00 0.00 0.00"),
    ("grant 0.50, call real, grant 1.00", "0.90 0.00 0.00 0.00 0.90 0.90"),
    # Tokens count as held as far as there is something, whenever it came.
    ("chat 1000000 0, grant 2.00", "2.00 0.50 0.00 0.00 1.50 2.00"),
    ("chat 1000000 0, grant 0.30", "0.30 0.30 0.00 0.00 0.00 0.30"),
    ("grant 0.30, chat 1000000 0, grant 1.00, tick", "1.30 0.50 0.00 0.00 0.80 1.30"),
    ("chat 1000000 0, grant 2.00, wait 1:06:00, tick", "1.50 0.00 0.00 0.00 1.50 1.50"),
    ("sandbox, chat 1000000 0, grant 2.00", "2.00 0.00 0.00 0.00 2.00 2.00"),
    ("grant 2.00, chat 1000000 0 as u, chat 0 0 of u withdrawn", "2.00 0.00 0.00 0.00 2.00 2.00"),
    ("terms postpay 10.00, call success", "0.00 0.00 0.00 0.90 9.10 -0.90"),
    ("terms postpay 10.00, call success, terms prepaid", "0.00 0.00 0.00 0.90 0.00 -0.90"),
    ("sandbox, grant 1.00, hold standard, call success", "1.00 0.00 0.00 0.00 1.00 1.00"),
]


@pytest.mark.parametrize(("happened", "expected"), WALLETS)
def test_a_wallet_has_the_figures_that_its_events_add_up_to(happened: str, expected: str) -> None:
    wallet = Folded(Scenario(happened).events).wallets[TENANT]
    names = ("funds", "counts_as_held", "arrears", "credit_used", "available", "balance")
    shown = " ".join(dollars(getattr(wallet, f"{name}_micros")) for name in names)
    assert shown == expected


def test_a_wallet_knows_its_last_event_and_when_it_was_opened() -> None:
    scenario = Scenario("grant 1.00, wait 1:00, grant 1.00")
    wallet = Folded(scenario.events).wallets[TENANT]
    assert wallet.sequence == scenario.wallet.version
    assert wallet.recorded_at_ms == scenario.now_ms
    assert wallet.opened_at_ms == scenario.now_ms - 60_000


def test_a_tenant_of_whom_only_a_refusal_is_known_is_not_open() -> None:
    wallet = Folded(Scenario("new, grant 1.00").events).wallets[TENANT]
    assert (wallet.sequence, wallet.opened_at_ms) == (1, None)


@pytest.mark.parametrize("dropped", [0, 1], ids=["a gap", "a repeat"])
def test_a_sequence_with_a_gap_or_a_repeat_is_a_broken_log(dropped: int) -> None:
    _, opened, project, granted = Scenario("grant 1.00").events
    events = [opened, granted] if dropped else [opened, project, project]
    with pytest.raises(BrokenLog, match="came after"):
        wallets.fold([Logged(0, event) for event in events], {}, {}, {})


# What happened, and the history then: kind, movement, balance after it, what stayed owed.
MOVEMENTS = [
    ("top up 20.00", ["TOP_UP 20.00 20.00 0.00"]),
    ("grant 1.00, adjust -0.25", ["GRANT 1.00 1.00 0.00", "ADJUSTMENT -0.25 0.75 0.00"]),
    ("grant 1.00, call real", ["GRANT 1.00 1.00 0.00", "CALL -0.60 0.40 0.00"]),
    ("grant 0.50, call real", ["GRANT 0.50 0.50 0.00", "CALL -0.50 0.00 0.10"]),
    (
        "call spam, call real, grant 0.30",
        [
            "CALL 0.00 0.00 0.10",
            "CALL 0.00 0.00 0.60",
            "GRANT 0.30 0.30 0.00",
            "ARREARS_COLLECTED -0.10 0.20 -0.10",
            "ARREARS_COLLECTED -0.20 0.00 -0.20",
        ],
    ),
    ("terms postpay 10.00, call success", ["CALL -0.90 -0.90 0.00"]),
    ("grant 1.00, hold standard as h1, void h1", ["GRANT 1.00 1.00 0.00"]),
]


@pytest.mark.parametrize(("happened", "expected"), MOVEMENTS)
def test_the_history_shows_every_movement_and_the_balance_after_it(
    happened: str, expected: list[str]
) -> None:
    rows = Folded(Scenario(happened).events).movements
    shown = [
        " ".join(
            [
                row.kind,
                dollars(row.movement_micros),
                dollars(row.balance_after_micros),
                dollars(row.arrears_micros),
            ]
        )
        for row in rows
    ]
    assert shown == expected


def test_a_simulated_charge_is_in_the_history_with_its_price_and_moves_nothing() -> None:
    *_, row = Folded(Scenario("sandbox, grant 1.00, call success").events).movements
    assert row.is_simulated
    assert (row.amount_micros, row.movement_micros, row.arrears_micros) == (900_000, 0, 0)
    assert row.balance_after_micros == 1_000_000


def test_a_charge_in_the_history_says_what_priced_it() -> None:
    call = "grant 9.00, call success lasting 7:10 cap 10:00"
    *_, row = Folded(Scenario(call).events).movements
    assert (row.call_id, row.tier, row.outcome) == ("call", "STANDARD", "SUCCESS")
    assert (row.card_id, row.card_version) == ("default", 1)
    assert [(line.line, line.quantity) for line in row.lines or ()] == [
        ("calls.standard.success", 1),
        ("calls.standard.overage_minute", 3),
    ]


def test_the_lines_of_one_event_are_numbered() -> None:
    rows = Folded(Scenario("call spam, call real, grant 0.30").events).movements
    assert [row.line for row in rows] == [0, 0, 0, 0, 1]


# What happened to holds, and their states then, the newest last.
HOLDS = [
    ("grant 1.00, hold standard", ["OPEN"]),
    ("hold standard", ["REFUSED insufficient_funds"]),
    ("grant 1.00, hold standard as h1, void h1", ["VOIDED"]),
    ("grant 1.00, hold standard, wait 21:00, tick", ["EXPIRED"]),
    ("grant 1.00, hold standard as h1, call spam for h1 as u7", ["CAPTURED u7"]),
    ("grant 1.00, hold standard as h1, call spam for h1 as u7 ended 91d ago", ["CAPTURED u7"]),
    ("grant 1.00, call spam for h1, hold standard as h1", ["CAPTURED"]),
    ("sandbox, hold standard as h1, call spam for h1 as u7", ["CAPTURED u7"]),
    ("grant 1.00, hold standard as h1, again otherwise", ["OPEN", "REFUSED conflict"]),
    (
        "grant 1.00, hold standard as h1, again otherwise, void h1",
        ["VOIDED", "REFUSED conflict"],
    ),
]


@pytest.mark.parametrize(("happened", "expected"), HOLDS)
def test_a_hold_is_in_the_state_that_its_last_event_left(
    happened: str, expected: list[str]
) -> None:
    rows = Folded(Scenario(happened).events).holds.values()
    assert [
        " ".join(filter(None, [row.state, row.refusal, row.usage_event_id])) for row in rows
    ] == expected


def test_a_hold_that_ended_knows_when() -> None:
    scenario = Scenario("grant 1.00, hold standard as h1, wait 1:00, void h1")
    [row] = Folded(scenario.events).holds.values()
    assert row.amount_micros == 900_000
    assert row.ended_at_ms == row.recorded_at_ms + 60_000 == scenario.now_ms


def test_ending_a_hold_that_is_not_open_is_a_broken_log() -> None:
    *_, voided = Scenario("grant 1.00, hold standard as h1, void h1").events
    with pytest.raises(BrokenLog, match="no open hold h1"):
        holds.fold([Logged(7, voided)], holds.nothing(), lambda _: {})


def test_usage_is_counted_by_day_project_outcome_tier_and_mode() -> None:
    calls = (
        "grant 9.00, call real, call real, call real ended 1d ago, call success tier premium,"
        " call spam on club, call success lasting 7:10 cap 10:00"
    )
    days = Folded(Scenario(calls).events).usage_days.values()
    assert [
        " ".join(
            [
                str(day.day),
                day.project_id,
                str(day.tier),
                str(day.outcome),
                "simulated" if day.is_simulated else "live",
                f"{day.charges} calls, {day.overage_minutes} min, {dollars(day.amount_micros)}",
            ]
        )
        for day in days
    ] == [
        "2026-01-15 shop STANDARD REAL_CONVERSATION live 2 calls, 0 min, 1.20",
        "2026-01-14 shop STANDARD REAL_CONVERSATION simulated 1 calls, 0 min, 0.60",
        "2026-01-15 shop PREMIUM SUCCESS live 1 calls, 0 min, 1.50",
        "2026-01-15 club STANDARD SPAM_OR_SILENT simulated 1 calls, 0 min, 0.10",
        "2026-01-15 shop STANDARD SUCCESS live 1 calls, 3 min, 1.26",
    ]


# What happened to the project, and its row then.
PROJECTS = [
    ("sandbox", "SANDBOX from 0 min, opened"),
    ("sandbox, wait 5:00, go live", "LIVE from 5 min, opened"),
    ("sandbox, go live, wait 5:00, go back", "SANDBOX from 5 min, opened"),
    ("new, call real", "SANDBOX from 0 min, seen in passing"),
]


@pytest.mark.parametrize(("happened", "expected"), PROJECTS)
def test_a_project_has_the_mode_it_was_switched_to_last(happened: str, expected: str) -> None:
    [row] = Folded(Scenario(happened).events).projects.values()
    minutes = (row.mode_from_ms - row.opened_at_ms) // 60_000
    how = "seen in passing" if row.seen_in_passing else "opened"
    assert f"{row.mode} from {minutes} min, {how}" == expected


EVERYTHING = (
    "top up 20.00, hold standard as h1, hold standard as h2, call success for h1, void h2,"
    " hold standard, adjust -18.00, call success, call success, wait 21:00, tick, grant 5.00,"
    " go back, call success, terms postpay 3.00, call real on club"
)


@pytest.mark.parametrize("batch_size", [2, 3, 7, 1_000])
def test_rows_do_not_depend_on_where_batches_are_cut(batch_size: int) -> None:
    events = Scenario(EVERYTHING).events
    one_by_one, at_once = Folded(events), Folded(events, batch_size)
    assert vars(one_by_one) == vars(at_once)
