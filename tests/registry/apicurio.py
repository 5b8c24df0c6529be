"""Apicurio Registry, as its makers ship it: fetched once by checksum, run on loopback."""

import shutil
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from devstack.folder import DataFolder, Say
from devstack.jars import maven, sha256_of, user_cache
from devstack.java import find_java
from devstack.processes import Process
from devstack.supervisor import answers_ok

GROUP, ARTIFACT, VERSION = "io.apicurio", "apicurio-registry-app", "3.3.3"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
MEGABYTES = 159
READY_S = 90.0
# It wants Java 21, which is what the stack's packaged one is above.
JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def installed(say: Say) -> Path:
    """The folder of the program in the user's cache; fetched, once, if it is not there."""
    home = user_cache() / f"{ARTIFACT}-{VERSION}"
    if home.exists():
        return home
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(f"fetching Apicurio Registry ({MEGABYTES} MB) into {home}, once")
    # Beside the target, so that it appears there whole or not at all.
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="fetching-") as scratch:
        project = maven(Path(scratch) / "repository").project(GROUP, ARTIFACT)
        artifact = project.at_version(VERSION).artifact(classifier="all", packaging="tar.gz")
        packed = artifact.resolve()
        assert sha256_of(packed) == SHA256, f"{packed.name} is not what was checked"
        unpacked = Path(scratch) / "unpacked"
        with tarfile.open(packed) as archive:
            archive.extractall(unpacked, filter="data")
        shutil.move(unpacked, home)
    return home


@contextmanager
def running(data: Path, say: Say) -> Generator[str]:
    """An empty registry; the address of its Confluent paths."""
    home = installed(say)
    folder = DataFolder(data)
    folder.claim(say)
    port, management = folder.port("registry"), folder.port("registry management")
    options = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": port,
        # Without this it listens on every interface.
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": management,
    }
    process = Process(
        "apicurio",
        [
            str(find_java()),
            *JVM_OPTIONS,
            *(f"-D{name}={value}" for name, value in options.items()),
            "-jar",
            str(home / "quarkus-run.jar"),
        ],
        folder,
        cwd=data,
    )
    try:
        process.start()
        ready = f"http://127.0.0.1:{management}/health/ready"
        process.wait_ready(lambda: answers_ok(ready), READY_S)
        yield f"http://127.0.0.1:{port}/apis/ccompat/v7"
    finally:
        process.stop()
        folder.release()
