"""Topics of its own for each test, on the stack that the session shares."""

import itertools

import pytest

from devstack.stack import Stack
from eventlog import topics
from eventlog.settings import KafkaSettings
from tests.devstack.stack_fixture import stack
from tests.eventlog.harness import PARTITIONS

__all__ = ["stack"]

_numbers = itertools.count(1)


@pytest.fixture
def no_topics(stack: Stack) -> KafkaSettings:
    return KafkaSettings(stack.bootstrap_servers, prefix=f"eventlog{next(_numbers)}.")


@pytest.fixture
def kafka(no_topics: KafkaSettings) -> KafkaSettings:
    topics.create(no_topics, PARTITIONS, replication=1)
    return no_topics
