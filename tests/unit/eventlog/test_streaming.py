"""A stream holds as many records as it was asked to, at the moment one is told of, too."""

from eventlog.producer import Publication
from eventlog.settings import KafkaSettings
from eventlog.streaming import Stream
from eventlog.topics import USAGE_CALLS

NOBODY = KafkaSettings("127.0.0.1:1", extra={"log_level": "0"})
RECORD = Publication(USAGE_CALLS.name, b"acme", b"value")


def test_what_follows_a_record_that_is_told_of_has_room_by_then() -> None:
    """The outbox makes room while it is told, and the client counts that record until then."""
    stream = Stream(NOBODY, records_max=2)
    said: list[str | None] = []

    def told(error: str | None) -> None:
        said.append(error)
        if len(said) == 1:
            stream.send(RECORD, said.append)

    stream.send(RECORD, told)
    stream.send(RECORD, said.append)
    stream.start_over()
    assert said
    assert [error for error in said if error and "Queue full" in error] == []
    stream.close()
