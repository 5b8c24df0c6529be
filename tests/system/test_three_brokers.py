"""Three brokers, one killed while usage is processed: all goes on, nothing is lost, it returns."""

# The client exports these names without declaring so, and its futures say not what they hold.
# pyright: reportPrivateImportUsage=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from devstack.errors import FolderInUse, ProcessFailed
from devstack.kafka import Broker
from devstack.stack import Stack
from eventlog import topics
from eventlog.admin import Admin, Place
from eventlog.errors import LogUnavailable
from tests.system.test_broker import Supervised
from tests.system.work import Work
from tests.system.world import World

pytestmark = pytest.mark.stack

BROKERS = 3
CALLS = 400
INTERNAL = ("__consumer_offsets", "__transaction_state")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Three brokers and a Postgres of these tests' own."""
    with Stack(tmp_path_factory.mktemp("three"), BROKERS) as own:
        own.start()
        yield own


@pytest.fixture
def world(own: Stack, tmp_path: Path) -> Generator[World]:
    world = World(own, tmp_path)
    try:
        yield world
    finally:
        world.close()


def test_one_of_three_brokers_is_killed_at_work_and_nothing_is_lost(
    own: Stack, world: World
) -> None:
    work = Work(world.partitions)
    supervised = Supervised(world, {name: world.start("processor") for name in ("one", "two")})
    world.start("projector")
    world.publish(work.opening())
    supervised.wait_until_decided()
    assert copies_in_sync(own, world) == {BROKERS}

    # Given much usage, and batches of it being decided
    world.publish(work.more(CALLS))
    before = world.log_size()
    world.wait_for(lambda: world.log_size() > before)
    # When a broker is killed, all of it and what comes meanwhile is decided by the other two
    leader = leading(own, world)
    leader.kill()
    world.publish(work.more(CALLS))
    supervised.wait_until_decided()
    own.check()
    # And when it returns, it catches up, so that another one may be killed
    leader.start()
    world.wait_for(lambda: copies_in_sync(own, world) == {BROKERS})
    another = leading(own, world)
    assert another is not leader
    another.kill()
    world.publish(work.again())
    world.publish(work.more(CALLS))
    supervised.wait_until_decided()
    another.start()

    # Then every input was decided once, and the tables hold it
    world.wait_until_projected()
    world.check()


def test_an_old_client_learns_of_a_new_leader(own: Stack, world: World) -> None:
    places = [
        (world.kafka.topic(topics.WALLET_EVENTS.name), number) for number in range(world.partitions)
    ]
    patient, brief = Admin(world.kafka), Admin(world.kafka, patience_s=2.0)
    ends = brief.ends(places)
    assert set(ends.values()) == {0}
    leader = leading(own, world)
    leader.kill()
    assert patient.ends(places) == ends
    # Where nobody may wait for an election, it is told apart, and the next question is answered.
    world.wait_for(lambda: is_answered(brief, places))
    assert brief.starts(places) == ends
    leader.start()


def is_answered(admin: Admin, places: list[Place]) -> bool:
    try:
        return set(admin.ends(places).values()) == {0}
    except LogUnavailable:
        return False


def test_every_copy_that_money_needs_is_kept(own: Stack, world: World) -> None:
    assert topics.check(world.kafka, world.partitions, BROKERS) == []
    # Asking for a group's offsets and for a transaction is what makes Kafka's own topics.
    processor = world.start("processor")
    work = Work(world.partitions)
    world.publish(work.opening())
    world.wait_until_decided()
    processor.process.terminate()
    admin = Admin(world.kafka)
    described, found = admin.describe(INTERNAL), admin.settings(INTERNAL)
    for name in INTERNAL:
        assert {len(one.replicas) for one in described[name].partitions} == {BROKERS}
        assert found[name]["min.insync.replicas"] == "2"
        assert found[name]["unclean.leader.election.enable"] == "false"


def test_without_most_of_the_brokers_the_stack_says_which_one_ended(own: Stack) -> None:
    said: list[str] = []
    first, second, _ = own.kafka.brokers
    first.kill()
    own.kafka.mend(said.append)
    assert said == [
        "kafka-1 ended by itself (killed by SIGKILL): the others go on, and it starts again in 10 s"
    ]
    own.check()
    second.kill()
    with pytest.raises(ProcessFailed, match=r"kafka-1 ended by itself \(killed by SIGKILL\)"):
        own.check()
    first.process.start()
    second.process.start()
    for broker in own.kafka.brokers:
        broker.await_ready()


def test_a_folder_keeps_its_number_of_brokers(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    for number in range(1, BROKERS + 1):
        (tmp_path / f"kafka-{number}").mkdir()
    with pytest.raises(FolderInUse, match=r"holds a cluster of 3 broker\(s\), not 1"):
        Stack(tmp_path, 1).start()


def leading(own: Stack, world: World) -> Broker:
    """The broker that leads the first partition of the log."""
    name = world.kafka.topic(topics.WALLET_EVENTS.name)
    client = AdminClient({"bootstrap.servers": own.bootstrap_servers, "log_level": 0})
    leader = client.list_topics(timeout=10).topics[name].partitions[0].leader
    return next(broker for broker in own.kafka.brokers if broker.node.number == leader)


def copies_in_sync(own: Stack, world: World) -> set[int]:
    """How many copies the partitions of the log and of the calls have in sync."""
    client = AdminClient({"bootstrap.servers": own.bootstrap_servers, "log_level": 0})
    known = client.list_topics(timeout=10).topics
    names = [world.kafka.topic(one.name) for one in (topics.WALLET_EVENTS, topics.USAGE_CALLS)]
    return {len(part.isrs) for name in names for part in known[name].partitions.values()}
