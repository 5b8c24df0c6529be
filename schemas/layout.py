"""The parts of a parsed `.avsc`, and what they are."""

from typing import Any

Node = Any
"""A part of a parsed `.avsc`: a name, a list (union), or an object."""


def kind_of(node: Node) -> str:
    """The node's type as a word: a primitive's or a named type's name, else what it is."""
    if isinstance(node, str):
        return node
    if isinstance(node, list):
        return "union"
    kind: Any = node["type"]
    return kind if isinstance(kind, str) else kind_of(kind)


def logical_type_of(node: Node) -> str | None:
    """The node's logical type, if it has one."""
    return None if isinstance(node, str | list) else node.get("logicalType")
