"""Asks the processor and waits for its answer: a command goes out, a reply comes back by headers.

Every router reads all partitions of the replies, without a group, from where they ended before
its first command; it picks out its own by instance, and the one asked for by correlation.
"""

import itertools
import threading
import uuid
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from eventlog import topics
from eventlog.admin import Admin
from eventlog.arrivals import poll_batch, sort_out
from eventlog.errors import LogUnavailable, NoAnswer, Undelivered
from eventlog.producer import BY_KEY
from eventlog.records import Headers, InputRecord, LibraryHeaders
from eventlog.settings import KafkaSettings, assigned_consumer, plain_producer

CORRELATION_ID = "correlation_id"
INSTANCE_ID = "instance_id"

POLL_RECORDS = 1_000
POLL_S = 0.1


class ReplyRouter:
    """Any number of threads may ask at once; one thread of its own listens."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises LogUnavailable if there are no replies to read."""
        self._commands = kafka.topic(topics.WALLET_COMMANDS.name)
        self._instance_id = uuid.uuid4().hex.encode()
        self._numbers = itertools.count(1)
        self._awaited: dict[bytes, Future[bytes]] = {}
        self._failure: Exception | None = None
        self._closing = threading.Event()
        self._producer = Producer(plain_producer(kafka))
        self._consumer = Consumer(assigned_consumer(kafka, kafka.group("replies")))
        # Numbers, known before the first command: its reply can only lie behind them.
        self._consumer.assign(_ends(kafka))
        self._listener = threading.Thread(target=self._listen, name="replies", daemon=True)
        self._listener.start()

    @property
    def failure(self) -> Exception | None:
        """Why no reply will ever be heard again, if so: start another router."""
        return self._failure

    def ask(
        self,
        key: bytes | None,
        value: bytes,
        timeout_s: float,
        headers: Headers | None = None,
        partition: int = BY_KEY,
    ) -> bytes:
        """Publish a command with these and the router's own headers; return its reply's value.

        Raises NoAnswer when the time is up. The command may be decided all the same: the same
        value, with the command's id in it, can be asked again and gets the same answer.
        Raises Undelivered if the broker refused the command.
        """
        if self._failure is not None:
            raise NoAnswer("replies are no longer heard") from self._failure
        correlation_id = b"%d" % next(self._numbers)
        answer = self._awaited[correlation_id] = Future[bytes]()
        try:
            all_headers = [*(headers or []), (CORRELATION_ID, correlation_id)]
            self._publish(key, value, all_headers, partition, answer)
            return answer.result(timeout_s)
        except TimeoutError as error:
            raise NoAnswer(f"no reply within {timeout_s} s") from error
        finally:
            del self._awaited[correlation_id]

    def close(self) -> None:
        """Stop listening; who still waits gets NoAnswer when the time is up."""
        self._closing.set()
        self._listener.join()
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _publish(
        self,
        key: bytes | None,
        value: bytes,
        headers: Headers,
        partition: int,
        answer: Future[bytes],
    ) -> None:
        try:
            self._producer.produce(
                self._commands,
                value,
                key,
                partition,
                headers=cast(LibraryHeaders, [*headers, (INSTANCE_ID, self._instance_id)]),
                on_delivery=partial(_note_failure, answer),
            )
        except (BufferError, KafkaException) as error:
            raise Undelivered([(0, str(error))]) from error

    def _listen(self) -> None:
        try:
            while not self._closing.is_set():
                self._producer.poll(0)
                replies, _ = sort_out(poll_batch(self._consumer, POLL_RECORDS, POLL_S))
                for reply in replies:
                    self._hand_over(reply)
        except Exception as error:  # noqa: BLE001 - a thread's end would go unnoticed
            self._failure = error
            for answer in list(self._awaited.values()):
                _fail(answer, error)

    def _hand_over(self, reply: InputRecord) -> None:
        headers = dict(reply.headers() or [])
        if headers.get(INSTANCE_ID) == self._instance_id:
            answer = self._awaited.get(headers.get(CORRELATION_ID, b""))
            # A command that was sent twice is answered twice.
            if answer is not None and not answer.done():
                answer.set_result(reply.value() or b"")


def _ends(kafka: KafkaSettings) -> list[TopicPartition]:
    name = kafka.topic(topics.WALLET_REPLIES.name)
    partitions = topics.partition_count(kafka, topics.WALLET_REPLIES.name)
    if partitions == 0:
        raise LogUnavailable(f"there is no topic {name}")
    ends = Admin(kafka).committed_ends((name, number) for number in range(partitions))
    return [TopicPartition(name, number, end) for (_, number), end in ends.items()]


def _note_failure(answer: Future[bytes], error: KafkaError | None, _command: Message) -> None:
    if error is not None:
        _fail(answer, Undelivered([(0, error.str())]))


def _fail(answer: Future[bytes], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
