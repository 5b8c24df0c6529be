"""The real Kafka and Postgres: restarted, killed, side by side, in awkward folders."""

# The client exports these names without declaring so, and its futures say not what they hold.
# pyright: reportPrivateImportUsage=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from devstack.errors import FolderInUse, ProcessFailed
from devstack.stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for these tests alone; spaces and an accent in its path, below a private folder."""
    private = tmp_path_factory.mktemp("private")
    private.chmod(0o700)
    with Stack(private / "café with spaces" / "data") as own:
        own.start()
        yield own


def admin(stack: Stack) -> AdminClient:
    return AdminClient({"bootstrap.servers": stack.bootstrap_servers})


def create_topic(stack: Stack, topic: str) -> None:
    client = admin(stack)
    client.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(10)


def values(stack: Stack, topic: str) -> list[bytes]:
    """All values of the topic's one partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": stack.bootstrap_servers,
            "group.id": "test",
            "enable.auto.commit": False,
        }
    )
    partition = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    messages = consumer.consume(end, timeout=20) if end else []
    consumer.close()
    return [value for message in messages if (value := message.value()) is not None]


def test_a_restart_keeps_the_data_and_the_addresses(own: Stack) -> None:
    addresses = own.bootstrap_servers, own.postgres_url
    create_topic(own, "kept")
    producer = Producer({"bootstrap.servers": own.bootstrap_servers})
    producer.produce("kept", b"a record")
    assert producer.flush(10) == 0
    with psycopg.connect(own.postgres_url) as connection:
        connection.execute("create table kept as select 42 as answer")

    own.stop()
    own.start()

    assert (own.bootstrap_servers, own.postgres_url) == addresses
    assert values(own, "kept") == [b"a record"]
    with psycopg.connect(own.postgres_url) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def test_a_broker_killed_hard_keeps_every_acknowledged_record(own: Stack) -> None:
    create_topic(own, "acknowledged")
    producer = Producer(
        {
            "bootstrap.servers": own.bootstrap_servers,
            "enable.idempotence": True,
            "reconnect.backoff.max.ms": 100,
            "log_level": 0,
        }
    )
    acknowledged: list[bytes] = []
    enough = threading.Event()

    def on_delivery(error: object, message: Message) -> None:
        value = message.value()
        if error is None and value is not None:
            acknowledged.append(value)
        if len(acknowledged) >= 5_000:
            enough.set()

    def produce_for_ever() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            try:
                producer.produce("acknowledged", b"%d" % number, on_delivery=on_delivery)
            except BufferError:
                producer.poll(0.1)
            producer.poll(0)

    stop = threading.Event()
    writer = threading.Thread(target=produce_for_ever)
    writer.start()
    assert enough.wait(20)
    own.kafka.kill()
    stop.set()
    writer.join()
    own.kafka.start()
    assert producer.flush(20) == 0

    found = values(own, "acknowledged")
    assert len(found) == len(set(found))
    assert set(acknowledged) == set(found)


def test_a_store_that_ends_by_itself_is_named(own: Stack) -> None:
    own.check()
    own.postgres.kill()
    with pytest.raises(ProcessFailed, match=r"postgres ended by itself \(killed by SIGKILL\)"):
        own.check()
    own.postgres.start()


def test_a_postgres_killed_hard_keeps_what_was_committed(own: Stack) -> None:
    with psycopg.connect(own.postgres_url) as connection:
        connection.execute("create table committed as select generate_series(1, 1000)")

    own.postgres.kill()
    own.postgres.start()

    with psycopg.connect(own.postgres_url) as connection:
        assert connection.execute("select count(*) from committed").fetchone() == (1000,)


def test_a_second_stack_on_the_same_folder_is_refused(own: Stack) -> None:
    with pytest.raises(FolderInUse, match=r"data is in use by process \d+: stop it, or"):
        Stack(own.folder.path).start()


def test_stacks_in_other_folders_run_beside(own: Stack, tmp_path: Path) -> None:
    with Stack(tmp_path / "other") as other:
        other.start()
        create_topic(other, "only-here")

        assert "only-here" not in admin(own).list_topics(timeout=10).topics
        with psycopg.connect(own.postgres_url), psycopg.connect(other.postgres_url):
            pass


def test_a_stack_whose_owner_was_killed_hard_starts_again_with_its_data(own: Stack) -> None:
    create_topic(own, "left")
    with psycopg.connect(own.postgres_url) as connection:
        connection.execute("create table left_behind as select 42 as answer")
    own.stop()
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(own.folder.path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"started\n"
    owner.kill()
    owner.communicate()

    own.start()

    assert "left" in admin(own).list_topics(timeout=10).topics
    with psycopg.connect(own.postgres_url) as connection:
        assert connection.execute("select answer from left_behind").fetchone() == (42,)


OWNER = """
import sys, time
from pathlib import Path
from devstack.stack import Stack
Stack(Path(sys.argv[1])).start()
print("started", flush=True)
time.sleep(60)
"""


def test_nobody_else_may_read_the_folder_or_its_password(own: Stack) -> None:
    assert own.folder.path.stat().st_mode & 0o777 == 0o700
    assert (own.folder.path / "postgres" / "password").stat().st_mode & 0o777 == 0o600


def test_postgres_asks_for_its_password(own: Stack) -> None:
    without = f"postgresql://postgres:guess@127.0.0.1:{own.postgres.port}/ledger"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


def test_the_broker_has_the_settings_that_money_needs(own: Stack) -> None:
    broker = ConfigResource(ResourceType.BROKER, "1")
    client = admin(own)
    settings = client.describe_configs([broker])[broker].result(10)
    assert {name: settings[name].value for name in EXPECTED} == EXPECTED


EXPECTED = {
    "auto.create.topics.enable": "false",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.initial.rebalance.delay.ms": "0",
    "log.message.timestamp.type": "LogAppendTime",
    "message.max.bytes": "8388608",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "10000",
    "unclean.leader.election.enable": "false",
}


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(FolderInUse, match="is not empty and no data folder"):
        Stack(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_stack_that_cannot_start_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    initialised = tmp_path / "postgres"
    (initialised / "data").mkdir(parents=True)
    (initialised / "initialised").touch()
    stack = Stack(tmp_path)

    with pytest.raises(
        ProcessFailed, match=r"postgres ended \(exit status 2\) before it was ready"
    ):
        stack.start()

    assert not stack.kafka.process.running
    assert not list(stack.folder.run.iterdir())
