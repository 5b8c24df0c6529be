"""An operator who resends a dead letter and is killed at it: before the commit, or right after.

python -m tests.system.killed_operator SERVERS PREFIX PARTITION:OFFSET before|after
"""

import os
import signal
import sys

from cli.command import Position
from cli.dead_letters import letters_at
from cli.resolving import Asked, resolve
from eventlog.exclusive import ExclusiveWriter
from eventlog.settings import KafkaSettings
from schemas.codec import ResolutionKind
from tests.system.world import PARTITIONS


def main(servers: str, prefix: str, position: str, moment: str) -> None:
    """Resend, and die."""
    kafka = KafkaSettings(servers, prefix)
    commit = ExclusiveWriter.commit

    def deadly(writer: ExclusiveWriter) -> None:
        if moment == "after":
            commit(writer)
        os.kill(os.getpid(), signal.SIGKILL)

    ExclusiveWriter.commit = deadly  # pyright: ignore[reportAttributeAccessIssue]
    partition, _, offset = position.partition(":")
    letters = letters_at(kafka, PARTITIONS, [Position(int(partition), int(offset))])
    asked = Asked(ResolutionKind.RESENT, "operator:ann", "mended")
    list(resolve(kafka, PARTITIONS, letters, asked))


if __name__ == "__main__":
    main(*sys.argv[1:])
