"""The schemas as a registry holds them: under the names of their topics, with their rules."""

from collections.abc import Iterator

from eventlog.settings import KafkaSettings
from schemas.catalogue import Schema, catalogue
from schemas.compatibility import is_read_both_ways


def subjects(kafka: KafkaSettings) -> Iterator[tuple[str, Schema]]:
    """Every schema version beside its subject, by topic and age."""
    for schema in catalogue():
        yield f"{kafka.topic(schema.topic)}-value", schema


def compatibility(kafka: KafkaSettings) -> dict[str, str]:
    """The level of each subject, in the registries' words."""
    return {
        subject: "FULL_TRANSITIVE" if is_read_both_ways(schema.topic) else "BACKWARD_TRANSITIVE"
        for subject, schema in subjects(kafka)
    }
