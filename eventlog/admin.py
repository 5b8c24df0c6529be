"""Questions to the broker's administration, with types that the library's own client lacks."""

# The library exports these names without declaring so, and its futures say not what they hold.
# pyright: reportPrivateImportUsage=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from confluent_kafka import (
    OFFSET_INVALID,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    ConfigEntry,
    ConfigResource,
    ConsumerGroupDescription,
    DescribeClusterResult,
    ListOffsetsResultInfo,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicDescription,
)

from eventlog.access import is_refused, refusal
from eventlog.errors import LogUnavailable
from eventlog.settings import KafkaSettings, any_client, assigned_consumer

PATIENCE_S = 30.0
RETRY_S = 0.05
OFFSETS_S = 1.0
ANSWER_S = 5.0
"""A client may ask a broker that is gone for ever, whatever time it was given to answer."""
"""After so long a leader that was asked for offsets counts as gone; a busy one is asked again."""

OUTDATED = {"FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"}
"""The client knows an earlier leader, or a later one than the broker; another one has to ask."""

PASSING = {
    *OUTDATED,
    "NOT_LEADER_FOR_PARTITION",
    "OFFSET_NOT_AVAILABLE",
    "LEADER_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "COORDINATOR_NOT_AVAILABLE",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "UNSTABLE_OFFSET_COMMIT",
    "_TRANSPORT",
    "_TIMED_OUT",
    "_WAIT_COORD",
}
"""A partition or group is on its way to another broker, or was just made."""

K = TypeVar("K")
V = TypeVar("V")

Place = tuple[str, int]
"""A partition of a topic, by the broker's name."""


def error_of(exception: KafkaException) -> KafkaError:
    """What the library hides in its exception."""
    return cast(KafkaError, exception.args[0])


REFUSAL_S = 0.1
"""How soon it shows that a broker does not let us in."""


class _LeaderGone(KafkaException):
    """A partition's leader, as the client knows it, has no answer."""

    def __init__(self) -> None:
        super().__init__(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))


