"""Maintainers' `python -m devstack.lock_jars`: resolve the broker, write `kafka-jars.lock` anew."""

import tempfile
from pathlib import Path

from jgo.parse import Coordinate

from devstack.jars import LOCK, maven, sha256_of

# The set has no binding for slf4j, and without one the broker logs nothing.
ROOTS = (
    Coordinate("org.apache.kafka", "kafka_2.13", "4.4.0", scope="compile"),
    Coordinate("org.slf4j", "slf4j-simple", "1.7.36", scope="compile"),
)
HEADER = "# Written by python -m devstack.lock_jars: coordinates, bytes, SHA-256.\n"


def main() -> None:
    """Resolve, fetch and digest every jar; the first line is the broker's own."""
    with tempfile.TemporaryDirectory() as scratch:
        client = maven(Path(scratch))
        roots = [client.create_dependency(root) for root in ROOTS]
        inputs, transitive = client.resolver.resolve(roots)
        needed = inputs + [dep for dep in transitive if dep.scope in ("compile", "runtime")]
        lines: list[str] = []
        for dependency in needed:
            jar = dependency.artifact.resolve()
            coordinates = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
            lines.append(f"{coordinates} {jar.stat().st_size} {sha256_of(jar)}\n")
        LOCK.write_text(HEADER + "".join(lines[: len(ROOTS)] + sorted(lines[len(ROOTS) :])))


if __name__ == "__main__":
    main()
