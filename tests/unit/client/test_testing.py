"""The scripted ledger keeps the contract of the real one, and answers as it is told."""

from pathlib import Path

import pytest

from client.errors import OutsideContract
from client.interface import Ledger
from client.permission import Unanswered
from client.testing import Allow, Answer, Refuse, ScriptedLedger, Silence
from eventlog.errors import NoAnswer
from ledger.commands import Command, PlaceHold
from ledger.refusals import Refusal
from ledger.usage import AnyUsage
from tests.client.ledger_contract import HELD_MICROS, LedgerContract, hold
from tests.usage import call


class ScriptedHouse:
    """A scripted ledger, with a script that knows who has money."""

    def __init__(self) -> None:
        self._ledger = ScriptedLedger()
        self._is_silent = False

    def open(self, source: str | None = None) -> Ledger:
        self._ledger = ScriptedLedger(source, self._script)
        return self._ledger

    def _script(self, command: Command) -> Answer:
        if self._is_silent:
            return Silence()
        if command.tenant_id == "poor":
            return Refuse(Refusal.insufficient_funds)
        return Allow(HELD_MICROS if isinstance(command, PlaceHold) else 0)

    def tenant(self, *, is_funded: bool) -> str:
        return "rich" if is_funded else "poor"

    def fall_silent(self) -> None:
        self._is_silent = True

    def lose_broker(self) -> None:
        self._ledger.go_away()

    def recover(self) -> None:
        self._is_silent = False
        self._ledger.come_back()

    def published(self, tenant_id: str) -> list[AnyUsage]:
        return [one for one in self._ledger.published if one.tenant_id == tenant_id]


class TestScriptedLedger(LedgerContract):
    """The cases that the real client passes too."""

    @pytest.fixture
    def house(self) -> ScriptedHouse:
        return ScriptedHouse()


@pytest.mark.parametrize("refusal", Refusal)
def test_any_refusal_can_be_rehearsed(refusal: Refusal) -> None:
    ledger = ScriptedLedger()
    ledger.answer_next(Refuse(refusal))
    found = ledger.may_spend(hold("acme"), unanswered=Unanswered.FAIL_OPEN)
    assert (found.is_allowed, found.refusal) == (False, refusal)


def test_answers_are_given_in_the_order_they_were_said_and_then_by_the_script() -> None:
    ledger = ScriptedLedger()
    ledger.answer_next(Silence(), Refuse(Refusal.arrears), Allow(5))
    with pytest.raises(NoAnswer):
        ledger.ask(hold("acme", "h-1"))
    assert ledger.ask(hold("acme", "h-1")).refusal is Refusal.arrears
    assert ledger.ask(hold("acme", "h-2")).amount_micros == 5
    assert ledger.ask(hold("acme", "h-3")).amount_micros == 0


def test_what_was_asked_is_seen_repeats_too() -> None:
    ledger = ScriptedLedger()
    ledger.ask(hold("acme"))
    ledger.ask(hold("acme"))
    assert ledger.asked == [hold("acme"), hold("acme")]


def test_a_broker_that_is_away_answers_nobody() -> None:
    ledger = ScriptedLedger()
    ledger.go_away()
    with pytest.raises(NoAnswer):
        ledger.connect()
    with pytest.raises(NoAnswer):
        ledger.ask(hold("acme"))
    assert ledger.asked == []
    ledger.come_back()
    ledger.connect()


def test_no_test_waits_for_an_answer_that_is_not_coming() -> None:
    ledger = ScriptedLedger(script=lambda _: Silence())
    found = ledger.may_spend(hold("acme"), unanswered=Unanswered.FAIL_OPEN, timeout_s=3_600)
    assert (found.is_allowed, found.is_answered) == (True, False)


def test_usage_that_breaks_the_contract_is_found_before_production_does(tmp_path: Path) -> None:
    ledger = ScriptedLedger("voice")
    with ledger.outbox(tmp_path, full_wait_s=0.0) as box, pytest.raises(OutsideContract):
        box.put([call(ended_at=-1)])
    assert ledger.published == []
