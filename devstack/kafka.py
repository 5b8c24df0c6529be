"""The broker: one Kafka process that is its own controller, on loopback."""

import base64
import contextlib
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.errors import ProcessFailed
from devstack.folder import DataFolder, Say, make_private
from devstack.jars import ensure_jars
from devstack.java import find_java
from devstack.processes import Process

READY_S = 30.0

# The serial collector and the first compiler alone: half the memory, a third of the start time.
JVM_OPTIONS = (
    "-Xmx320m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

# Only what one broker needs otherwise than the defaults, and what our rules ask of any broker.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENT://127.0.0.1:{port}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT

# Relative to the working folder: the format of this file has no way to write a comma in a path.
log.dirs=log

# There is one copy of everything: this survives kill -9, not a power cut.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Few, for a quick start and recovery; 50 of each is for a cluster.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1

auto.create.topics.enable=false
unclean.leader.election.enable=false
log.message.timestamp.type=LogAppendTime
message.max.bytes=8388608

# Not sooner after a start: what Kafka 4.4 would roll back before its partitions have leaders again
# hangs for ever, as it takes partitions without a leader for deleted.
transaction.abort.timed.out.transaction.cleanup.interval.ms=10000

# With the defaults (5 s and 45 s) every change of a group's members takes seconds.
group.initial.rebalance.delay.ms=0
group.consumer.heartbeat.interval.ms=1000
group.consumer.min.heartbeat.interval.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.session.timeout.ms=6000

# A stack may lie unused for longer than the default week; its groups resume where they were.
offsets.retention.minutes=5256000

# After kill -9 the broker waits until its former self has lost its session (9 s by default).
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# Sized for a small heap: the default buffer of the compactor alone is 128 MB.
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
"""


class Kafka:
    """One broker over a claimed data folder; its address stays the same from start to start."""

    def __init__(self, folder: DataFolder, through: Sequence[str] = ()) -> None:
        """`through` is a program that its own programs are started through, as `env` is."""
        self._folder = folder
        self._home = folder.path / "kafka"
        self._through = through
        self._java = Path()
        self._class_path: list[Path] = []
        self._process: Process | None = None
        self.port = 0

    @property
    def bootstrap_servers(self) -> str:
        """As Kafka clients want it, once prepared."""
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        assert self._process is not None, "prepare() comes first"
        return self._process

    def prepare(self, say: Say) -> None:
        """Fetch what the cache lacks, choose ports, write the configuration; starts nothing."""
        self._java = find_java()
        self._class_path = ensure_jars(say)
        self.port = self._folder.port("kafka")
        controller_port = self._folder.port("kafka controller")
        make_private(self._home)
        settings = SETTINGS.format(port=self.port, controller_port=controller_port)
        (self._home / "server.properties").write_text(settings)
        self._process = Process(
            "kafka",
            self._command("kafka.Kafka", "server.properties"),
            self._folder,
            cwd=self._home,
            env=_environment(),
        )

    def start(self) -> None:
        """Start the broker and return when it serves every partition it holds."""
        self._format_once()
        self.process.start()
        client = AdminClient(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 50,
                "log_level": 0,
            }
        )
        self.process.wait_ready(lambda: _is_ready(client), READY_S)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """`kill -9`, for tests of faults; `start` brings it back."""
        self.process.kill()

    def _format_once(self) -> None:
        formatted = self._home / "cluster-id"
        if formatted.exists():
            return
        # An earlier attempt may have been cut short; nothing was ever served from it.
        shutil.rmtree(self._home / "log", ignore_errors=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        storage_tool = self._command(
            "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}"
        )
        done = subprocess.run(
            [*storage_tool, "--config", "server.properties"],
            cwd=self._home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ProcessFailed(f"Kafka could not format {self._home}:\n{done.stdout}{done.stderr}")
        formatted.write_text(cluster_id)

    def _command(self, *main: str) -> list[str]:
        class_path = ":".join(map(str, self._class_path))
        return [*self._through, str(self._java), *JVM_OPTIONS, "-cp", class_path, *main]


def _environment() -> dict[str, str]:
    # In the plain C locale Java cannot open a path that is not ASCII; macOS has no such locale.
    return {} if sys.platform == "darwin" else {"LC_ALL": "C.UTF-8"}


def _is_ready(client: AdminClient) -> bool:
    with contextlib.suppress(KafkaException):
        cluster = client.list_topics(timeout=0.5)
        partitions = [p for topic in cluster.topics.values() for p in topic.partitions.values()]
        return bool(cluster.brokers) and all(p.leader >= 0 for p in partitions)
    return False
