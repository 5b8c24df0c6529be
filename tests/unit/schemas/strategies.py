"""Hypothesis values for any of our schemas, as fastavro takes them."""

from typing import Any, cast

from hypothesis import strategies as st

_INT_MAX = 2**31 - 1
_LONG_MAX = 2**63 - 1


def longs(largest: int) -> st.SearchStrategy[int]:
    """Numbers of every size: also those where a varint grows by a byte, and the outermost."""
    powers = [1 << bits for bits in range(largest.bit_length())]
    edges = [sign * (power + step) for power in powers for step in (-1, 0) for sign in (-1, 1)]
    return st.integers(-largest - 1, largest) | st.sampled_from((-largest - 1, largest, *edges))


def values(node: Any, named: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    """Values of a parsed schema without logical types."""
    named = {} if named is None else named
    match node:
        case "long":
            return longs(_LONG_MAX)
        case "int":
            return longs(_INT_MAX)
        case "boolean":
            return st.booleans()
        case "string":
            return st.text(max_size=20)
        case "bytes":
            return st.binary(max_size=20)
        case "null":
            return st.none()
        case str():
            return values(named[node], named)
        case ["null", branch]:
            return st.none() | values(branch, named)
        case list():
            records = cast("list[dict[str, Any] | str]", node)
            return st.one_of([_branch(record, named) for record in records])
        case _:
            return _composite(node, named)


def _composite(node: dict[str, Any], named: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "name" in node:
        named[node["name"]] = node
    match node["type"]:
        case "record":
            fields = {field["name"]: values(field["type"], named) for field in node["fields"]}
            return st.fixed_dictionaries(fields)
        case "enum":
            return st.sampled_from(node["symbols"])
        case "fixed":
            return st.binary(min_size=node["size"], max_size=node["size"])
        case "array":
            return st.lists(values(node["items"], named), max_size=3)
        case primitive:
            return values(primitive, named)


def _branch(record: dict[str, Any] | str, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A record among several is told by its name, which is all there is of one defined before."""
    name = record if isinstance(record, str) else record["name"]
    return st.tuples(st.just(f"aitelier.ledger.{name}"), values(record, named))
