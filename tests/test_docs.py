"""The documentation names what exists: commands, settings, pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import reference
from tests.checkout import ROOT, texts

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links() -> Iterator[tuple[Path, str]]:
    """Each page with what it points to, addresses and places in the same page left out."""
    for path, text in texts("*.md").items():
        for target in LINK.findall(text):
            if not target.startswith(("https://", "http://", "mailto:", "#")):
                yield path, target.partition("#")[0]


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_made_from_what_exists_is_fresh(name: str) -> None:
    written = (reference.DOCS / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run `make reference`"


def test_every_link_leads_somewhere() -> None:
    assert [
        f"{path}: {target}"
        for path, target in links()
        if not (ROOT / path.parent / target).exists()
    ] == []


def test_every_page_is_linked_from_another() -> None:
    pages = {(ROOT / path).resolve() for path in texts("docs/*.md")}
    linked = {
        (ROOT / path.parent / target).resolve() for path, target in links() if target != path.name
    }
    assert sorted(pages - linked) == []
