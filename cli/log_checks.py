"""The doctor's checks of Kafka: brokers and copies, who owns the partitions, where they stand."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cli.findings import Finding, failed, fine, noted
from cli.intake import intakes
from cli.settings import Settings
from cli.waiting import undecided
from cli.whole_log import ends_now
from consumers.processor.run import APP
from eventlog import topics
from eventlog.admin import Admin, Place
from eventlog.copies import Lack, lacking
from eventlog.reader import Follower, last_record
from eventlog.settings import KafkaSettings
from eventlog.topics import USAGE, WALLET_COMMANDS, WALLET_EVENTS
from ledger.events import BatchCommitted
from schemas import codec

# A command's `not_after` is compared with the broker's time: a second is felt.
CLOCK_MS_MAX: Final = 1_000
LAG_MAX: Final = 1_000
TICKS_MISSED_MAX: Final = 3
NAMED_MAX: Final = 4
INPUTS: Final = (*USAGE, WALLET_COMMANDS)


def brokers(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Whether there are as many as copies are wanted."""
    up = Admin(kafka).brokers()
    found = f"{len(up)} up: {named(up.values())}"
    if len(up) < configured.replication:
        remedy = f"start the others: {configured.replication} copies need as many brokers"
        return failed("brokers", found, remedy)
    return fine("brokers", found)


def drift(kafka: KafkaSettings, configured: Settings) -> list[topics.Drift]:
    """How the topics differ from what they must be."""
    return topics.check(kafka, configured.partitions, configured.replication)


def settings_of_topics(found: Sequence[topics.Drift]) -> Finding:
    """What `drift` came to."""
    if not found:
        return fine("topics", f"{len(topics.TOPICS)}, every setting as it must be")
    missing = [one.topic for one in found if one.setting == "topic"]
    if missing:
        return failed("topics", f"missing: {', '.join(missing)}", "`ledger topics create`")
    differing = named(
        f"{one.topic} {one.setting}: {one.found}, not {one.expected}" for one in found
    )
    return failed("topics", differing, "`ledger topics check` lists them all, with what to do")


