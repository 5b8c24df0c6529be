"""A client that asks a broker that is gone, for ever, is not asked again."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from eventlog import admin
from eventlog.admin import Admin
from eventlog.errors import LogUnavailable
from eventlog.settings import KafkaSettings


class Answer:
    """The end of a partition."""

    offset = 7


class Client:
    """Answers about topics and about offsets, or never."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.error: int | None = None
        self.asked: list[str] = []

    def poll(self, timeout_s: float) -> None:
        """There is nothing to tell."""

    def describe_topics(self, topics: object) -> Mapping[str, "Future[Any]"]:
        self.asked.append("topics")
        return {"log": self._future("described")}

    def list_offsets(
        self, asked: Mapping[TopicPartition, object], **_: object
    ) -> Mapping[TopicPartition, "Future[Any]"]:
        self.asked.append("offsets")
        return {place: self._future(Answer()) for place in asked}

    def _future(self, answer: object) -> "Future[Any]":
        future = Future[Any]()
        if self.error is not None:
            future.set_exception(KafkaException(KafkaError(self.error)))
        elif self.answers:
            future.set_result(answer)
        return future


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """Those that an `Admin` makes, the first of which never answers."""
    made: list[Client] = []

    def connect(_: Admin) -> AdminClient:
        made.append(Client(answers=len(made) > 0))
        return cast(AdminClient, made[-1])

    monkeypatch.setattr(Admin, "_connect", connect)
    monkeypatch.setattr(admin, "ANSWER_S", 0.02)
    return made


def test_another_client_is_asked_about_topics(clients: list[Client]) -> None:
    assert Admin(KafkaSettings("unused:1"), 5.0).describe(["log"]) == {"log": "described"}
    assert [client.asked for client in clients] == [["topics"], ["topics"]]


def test_another_client_is_asked_for_offsets(clients: list[Client]) -> None:
    asking = Admin(KafkaSettings("unused:1"), 5.0)
    assert asking.ends([("log", 0)]) == {("log", 0): 7}
    clients[-1].answers = False
    assert asking.ends([("log", 0)]) == {("log", 0): 7}
    assert [client.asked for client in clients] == [
        ["topics"],
        ["topics", "offsets", "offsets"],
        ["topics", "offsets"],
    ]


@pytest.mark.parametrize("error", [KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH])
def test_another_client_is_asked_where_one_knows_another_leader_than_the_broker(
    clients: list[Client], error: int
) -> None:
    asking = Admin(KafkaSettings("unused:1"), 5.0)
    assert asking.ends([("log", 0)]) == {("log", 0): 7}
    clients[-1].error = error
    assert asking.ends([("log", 0)]) == {("log", 0): 7}
    assert len(clients) == 3


def test_one_whose_patience_is_short_has_another_client_the_next_time(
    clients: list[Client],
) -> None:
    brief = Admin(KafkaSettings("unused:1"), 0.01)
    with pytest.raises(LogUnavailable):
        brief.describe(["log"])
    assert brief.describe(["log"]) == {"log": "described"}
