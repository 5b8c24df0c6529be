"""Wires one processor: the steps of its partitions to the event log's transactional driver."""

import gc
from typing import Final

from consumers.processor.inputs import USAGE, WALLET_COMMANDS
from consumers.processor.step import EVENTS, PartitionProcessor
from eventlog.driver import Driver
from eventlog.logic import Claim, Observer
from eventlog.reader import last_record
from eventlog.settings import KafkaSettings
from eventlog.takeover import Wiring
from ledger.batch import Rules
from ledger.errors import WrongSettings
from ledger.events import BatchCommitted
from schemas import codec
from service.signals import Stop

APP: Final = "ledger.processor"
YOUNG_OBJECTS_MAX: Final = 50_000


def run(
    kafka: KafkaSettings,
    partitions: int,
    rules: Rules,
    code_version: str,
    stop: Stop,
    observer: Observer,
) -> None:
    """Serve the partitions the group gives this process until told to stop, then hand over.

    Raises `WrongSettings` where the log was written for another number of partitions: tenants would
    get other wallets; and `eventlog.errors.StopProcess` when only the log can tell what happened:
    the process must then end, and the next owner reads the truth there.
    """
    _check_partitions(kafka, partitions)
    # A batch makes thousands of objects that live; the collector would walk them again and again.
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    wiring = Wiring(APP, tuple(USAGE), WALLET_COMMANDS, EVENTS, partitions)

    def logic(claim: Claim) -> PartitionProcessor:
        return PartitionProcessor(claim, rules, code_version)

    Driver(kafka, wiring, logic, stop, observer).run()


def _check_partitions(kafka: KafkaSettings, partitions: int) -> None:
    """Look at one footer: a partition that was added has none of its own to tell."""
    for partition in range(partitions):
        last = last_record(kafka, EVENTS, partition)
        if last is None:
            continue
        footer, _ = codec.wallet_events.decode(last.value() or b"")
        if isinstance(footer, BatchCommitted) and footer.partitions != partitions:
            raise WrongSettings(
                f"the log was written for {footer.partitions} partitions, and the topics have"
                f" {partitions}; within a generation the number never changes"
            )
        return