def copies(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Whether each record is on as many brokers as it should be."""
    lacks = lacking(kafka, configured.replication)
    if not lacks:
        return fine("copies", f"{configured.replication} of everything, in sync")
    shut = [lack for lack in lacks if lack.is_shut]
    found = f"{len(lacks)} partitions: {named(map(_lack, shut or lacks))}"
    if shut:
        return failed("copies", found, "nothing can be written there: start the missing brokers")
    return failed("copies", found, "one more failure may stop it: see to the brokers")


def clock(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Compare the broker's time on the next tick with the moment it arrives here."""
    wait_s = TICKS_MISSED_MAX * configured.tick_seconds
    give_up_s = time.monotonic() + wait_s
    name = WALLET_COMMANDS.name
    with Follower(kafka, name, ends_now(kafka, name, configured.partitions)) as log:
        while not (arrived := log.poll(100, 0.5)):
            if time.monotonic() > give_up_s:
                remedy = "is `ledger run ticker` running? Without it holds do not expire"
                return failed("ticks", f"none came for {wait_s:g} s", remedy)
    ahead_ms = round(arrived[-1].timestamp()[1] - time.time() * 1000)
    found = f"the broker's is {abs(ahead_ms)} ms {'ahead' if ahead_ms > 0 else 'behind'}"
    if abs(ahead_ms) > CLOCK_MS_MAX:
        return failed("clock", found, "set both by NTP: the ledger's time is the broker's")
    return fine("clock", f"{found}; ticks arrive")


def owners(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Whether some processor was given each partition."""
    found = Admin(kafka).owners(kafka.group(APP))
    without = [
        number
        for number in range(configured.partitions)
        if any((kafka.topic(topic.name), number) not in found for topic in USAGE)
    ]
    if len(without) == configured.partitions:
        return failed("owners", "no partition has a processor", "start `ledger run processor`")
    if without:
        remedy = "they are being handed over, or start another `ledger run processor`"
        return failed("owners", f"no processor has partition {named(map(str, without))}", remedy)
    hosts = sorted(set(found.values()))
    return fine("owners", f"every partition has a processor, on {named(hosts)}")


def decided(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Whether the processors keep up."""
    behind = undecided(kafka, configured.partitions)
    total = sum(behind.values())
    if total > LAG_MAX:
        most = max(behind, key=lambda place: behind[place])
        found = f"{total:,} inputs are not decided, {behind[most]:,} of them on {_place(most)}"
        remedy = "is `ledger run processor` running? Start more, up to the number of partitions"
        return failed("processors", found, remedy)
    return fine("processors", f"{total:,} inputs wait" if total else "every input is decided")


def intake(kafka: KafkaSettings, configured: Settings) -> Finding:
    """Whether an operator lets usage of a partition wait."""
    rows = list(intakes(kafka, configured.partitions))
    paused = [row for row in rows if row["is_paused"]]
    if not paused:
        return fine("intake", "open on every partition")
    numbers = named(str(row["partition"]) for row in paused)
    waiting = sum(row["waiting_count"] for row in paused)
    remedy = "`ledger intake list` says who paused it and why; `ledger intake resume`"
    return noted("intake", f"paused on {numbers}, where {waiting:,} of usage wait", remedy)


def positions(kafka: KafkaSettings, configured: Settings) -> Iterator[Finding]:
    """Whether what the group committed, and the inputs, agree with the log's own footers."""
    admin = Admin(kafka)
    places = [
        (kafka.topic(topic.name), number)
        for topic in INPUTS
        for number in range(configured.partitions)
    ]
    # Read before the footers, which can only be further on.
    committed = admin.group_offsets(kafka.group(APP), places)
    footers = list(_footers(kafka, configured.partitions))
    starts, ends = admin.starts(places), admin.ends(places)
    ids = topics.ids(kafka, [topic.name for topic in INPUTS])
    faults: list[str] = []
    for number, footer in footers:
        for at in footer.positions:
            place = (kafka.topic(at.topic), number)
            if at.topic_id != ids.get(at.topic):
                faults.append(f"{_place(place)} is another topic than the log read")
            elif committed.get(place, 0) > at.next_offset:
                told = f"the group is at {committed[place]}, the log at {at.next_offset}"
                faults.append(f"{_place(place)}: {told}")
            elif not starts[place] <= at.next_offset <= ends[place]:
                held = f"it holds {starts[place]} to {ends[place]}"
                faults.append(f"{_place(place)}: {held}, the log is at {at.next_offset}")
    if faults:
        remedy = "such a partition is refused: see docs/runbooks/partition-refused.md"
        yield failed("positions", named(faults), remedy)
    else:
        yield fine("positions", f"{len(footers)} footers agree with offsets and topics")
    yield from _versions([footer for _, footer in footers])


def _versions(footers: Sequence[BatchCommitted]) -> Iterator[Finding]:
    """Whether all partitions were decided last by the same program, set alike."""
    programs = sorted({footer.code_version for footer in footers})
    if len(programs) > 1:
        remedy = "as during an upgrade; restart the processors of the old one"
        yield noted("versions", f"partitions were decided last by {named(programs)}", remedy)
    if len({footer.configuration_version for footer in footers}) > 1:
        remedy = "set LEDGER_DEDUPLICATION_DAYS and LEDGER_APPROVAL_ABOVE_USD alike for all"
        yield noted("versions", "processors decide by different settings", remedy)


def _footers(kafka: KafkaSettings, partitions: int) -> Iterator[tuple[int, BatchCommitted]]:
    """The last footer of each partition that has one."""
    for number in range(partitions):
        last = last_record(kafka, WALLET_EVENTS.name, number)
        if last is not None:
            footer, _ = codec.wallet_events.decode(last.value() or b"")
            if isinstance(footer, BatchCommitted):
                yield number, footer


def named(found: Iterable[str]) -> str:
    """A few of them, and how many more there are."""
    all_of_them = list(found)
    more = len(all_of_them) - NAMED_MAX
    shown = ", ".join(all_of_them[:NAMED_MAX])
    return f"{shown} and {more} more" if more > 0 else shown


def _lack(lack: Lack) -> str:
    return f"{lack.topic}/{lack.partition} has {lack.what}"


def _place(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
