"""Every value holds the hash of the one before it, whatever hashes it."""

import gc
import sys
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.chain import Chains, beginning
from schemas.codec import wallet_events
from schemas.native import hash_of
from tests.unit.schemas.examples import EXAMPLES

EVENTS: list[Any] = list(EXAMPLES["wallet.events"].values())


def test_every_value_holds_the_hash_of_the_one_before_it() -> None:
    heads: dict[str, bytes] = {}
    values, hashes = Chains("p").link(EVENTS, heads)
    assert hashes == [sha256(value).digest() for value in values]
    last = {"": sha256(b"p").digest()}
    for value, value_hash in zip(values, hashes, strict=True):
        event, prev = wallet_events.decode(value)
        tenant_id = event.originator_id
        assert prev == last.get(tenant_id, beginning(tenant_id))
        last[tenant_id] = value_hash
    assert heads == {tenant_id: last[tenant_id] for tenant_id in heads}


@pytest.mark.parametrize("size", [*range(300), 1_000, 65_536, 1_000_003])
def test_a_hash_is_the_library_s_whatever_the_size(size: int) -> None:
    value = bytes((7 * at + size) % 251 for at in range(size))
    assert hash_of(value) == sha256(value).digest()


@given(st.binary(max_size=600))
def test_a_hash_is_the_library_s_whatever_the_bytes(value: bytes) -> None:
    assert hash_of(value) == sha256(value).digest()


def test_hashing_leaves_nothing_behind() -> None:
    def hash_some() -> None:
        hash_of(b"some")
        with pytest.raises(TypeError):
            hash_of("some")  # pyright: ignore[reportArgumentType]

    hash_some()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(100):
        hash_some()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
