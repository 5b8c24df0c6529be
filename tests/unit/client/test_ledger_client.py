"""The client sends what the contract asks for, and nothing that breaks it."""

from concurrent.futures import Future
from threading import Event
from unittest.mock import Mock

import pytest

from client.ledger_client import LedgerClient, OutsideContract
from eventlog.errors import LogUnavailable, NoAnswer
from eventlog.producer import Publication
from eventlog.records import Headers
from eventlog.settings import KafkaSettings
from ledger.commands import GrantCredit, Reply
from ledger.refusals import Refusal
from schemas import codec
from tests.usage import call

GRANT = GrantCredit(
    command_id="g-1", tenant_id="acme", actor="operator:x", reason="because", amount_micros=5
)
REFUSED = Reply(
    command_id="g-1", tenant_id="acme", event_id="e", recorded_at_ms=1, refusal=Refusal.closed
)


class Replies:
    """Answers every command with a refusal."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes, Headers]] = []
        self.failure: Exception | None = None
        self.closed = Event()

    def ask(
        self, key: bytes, value: bytes, timeout_s: float, headers: Headers, partition: int
    ) -> bytes:
        self.sent.append((key, value, headers))
        return codec.replies.encode(REFUSED)

    def close(self) -> None:
        self.closed.set()


class Publications:
    """Takes what is published."""

    def __init__(self) -> None:
        self.sent: list[Publication] = []

    def publish(self, publications: list[Publication]) -> int:
        self.sent += publications
        return len(publications)


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def publications() -> Publications:
    return Publications()


@pytest.fixture
def ledger(replies: Replies, publications: Publications) -> LedgerClient:
    return connected(LedgerClient(KafkaSettings("unused:1"), "voice"), replies, publications)


def connected(client: LedgerClient, replies: Replies, publications: Publications) -> LedgerClient:
    """It connects when first used; these are what it would connect to."""
    listening = Future[Replies]()
    listening.set_result(replies)
    client.__dict__.update(_replies=listening, _publisher=publications)
    return client


def test_an_answer_is_the_ledgers_a_refusal_too(ledger: LedgerClient) -> None:
    assert ledger.ask(GRANT) == REFUSED


def test_a_command_is_keyed_by_its_tenant_and_says_when_it_was_asked(
    ledger: LedgerClient, replies: Replies
) -> None:
    ledger.ask(GRANT, not_after_ms=1_795_462_605_787)
    [(key, value, headers)] = replies.sent
    assert key == b"acme"
    assert codec.asked.decode(value) == GRANT
    assert dict(headers)["not_after"] == b"1795462605787"
    assert dict(headers)["asked_at"].isdigit()


def test_a_router_that_hears_nothing_any_more_is_replaced(
    ledger: LedgerClient, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = Replies()
    monkeypatch.setattr("client.ledger_client.ReplyRouter", Mock(return_value=another))
    replies.failure = OSError("the log was cut")
    ledger.ask(GRANT)
    assert replies.closed.wait(10)
    assert len(another.sent) == 1


def test_all_that_goes_out_names_its_source(
    ledger: LedgerClient, replies: Replies, publications: Publications
) -> None:
    ledger.ask(GRANT)
    ledger.publish_usage([call()])
    assert dict(replies.sent[0][2])["source"] == b"voice"
    assert publications.sent[0].headers == [("source", b"voice")]


def test_without_a_source_nothing_is_named(replies: Replies, publications: Publications) -> None:
    client = connected(LedgerClient(KafkaSettings("unused:1")), replies, publications)
    client.ask(GRANT)
    client.publish_usage([call()])
    assert "source" not in dict(replies.sent[0][2])
    assert publications.sent[0].headers is None


def test_a_broker_that_is_not_reached_is_waited_for_no_longer_than_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connecting = Event()

    def connect(_: KafkaSettings) -> None:
        connecting.wait(10)

    monkeypatch.setattr("client.ledger_client.ReplyRouter", connect)
    client = LedgerClient(KafkaSettings("unused:1"))
    with pytest.raises(NoAnswer):
        client.ask(GRANT, timeout_s=0.05)
    connecting.set()


def test_what_is_connected_too_late_is_closed(
    replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = Event()

    def connect(_: KafkaSettings) -> Replies:
        goes_on.wait(10)
        return replies

    monkeypatch.setattr("client.ledger_client.ReplyRouter", connect)
    client = LedgerClient(KafkaSettings("unused:1"))
    with pytest.raises(NoAnswer):
        client.connect(timeout_s=0.05)
    client.close()
    goes_on.set()
    assert replies.closed.wait(10)


def test_who_cannot_hear_answers_is_told_and_tries_again(
    replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = Mock(side_effect=[OSError("not allowed"), replies])
    monkeypatch.setattr("client.ledger_client.ReplyRouter", router)
    client = LedgerClient(KafkaSettings("unused:1"))
    with pytest.raises(LogUnavailable, match="not allowed"):
        client.ask(GRANT)
    assert client.ask(GRANT) == REFUSED


def test_a_command_outside_its_contract_is_not_sent(ledger: LedgerClient, replies: Replies) -> None:
    wrong = GrantCredit(
        command_id="g-1", tenant_id="acme", actor="operator:x", reason="because", amount_micros=0
    )
    with pytest.raises(OutsideContract, match="amount_micros"):
        ledger.ask(wrong)
    assert replies.sent == []


def test_usage_is_keyed_by_its_tenant(ledger: LedgerClient, publications: Publications) -> None:
    assert ledger.publish_usage([call(), call(event_id="e-2")]) == 2
    first, second = publications.sent
    assert (first.topic, first.key) == ("usage.calls", b"acme")
    assert codec.calls.decode(second.value).event_id == "e-2"


def test_one_call_outside_its_contract_keeps_all_from_being_sent(
    ledger: LedgerClient, publications: Publications
) -> None:
    with pytest.raises(OutsideContract, match="'e-2': started_at"):
        ledger.publish_usage([call(), call(event_id="e-2", started_at=60_001)])
    assert publications.sent == []
