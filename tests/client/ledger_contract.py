"""What every ledger that a platform's code can be given must do: the real one and the scripted."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from client.errors import OutboxFull, OutsideContract
from client.interface import Ledger
from client.outbox import Delivery
from client.permission import Unanswered
from eventlog.errors import NoAnswer, Undelivered
from ledger.commands import AskToSpend, PlaceHold, VoidHold
from ledger.refusals import Refusal
from ledger.usage import Activity, AnyUsage, Tier
from tests.usage import CHAT, CRAWL, call, calls

PATIENCE_S = 20.0
HELD_MICROS = 900_000


class House(Protocol):
    """A ledger, and the world it stands in. Each tenant has a live project `clinic`."""

    def open(self, source: str | None = None) -> Ledger: ...
    def tenant(self, *, is_funded: bool) -> str: ...
    def fall_silent(self) -> None: ...
    def lose_broker(self) -> None: ...
    def recover(self) -> None: ...
    def published(self, tenant_id: str) -> list[AnyUsage]: ...


@dataclass
class Told:
    """What an outbox told, and how to ask for it."""

    deliveries: list[Delivery] = field(default_factory=list[Delivery])

    def acknowledged(self) -> list[str]:
        return [one.usage.event_id for one in self.deliveries if one.is_acknowledged]


def hold(tenant_id: str, hold_id: str = "h-1", cap_ms: int = 300_000) -> PlaceHold:
    return PlaceHold(
        command_id=hold_id,
        tenant_id=tenant_id,
        actor="service:voice",
        project_id="clinic",
        tier=Tier.STANDARD,
        duration_cap_ms=cap_ms,
    )


class LedgerContract:
    """Subclasses give the fixture `house`."""

    @pytest.fixture
    def ledger(self, house: House) -> Iterator[Ledger]:
        with house.open("voice") as ledger:
            yield ledger

    # ── Asking ──

    def test_a_call_that_can_be_paid_may_begin(self, house: House, ledger: Ledger) -> None:
        found = ledger.may_spend(
            hold(house.tenant(is_funded=True)),
            unanswered=Unanswered.FAIL_CLOSED,
            timeout_s=PATIENCE_S,
        )
        assert (found.is_allowed, found.is_answered, found.question_id) == (True, True, "h-1")
        assert found.held_micros == HELD_MICROS
        assert found.reply is not None
        assert (found.reply.expires_at_ms or 0) > found.reply.recorded_at_ms + 300_000

    def test_a_call_that_cannot_be_paid_may_not(self, house: House, ledger: Ledger) -> None:
        found = ledger.may_spend(
            hold(house.tenant(is_funded=False)),
            unanswered=Unanswered.FAIL_OPEN,
            timeout_s=PATIENCE_S,
        )
        assert (found.is_allowed, found.is_answered) == (False, True)
        assert (found.refusal, found.held_micros) == (Refusal.insufficient_funds, 0)

    def test_nothing_is_held_for_a_chat(self, house: House, ledger: Ledger) -> None:
        question = AskToSpend(
            command_id="a-1",
            tenant_id=house.tenant(is_funded=True),
            actor="service:voice",
            project_id="clinic",
            activity=Activity.CHAT,
        )
        found = ledger.may_spend(question, unanswered=Unanswered.FAIL_CLOSED, timeout_s=PATIENCE_S)
        assert (found.is_allowed, found.is_answered, found.held_micros) == (True, True, 0)

    def test_the_same_question_gets_the_first_answer(self, house: House, ledger: Ledger) -> None:
        tenant = house.tenant(is_funded=True)
        first = ledger.ask(hold(tenant), PATIENCE_S)
        assert ledger.ask(hold(tenant), PATIENCE_S) == first
        assert first.refusal is None

    def test_another_question_under_the_same_id_is_a_conflict(
        self, house: House, ledger: Ledger
    ) -> None:
        tenant = house.tenant(is_funded=True)
        first = ledger.ask(hold(tenant), PATIENCE_S)
        assert ledger.ask(hold(tenant, cap_ms=600_000), PATIENCE_S).refusal is Refusal.conflict
        assert ledger.ask(hold(tenant), PATIENCE_S) == first

    def test_a_hold_is_given_back(self, house: House, ledger: Ledger) -> None:
        tenant = house.tenant(is_funded=True)
        ledger.ask(hold(tenant), PATIENCE_S)
        given_back = VoidHold(
            command_id="v-1", tenant_id=tenant, actor="service:voice", hold_id="h-1"
        )
        assert ledger.ask(given_back, PATIENCE_S).refusal is None

    def test_many_ask_at_once_from_an_event_loop(self, house: House, ledger: Ledger) -> None:
        tenant = house.tenant(is_funded=True)

        async def ask_all() -> list[bool]:
            asked = [
                asyncio.to_thread(
                    ledger.may_spend,
                    hold(tenant, f"h-{number}"),
                    unanswered=Unanswered.FAIL_CLOSED,
                    timeout_s=PATIENCE_S,
                )
                for number in range(8)
            ]
            return [found.is_allowed for found in await asyncio.gather(*asked)]

        assert asyncio.run(ask_all()) == [True] * 8

    def test_a_question_outside_its_contract_is_not_asked(self, ledger: Ledger) -> None:
        with pytest.raises(OutsideContract, match="duration_cap_ms"):
            ledger.may_spend(hold("acme", cap_ms=0), unanswered=Unanswered.FAIL_OPEN)

    # ── No answer ──

    @pytest.mark.parametrize("unanswered", Unanswered)
    def test_without_an_answer_it_is_as_the_asker_said(
        self, house: House, ledger: Ledger, unanswered: Unanswered
    ) -> None:
        tenant = house.tenant(is_funded=True)
        house.fall_silent()
        found = ledger.may_spend(hold(tenant), unanswered=unanswered, timeout_s=0.5)
        assert (found.is_allowed, found.is_answered) == (unanswered is Unanswered.FAIL_OPEN, False)
        assert found.no_answer

    def test_who_asks_outright_hears_that_there_is_no_answer(
        self, house: House, ledger: Ledger
    ) -> None:
        tenant = house.tenant(is_funded=True)
        house.fall_silent()
        with pytest.raises(NoAnswer):
            ledger.ask(hold(tenant), timeout_s=0.2)

    def test_an_answer_can_be_had_once_there_are_answers_again(
        self, house: House, ledger: Ledger
    ) -> None:
        tenant = house.tenant(is_funded=True)
        house.fall_silent()
        assert not ledger.may_spend(
            hold(tenant), unanswered=Unanswered.FAIL_OPEN, timeout_s=0.2
        ).is_answered
        house.recover()
        assert ledger.ask(hold(tenant), PATIENCE_S).amount_micros == HELD_MICROS

    # ── Publishing ──

    def test_usage_is_published(self, house: House, ledger: Ledger) -> None:
        assert ledger.publish_usage([call("e-1", "published"), CRAWL, CHAT]) == 3
        assert house.published("published") == [call("e-1", "published")]

    def test_usage_outside_its_contract_is_not(self, house: House, ledger: Ledger) -> None:
        with pytest.raises(OutsideContract, match="'e-2'"):
            ledger.publish_usage([call("e-1", "wrong"), call("e-2", "wrong", user_turns=-1)])
        assert house.published("wrong") == []

    def test_a_source_that_names_nobody_is_refused(self, house: House) -> None:
        for source in ("", "x" * 65, "voice\n", "stimme-ü"):
            with pytest.raises(OutsideContract, match="source"):
                house.open(source)

    def test_usage_that_was_not_acknowledged_is_named(self, house: House, ledger: Ledger) -> None:
        house.lose_broker()
        with pytest.raises(Undelivered) as raised:
            ledger.publish_usage(calls("undelivered", range(2)))
        assert [place for place, _ in raised.value.failures] == [0, 1]

    # ── The outbox ──

    def test_what_is_put_is_acknowledged_told_and_there(self, house: House, ledger: Ledger) -> None:
        told = Told()
        with ledger.outbox(full_wait_s=0.0, on_delivery=told.deliveries.append) as box:
            assert box.put(calls("put", range(20))) == 20
            assert box.flush(PATIENCE_S) == 0
            assert told.acknowledged() == [f"put-{number}" for number in range(20)]
        assert house.published("put") == calls("put", range(20))

    def test_what_is_put_while_the_broker_is_away_arrives_when_it_is_back(
        self, house: House, ledger: Ledger, tmp_path: Path
    ) -> None:
        told = Told()
        house.lose_broker()
        with ledger.outbox(
            tmp_path / "spool", full_wait_s=0.0, on_delivery=told.deliveries.append
        ) as box:
            box.put(calls("away", range(20)))
            assert box.flush(0.2) == 20
            assert box.state().waiting == 20
            assert told.deliveries == []
            house.recover()
            assert box.flush(PATIENCE_S) == 0
        assert told.acknowledged() == [f"away-{number}" for number in range(20)]
        assert house.published("away") == calls("away", range(20))

    def test_a_full_outbox_refuses(self, house: House, ledger: Ledger) -> None:
        house.lose_broker()
        with ledger.outbox(full_wait_s=0.1, waiting_max=2) as box:
            box.put(calls("full", range(2)))
            with pytest.raises(OutboxFull):
                box.put(calls("full", range(2, 3)))
            house.recover()
            assert box.flush(PATIENCE_S) == 0
            assert box.put(calls("full", range(2, 3))) == 1
        assert house.published("full") == calls("full", range(3))

    def test_what_is_left_at_the_end_goes_out_with_the_next_outbox(
        self, house: House, ledger: Ledger, tmp_path: Path
    ) -> None:
        told = Told()
        house.lose_broker()
        box = ledger.outbox(tmp_path, full_wait_s=0.0, on_delivery=told.deliveries.append)
        box.put(calls("left", range(3)))
        assert box.close(0.1) == 3
        assert [one.is_acknowledged for one in told.deliveries] == [False] * 3
        house.recover()
        with ledger.outbox(tmp_path, full_wait_s=0.0) as box:
            assert box.flush(PATIENCE_S) == 0
        assert house.published("left") == calls("left", range(3))
