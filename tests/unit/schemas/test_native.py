"""The quick way reads and writes every type by itself, declines all else, and holds on to nothing.

That it agrees with the generated code is asserted by every test that reads or writes through
`tests.unit.schemas.avro`, those of hostile bytes among them.
"""

import gc
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.catalogue import latest
from schemas.codec import EVENT_ATTRIBUTES, PREFIX_SIZE, TYPES
from schemas.native import IS_COMPILED, quick_decoder, quick_encoder
from tests.unit.schemas import avro
from tests.unit.schemas.examples import CALL, EXAMPLES, PREV

VALUES = [
    pytest.param(topic, example, id=f"{topic} {name}")
    for topic, examples in EXAMPLES.items()
    for name, example in examples.items()
]
only_compiled = pytest.mark.skipif(
    not IS_COMPILED, reason="this machine has no C compiler with Python's headers"
)


class Declined(Exception):
    """In place of the generated code, to see what is left to it."""


def declining(*_arguments: object) -> Any:
    raise Declined


def decoder(topic: str) -> Any:
    is_event = topic == "wallet.events"
    around = (EVENT_ATTRIBUTES, "prev") if is_event else (None, None)
    return quick_decoder(declining, latest(topic).parsed, TYPES, *around)


def encoder(topic: str) -> Any:
    is_event = topic == "wallet.events"
    around = (EVENT_ATTRIBUTES, "prev") if is_event else (None, None)
    return quick_encoder(declining, latest(topic).parsed, TYPES, avro.PREFIXES[topic], *around)


def test_it_is_compiled_wherever_it_can_be() -> None:
    linker = str(sysconfig.get_config_var("LDSHARED")).split()[0]
    has_headers = Path(sysconfig.get_path("include"), "Python.h").is_file()
    assert (shutil.which(linker) is not None and has_headers) == IS_COMPILED


@only_compiled
@pytest.mark.parametrize(("topic", "example"), VALUES)
def test_no_well_formed_value_is_left_to_the_generated_code(topic: str, example: Any) -> None:
    beside = (PREV,) if topic == "wallet.events" else ()
    written = encoder(topic)(example, *beside)
    assert written == avro.encode(topic, example)
    assert decoder(topic)(written, PREFIX_SIZE) == ((example, *beside) if beside else example)


@only_compiled
@pytest.mark.parametrize(
    "broken",
    [
        {"duration_ms": 2**63},
        {"duration_ms": -(2**63) - 1},
        {"user_turns": 2**31},
        {"user_turns": True},
        {"event_id": "\ud800"},
        {"event_id": None},
        {"tier": "STANDARD"},
        {"withdrawn": 0},
        {"hold_id": 1},
    ],
)
def test_what_is_not_of_its_field_s_type_is_declined(broken: dict[str, Any]) -> None:
    usage = msgspec.structs.replace(CALL, **broken)
    with pytest.raises(Declined):
        encoder("usage.calls")(usage)


@only_compiled
@pytest.mark.parametrize("arguments", [(), (b"",), (b"", 1), (b"", -1), ("", 0), (b"", None)])
def test_a_call_of_another_shape_is_declined(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(Declined):
        decoder("usage.calls")(*arguments)
    with pytest.raises(Declined):
        encoder("wallet.events")(*arguments)


@only_compiled
def test_texts_that_come_again_are_one_object_and_long_ones_are_not_kept() -> None:
    value = avro.encode("usage.calls", CALL)
    first, second = (decoder("usage.calls")(value, PREFIX_SIZE) for _ in range(2))
    assert first.tenant_id is second.tenant_id
    assert first.event_id is not second.event_id
    long = msgspec.structs.replace(CALL, tenant_id="t" * 129)
    value = avro.encode("usage.calls", long)
    first, second = (decoder("usage.calls")(value, PREFIX_SIZE) for _ in range(2))
    assert first.tenant_id is not second.tenant_id


@only_compiled
def test_reading_and_writing_leave_nothing_behind() -> None:
    """Counted in blocks of memory, over values that are taken, cut short and of another type."""
    read, write = decoder("wallet.events"), encoder("wallet.events")
    examples = list(EXAMPLES["wallet.events"].values())
    values = [write(example, PREV) for example in examples]

    def use_all() -> None:
        for example, value in zip(examples, values, strict=True):
            write(example, PREV)
            read(value, PREFIX_SIZE)
            for cut in (value[:-1], value + b"\0", value[: len(value) // 2]):
                with pytest.raises(Declined):
                    read(cut, PREFIX_SIZE)
            with pytest.raises(Declined):
                write(CALL, PREV)

    use_all()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        use_all()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100


@only_compiled
def test_codecs_that_are_not_needed_any_more_are_freed() -> None:
    def make_and_drop() -> None:
        decoder("wallet.events")
        encoder("wallet.events")
        gc.collect()

    make_and_drop()
    before = sys.getallocatedblocks()
    for _ in range(20):
        make_and_drop()
    assert sys.getallocatedblocks() - before < 1_000
