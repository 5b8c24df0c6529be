"""The brokers: one Kafka process that is its own controller, or a few of them, on loopback."""

import base64
import contextlib
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from devstack.broker_settings import Node, broker_settings, copies_of
from devstack.errors import FolderInUse, ProcessFailed
from devstack.folder import DataFolder, Say, make_private
from devstack.jars import ensure_jars
from devstack.java import find_java
from devstack.processes import Process, describe_exit

READY_S = 60.0
MEND_S = 10.0
ALONE = "kafka"
FORMATTED = "cluster-id"

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


class Broker:
    """One broker that is a controller too; its address stays the same from start to start."""

    def __init__(self, folder: DataFolder, name: str, node: Node) -> None:
        self._folder = folder
        self._home = folder.path / name
        self._java = Path()
        self._class_path: list[Path] = []
        self._process: Process | None = None
        self.name = name
        self.node = node

    @property
    def address(self) -> str:
        """As Kafka clients want it."""
        return f"127.0.0.1:{self.node.port}"

    @property
    def process(self) -> Process:
        assert self._process is not None, "prepare() comes first"
        return self._process

    def prepare(self, nodes: Sequence[Node], class_path: list[Path]) -> None:
        """Write the configuration; starts nothing."""
        self._java = find_java()
        self._class_path = class_path
        make_private(self._home)
        (self._home / "server.properties").write_text(broker_settings(self.node, nodes))
        self._process = Process(
            self.name,
            self._command("kafka.Kafka", "server.properties"),
            self._folder,
            cwd=self._home,
            env=_environment(),
        )

    def start(self) -> None:
        """Start this broker and return when it serves; the cluster was formatted before."""
        self.process.start()
        self.await_ready()

    def await_ready(self) -> None:
        """Return when it answers, and every partition it knows of has a leader."""
        client = AdminClient(
            {
                "bootstrap.servers": self.address,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 50,
                "log_level": 0,
            }
        )
        self.process.wait_ready(lambda: _serves(client, self.node.number), READY_S)

    def kill(self) -> None:
        """`kill -9`, for tests of faults; `start` brings it back."""
        self.process.kill()

    def format_once(self, cluster_id: str) -> None:
        """Prepare the folder for the cluster, unless it was before."""
        formatted = self._home / FORMATTED
        if formatted.exists():
            return
        # An earlier attempt may have been cut short; nothing was ever served from it.
        shutil.rmtree(self._home / "log", ignore_errors=True)
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
        return [str(self._java), *JVM_OPTIONS, "-cp", class_path, *main]


class Kafka:
    """One broker, or a few, over a claimed data folder; a folder's number of them never changes."""

    def __init__(self, folder: DataFolder, brokers: int | None = None) -> None:
        """With None, as many as the folder has; one, if it has none yet."""
        self._folder = folder
        self._wanted = brokers
        self._missed_s: dict[str, float] = {}
        self.brokers: list[Broker] = []

    @property
    def bootstrap_servers(self) -> str:
        """As Kafka clients want it, once prepared."""
        return ",".join(broker.address for broker in self.brokers)

    @property
    def process(self) -> Process:
        """The first broker's."""
        assert self.brokers, "prepare() comes first"
        return self.brokers[0].process

    @property
    def copies(self) -> int:
        """How many copies of every topic there can be."""
        return copies_of(len(self.brokers))

    def prepare(self, say: Say) -> None:
        """Fetch what the cache lacks, choose ports, write the configuration; starts nothing.

        Raises FolderInUse if the folder's cluster has another number of brokers.
        """
        names = self._names()
        class_path = ensure_jars(say)
        self.brokers = [
            Broker(
                self._folder,
                name,
                Node(number, self._folder.port(name), self._folder.port(f"{name} controller")),
            )
            for number, name in enumerate(names, start=1)
        ]
        nodes = [broker.node for broker in self.brokers]
        for broker in self.brokers:
            broker.prepare(nodes, class_path)

    def start(self) -> None:
        """Start every broker, and return when all serve every partition they hold."""
        self._format_once()
        for broker in self.brokers:
            broker.process.start()
        for broker in self.brokers:
            broker.await_ready()

    def stop(self) -> None:
        """Stop them all, side by side."""
        for broker in self.brokers:
            broker.process.ask_to_stop()
        for broker in self.brokers:
            broker.process.stop()

    def kill(self) -> None:
        """`kill -9`, for tests of faults; `start` brings it back."""
        for broker in self.brokers:
            broker.kill()

    def ended(self) -> Process | None:
        """A broker's process that ended, if there are no longer enough of them to go on."""
        ended = [broker.process for broker in self.brokers if not broker.process.running]
        return ended[0] if len(ended) * 2 >= len(self.brokers) else None

    def mend(self, say: Say) -> None:
        """Start again, after a pause, a broker that ended while the others go on; call it often."""
        for broker in self.brokers:
            if broker.process.running:
                self._missed_s.pop(broker.name, None)
            elif broker.name not in self._missed_s:
                self._missed_s[broker.name] = time.monotonic()
                ended = describe_exit(broker.process.exit_status)
                say(
                    f"{broker.name} ended by itself ({ended}): the others go on,"
                    f" and it starts again in {MEND_S:g} s"
                )
            elif time.monotonic() - self._missed_s[broker.name] > MEND_S:
                say(f"starting {broker.name} again")
                del self._missed_s[broker.name]
                broker.process.start()

    def _names(self) -> list[str]:
        existing = sum(1 for _ in self._folder.path.glob("kafka-*/")) or int(
            (self._folder.path / ALONE).exists()
        )
        wanted = self._wanted or existing or 1
        if existing not in (0, wanted):
            raise FolderInUse(
                f"{self._folder.path} holds a cluster of {existing} broker(s), not {wanted}:"
                " name another data folder, or leave the number out"
            )
        return [ALONE] if wanted == 1 else [f"kafka-{number}" for number in range(1, wanted + 1)]

    def _format_once(self) -> None:
        known = [file.read_text() for file in self._folder.path.glob(f"kafka*/{FORMATTED}")]
        cluster_id = next(
            iter(known), base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        )
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            asked = [pool.submit(broker.format_once, cluster_id) for broker in self.brokers]
        for one in asked:
            one.result()


def _environment() -> dict[str, str]:
    # In the plain C locale Java cannot open a path that is not ASCII; macOS has no such locale.
    return {} if sys.platform == "darwin" else {"LC_ALL": "C.UTF-8"}


def _serves(client: AdminClient, number: int) -> bool:
    with contextlib.suppress(KafkaException):
        cluster = client.list_topics(timeout=0.5)
        partitions = [p for topic in cluster.topics.values() for p in topic.partitions.values()]
        return number in cluster.brokers and all(p.leader >= 0 for p in partitions)
    return False
