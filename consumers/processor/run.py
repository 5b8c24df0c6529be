"""Wires one processor: the steps of its partitions to the event log's transactional driver."""

import gc
from typing import Final

from consumers.processor.inputs import USAGE_CALLS, WALLET_COMMANDS
from consumers.processor.step import EVENTS, PartitionProcessor
from eventlog.driver import Driver
from eventlog.logic import Claim, Observer
from eventlog.settings import KafkaSettings
from eventlog.takeover import Wiring
from ledger.decide import Rules
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

    Raises `eventlog.errors.StopProcess` when only the log can tell what happened: the process must
    then end, and the next owner reads the truth there.
    """
    # A batch makes thousands of objects that live; the collector would walk them again and again.
    gc.set_threshold(YOUNG_OBJECTS_MAX)
    wiring = Wiring(APP, (USAGE_CALLS,), WALLET_COMMANDS, EVENTS, partitions)

    def logic(claim: Claim) -> PartitionProcessor:
        return PartitionProcessor(claim, rules, code_version)

    Driver(kafka, wiring, logic, stop, observer).run()
