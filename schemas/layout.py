"""What of a schema decides its bytes: two records of one layout are encoded alike."""

from typing import Any

Node = Any
"""A part of a parsed `.avsc`: a name, a list (union), or an object."""

Layout = tuple[Any, ...] | str


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


def layout(node: Node, named: dict[str, Layout] | None = None) -> Layout:
    """The node without docs, defaults and logical types, names of types resolved."""
    named = {} if named is None else named
    kind = kind_of(node)
    if kind == "union":
        return ("union", *(layout(branch, named) for branch in node))
    if kind == "record":
        fields = [(field["name"], layout(field["type"], named)) for field in node["fields"]]
        return named.setdefault(node["name"], ("record", *fields))
    if kind == "enum":
        return named.setdefault(node["name"], ("enum", *node["symbols"]))
    if kind == "fixed":
        return named.setdefault(node["name"], ("fixed", node["size"]))
    if kind == "array":
        return ("array", layout(node["items"], named))
    return named.get(kind, kind)


def layouts_within(schema: Node) -> dict[str, Layout]:
    """The layout of every named type that a schema defines, by its name."""
    named: dict[str, Layout] = {}
    layout(schema, named)
    return named