class Admin:
    """One connection to the broker's administration; threads may share one.

    Every method raises LogUnavailable when the broker has no answer within `patience_s`,
    AccessRefused when it does not let us in, and KafkaException when the answer is no.
    """

    def __init__(self, kafka: KafkaSettings, patience_s: float = PATIENCE_S) -> None:
        self._kafka = kafka
        # A list, not a method of ours: that would keep a client, with its threads, from its end.
        self._told: list[KafkaError] = []
        self._client = self._connect()
        self._patience_s = patience_s
        self._met: set[str] = set()

    def cluster_id(self) -> str:
        """The broker's id of the cluster: another id is another log."""

        def ask() -> dict[str, Future[DescribeClusterResult]]:
            return {"the cluster": self._client.describe_cluster()}

        return str(self._answers(ask)["the cluster"].cluster_id)

    def brokers(self) -> dict[int, str]:
        """The address of each broker that the cluster knows to be up, by its id."""

        def ask() -> dict[str, Future[DescribeClusterResult]]:
            return {"the cluster": self._client.describe_cluster()}

        nodes = self._answers(ask)["the cluster"].nodes
        return {node.id: f"{node.host}:{node.port}" for node in nodes}

    def owners(self, group: str) -> dict[Place, str]:
        """Which host a group gave each partition to; {} for a group that was never joined."""

        def ask() -> dict[str, Future[ConsumerGroupDescription]]:
            return self._client.describe_consumer_groups([group])

        return {
            (place.topic, place.partition): member.host.lstrip("/")
            for described in self._answers(ask, besides=KafkaError.GROUP_ID_NOT_FOUND).values()
            for member in described.members
            for place in member.assignment.topic_partitions
        }

    def create(self, topics: Sequence[NewTopic]) -> list[str]:
        """Make the topics that do not exist; the names of those made."""

        def ask() -> dict[str, Future[None]]:
            return self._client.create_topics(list(topics), operation_timeout=self._patience_s)

        return list(self._answers(ask, besides=KafkaError.TOPIC_ALREADY_EXISTS))

    def describe(self, names: Iterable[str]) -> dict[str, TopicDescription]:
        """The topics that exist, by name."""
        asked = TopicCollection(list(names))

        def ask() -> dict[str, Future[TopicDescription]]:
            return self._client.describe_topics(asked)

        return self._answers(ask, KafkaError.UNKNOWN_TOPIC_OR_PART, ANSWER_S)

    def settings(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Every setting in force of topics that exist, by topic."""
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]

        def ask() -> dict[ConfigResource, Future[dict[str, ConfigEntry]]]:
            return self._client.describe_configs(asked) if asked else {}

        return {
            resource.name: {name: str(entry.value) for name, entry in entries.items()}
            for resource, entries in self._answers(ask).items()
        }

    def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first offset each partition still has."""
        earliest = cast(OffsetSpec, OffsetSpec.earliest())
        return self._offsets(places, earliest, IsolationLevel.READ_COMMITTED)

    def firsts_since(self, places: Iterable[Place], since_ms: int) -> dict[Place, int]:
        """The first offset that was appended then or later; the end where there is none."""
        asked = list(places)
        moment = cast(OffsetSpec, OffsetSpec.for_timestamp(since_ms))
        found = self._offsets(asked, moment, IsolationLevel.READ_COMMITTED)
        missing = [place for place, offset in found.items() if offset < 0]
        return found | self.committed_ends(missing)

    def committed_ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The last stable offset: where an unfinished transaction begins, or the end."""
        latest = cast(OffsetSpec, OffsetSpec.latest())
        return self._offsets(places, latest, IsolationLevel.READ_COMMITTED)

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """The high watermark: records of unfinished transactions count."""
        latest = cast(OffsetSpec, OffsetSpec.latest())
        return self._offsets(places, latest, IsolationLevel.READ_UNCOMMITTED)

    def group_offsets(self, group: str, places: Iterable[Place]) -> dict[Place, int]:
        """What a group committed; a partition for which it has nothing is left out.

        Asked through a consumer that never joins: the administration's own question can crash the
        process while the group's coordinator is not ready.
        """
        asked = [TopicPartition(*place) for place in places]
        consumer = Consumer(assigned_consumer(self._kafka, group))

        def ask() -> list[TopicPartition]:
            found = consumer.committed(asked, self._patience_s)
            for place in found:
                if place.error is not None:
                    raise KafkaException(place.error)
            return found

        try:
            found = self._insist(ask)
        finally:
            consumer.close()
        return {(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

    def _offsets(
        self, places: Iterable[Place], which: OffsetSpec, isolation: IsolationLevel
    ) -> dict[Place, int]:
        asked = {TopicPartition(*place): which for place in places}
        give_up_s = time.monotonic() + self._patience_s

        def ask() -> dict[Place, int]:
            self._meet({place.topic for place in asked})
            client = self._client
            futures: dict[TopicPartition, Future[ListOffsetsResultInfo]] = client.list_offsets(
                asked, isolation_level=isolation, request_timeout=OFFSETS_S
            )
            answers = self._soon(client, futures, ANSWER_S, give_up_s)
            # No error says that a broker is gone; it is left out, as if its offsets were unset.
            # (Where nothing was appended since a moment, the answer is -1.)
            if any(answer.offset == OFFSET_INVALID for answer in answers.values()):
                self._forget(client)
                raise _LeaderGone
            return {(at.topic, at.partition): answer.offset for at, answer in answers.items()}

        return self._insist(ask) if asked else {}

    def _forget(self, client: AdminClient) -> None:
        """Take another client: this one goes on asking a leader that is gone, for ever."""
        if client is self._client:
            self._client = self._connect()
            self._met = set()

    def _meet(self, names: set[str]) -> None:
        """Learn of topics: asked for offsets before that, a new client may wait for seconds."""
        if not names <= self._met:
            self._met |= self.describe(names).keys()

    def _answers(
        self,
        ask: Callable[[], Mapping[K, Future[V]]],
        besides: int = KafkaError.NO_ERROR,
        attempt_s: float = math.inf,
    ) -> dict[K, V]:
        """All answers, without those that are the error `besides`; asks again while that helps."""
        give_up_s = time.monotonic() + self._patience_s
        return self._insist(lambda: self._soon(self._client, ask(), attempt_s, give_up_s, besides))

    def _soon(
        self,
        client: AdminClient,
        futures: Mapping[K, Future[V]],
        attempt_s: float,
        give_up_s: float,
        besides: int = KafkaError.NO_ERROR,
    ) -> dict[K, V]:
        """A client's answers; one that has none in time is not asked again, but another."""
        until_s = min(give_up_s, time.monotonic() + attempt_s)
        try:
            return self._collect(futures, besides, until_s)
        except LogUnavailable:
            self._forget(client)
            if until_s == give_up_s:
                raise
            raise _LeaderGone from None
        except KafkaException as exception:
            if error_of(exception).name() in OUTDATED:
                self._forget(client)
            raise

    def _insist(self, ask: Callable[[], V]) -> V:
        """Ask again while the answer is that things are about to change."""
        self._told.clear()
        give_up_s = time.monotonic() + self._patience_s
        while True:
            try:
                return ask()
            except KafkaException as exception:
                error = error_of(exception)
                if is_refused(error):
                    raise refusal(error) from exception
                if error.name() not in PASSING:
                    raise
                if time.monotonic() > give_up_s:
                    raise LogUnavailable(str(exception)) from exception
            time.sleep(RETRY_S)

    def _collect(
        self, futures: Mapping[K, Future[V]], besides: int, give_up_s: float
    ) -> dict[K, V]:
        answers: dict[K, V] = {}
        for asked, future in futures.items():
            try:
                answers[asked] = self._result(future, give_up_s)
            except TimeoutError as error:
                raise LogUnavailable(f"no answer about {asked}") from error
            except KafkaException as exception:
                if error_of(exception).code() != besides:
                    raise
        return answers

    def _result(self, future: Future[V], give_up_s: float) -> V:
        """The answer, unless we are told meanwhile that there will be none."""
        while True:
            try:
                return future.result(max(0, min(REFUSAL_S, give_up_s - time.monotonic())))
            except TimeoutError:
                # The client goes on trying for ever; why it fails, it tells only on the side.
                self._client.poll(0)
                for error in filter(is_refused, self._told):
                    raise KafkaException(error) from None
                if time.monotonic() > give_up_s:
                    raise

    def _connect(self) -> AdminClient:
        # The library takes functions too, and its types do not say so.
        told = cast(Any, self._told.append)
        return AdminClient({**any_client(self._kafka), "error_cb": told})
