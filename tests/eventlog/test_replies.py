"""Asking, and hearing only the answers to one's own questions."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventlog.errors import LogUnavailable, NoAnswer, Undelivered
from eventlog.producer import Publication, Publisher
from eventlog.reader import Follower, read_to_end
from eventlog.replies import CORRELATION_ID, INSTANCE_ID, ReplyRouter
from eventlog.settings import KafkaSettings
from tests.eventlog.harness import PARTITIONS
from tests.eventlog.tally import COMMANDS, REPLIES

pytestmark = pytest.mark.stack

TIMEOUT_S = 10.0


class Echo:
    """Answers every command with its own value, after an answer that looks alike."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._publisher = Publisher(kafka)
        self._follower = Follower(kafka, COMMANDS, dict.fromkeys(range(PARTITIONS), 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._follower.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            for record in self._follower.poll(100, 0.1):
                headers = dict(record.headers() or [])
                of_another = [(CORRELATION_ID, headers[CORRELATION_ID]), (INSTANCE_ID, b"other")]
                value = record.value() or b""
                self._publisher.publish(
                    [
                        Publication(REPLIES, record.key(), b"wrong", of_another),
                        Publication(REPLIES, record.key(), b"wrong"),
                        Publication(REPLIES, record.key(), value, list(headers.items())),
                    ]
                )


def test_a_question_gets_its_own_answer(kafka: KafkaSettings) -> None:
    with ReplyRouter(kafka) as router, Echo(kafka):
        assert router.ask(b"someone", b"hello", TIMEOUT_S) == b"hello"


def test_many_ask_at_once(kafka: KafkaSettings) -> None:
    questions = [str(number).encode() for number in range(50)]
    with ReplyRouter(kafka) as router, Echo(kafka), ThreadPoolExecutor(10) as askers:
        asked = [askers.submit(router.ask, question, question, TIMEOUT_S) for question in questions]
        assert [answer.result() for answer in asked] == questions


def test_answers_of_an_earlier_router_are_not_heard(kafka: KafkaSettings) -> None:
    with ReplyRouter(kafka) as router, Echo(kafka):
        router.ask(b"someone", b"before", TIMEOUT_S)
    with ReplyRouter(kafka) as router, Echo(kafka):
        assert router.ask(b"someone", b"after", TIMEOUT_S) == b"after"


def test_headers_of_the_command_go_with_it(kafka: KafkaSettings) -> None:
    with ReplyRouter(kafka) as router, pytest.raises(NoAnswer):
        router.ask(b"someone", b"hello", 0.5, [("not_after", b"7")])
    [command] = [r for number in range(PARTITIONS) for r in read_to_end(kafka, COMMANDS, number)]
    assert (command.headers() or [])[0] == ("not_after", b"7")


def test_time_runs_out(kafka: KafkaSettings) -> None:
    with ReplyRouter(kafka) as router, pytest.raises(NoAnswer, match="no reply within"):
        router.ask(b"someone", b"hello", 0.2)


def test_a_command_that_is_not_taken_is_not_waited_for(kafka: KafkaSettings) -> None:
    with ReplyRouter(kafka) as router, pytest.raises(Undelivered):
        router.ask(b"someone", bytes(300_000), TIMEOUT_S)


def test_without_topics_nobody_can_ask(no_topics: KafkaSettings) -> None:
    with pytest.raises(LogUnavailable):
        ReplyRouter(no_topics)
