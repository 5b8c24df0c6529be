"""A `java` that runs a program from its source, as a JDK's does.

The packaged Java has no compiler; the one from the package index needs no more than it.
"""

from pathlib import Path

from devstack.jars import ensure_jars, locked_jars
from devstack.java import find_java
from devstack.stack import silent

LOCK = Path(__file__).with_name("java-jars.lock")
COMPILER = "ecj-"
# Of the broker's jars, what a program with a Kafka client and Avro needs.
NEEDED = (
    "avro-",
    "jackson-annotations-",
    "jackson-core-",
    "jackson-databind-",
    "kafka-clients-",
    "slf4j-api-",
)

PROGRAM = """\
#!/bin/sh
set -e
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
"{java}" -jar "{compiler}" -17 -proc:none -d "$classes" -cp "$CLASSPATH" "$1"
program=$(basename "$1" .java)
shift
"{java}" -cp "$classes:$CLASSPATH" "$program" "$@"
"""


def with_java(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment in which `java Program.java` works, its jars on the class path."""
    jars = [*ensure_jars(silent), *ensure_jars(silent, locked_jars(LOCK))]
    [compiler] = [jar for jar in jars if jar.name.startswith(COMPILER)]
    on_path = [jar for jar in jars if jar.name.startswith(NEEDED)]
    launcher = folder / "java"
    folder.mkdir()
    launcher.write_text(PROGRAM.format(java=find_java(), compiler=compiler))
    launcher.chmod(0o755)
    return environment | {
        "PATH": f"{folder}:{environment['PATH']}",
        "CLASSPATH": ":".join(map(str, on_path)),
    }
