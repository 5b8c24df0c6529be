"""The documentation names what exists, and what its pages tell to type does what they say."""

import ast
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click
import pytest

from cli import connection, settings
from cli.main import cli
from scripts import reference
from tests.checkout import ROOT, texts
from tests.java_programs import with_java

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^```python\n.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
VARIABLE = re.compile(r"\bLEDGER_[A-Z_]*[A-Z]\b")
SAVED_AS = re.compile(r"(?:python|java) (\w+\.(?:py|java))")

GUIDES: Final = ("docs/tutorial/*.md", "docs/how-to/*.md", "docs/runbooks/*.md")
"""Pages to be followed. What their `sh` blocks hold can be typed, as it stands, one block after the
other; what stands behind a `$` in a `console` block stays, stops, builds or takes long."""

PLAYED: Final = (
    "docs/tutorial/one-call.md",
    "docs/how-to/publish-usage.md",
    "docs/how-to/ask-for-a-hold.md",
    "docs/how-to/replay-the-log.md",
    "docs/how-to/verify-the-log.md",
    "docs/how-to/look-into-dead-letters.md",
    "docs/how-to/change-prices.md",
    "docs/how-to/decide-what-waits.md",
    "docs/how-to/make-traffic.md",
    "docs/how-to/rebuild-the-read-models.md",
    "docs/how-to/use-the-client.md",
    "docs/how-to/publish-from-java.md",
    "docs/how-to/pause-the-intake.md",
)
"""The guides that need a stack and nothing else; each begins where the one before it ended."""

SERVERS: Final = "127.0.0.1:24236"
"""Where Kafka is, in the guides."""

CHANGING: Final = {
    r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?": "<moment>",
    r"event g1\.wallet\.commands:\d+:\d+:\d+": "event <event>",
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}": "<id>",
    r"\d+ +(\S+ +\S+) +\d+ [0-9a-f]{12}…": r"<batches> \1 <head>",
    r"[\d,]+ batches": "<batches>",
    r"in \d+\.\d s": "in <seconds>",
    r"(offset|/\d+ @) \d+": r"\1 <offset>",
    r"/\d+ @": "/<partition> @",
    r"^(Dead letter +)?\d+:\d+": r"\1<position>",
}
"""What differs from one time to the next, as patterns."""

READY_S: Final = 120.0
END_OF_BLOCK: Final = "\x1e"


class Block(NamedTuple):
    """A fenced block of a page: its language and what is in it."""

    page: Path
    language: str
    text: str


def links() -> Iterator[tuple[Path, str]]:
    """Each page with what it points to, addresses and places in the same page left out."""
    for path, text in texts("*.md").items():
        for target in LINK.findall(text):
            if not target.startswith(("https://", "http://", "mailto:", "#")):
                yield path, target.partition("#")[0]


def blocks(*patterns: str) -> Iterator[Block]:
    """The fenced blocks of pages, in order."""
    for page, text in texts(*patterns).items():
        for language, inside in FENCED.findall(text):
            yield Block(page, language, inside)


def programs() -> Iterator[Block]:
    """The guides' programs in Python."""
    return (block for block in blocks(*GUIDES) if block.language == "python")


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


def test_every_setting_that_is_named_exists() -> None:
    known = {setting.variable for setting in settings.catalogue()}
    known |= {setting.variable + settings.FILE_SUFFIX for setting in settings.catalogue()}
    assert [
        f"{page}: {variable}"
        for page, text in texts("README.md", "docs/explanation/*.md", *GUIDES).items()
        for variable in VARIABLE.findall(PROGRAM.sub("", text))
        if variable not in known
    ] == []


# ── Commands ──


def test_the_guides_show_commands_that_can_be_typed() -> None:
    shown = [(block.page, words) for block in blocks(*GUIDES) for words in typed(block)]
    assert len(shown) > 20
    assert [
        f"{page}: ledger {' '.join(words)}: {fault}"
        for page, words in shown
        if (fault := fault_in(words)) is not None
    ] == []


def test_every_command_that_is_named_exists() -> None:
    named = [
        (page, shlex.split(words.partition("ledger ")[2]))
        for page, text in texts("README.md", "docs/explanation/*.md", *GUIDES).items()
        for words in INLINE.findall(FENCED.sub("", text))
        if re.match(r"(\S+/bin/)?ledger ", words)
    ]
    assert len(named) > 10
    assert [f"{page}: {' '.join(words)}" for page, words in named if not led(words)] == []


def typed(block: Block) -> Iterator[list[str]]:
    """The words of each `ledger` command in a block, without the program's name."""
    lines = block.text.splitlines() if block.language in ("sh", "console") else []
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        found = re.match(r"(?:LEDGER_\w+=\S+ )*(?:\S+/bin/)?ledger(?: (.*))?$", line)
        if found:
            yield shlex.split(re.split(r" (?:>|&&|\|) ", found[1] or "")[0], comments=True)


def led(words: list[str]) -> tuple[click.Command, list[str]] | None:
    """The command that words lead to and the words behind it; None if there is no such command."""
    command: click.Command = cli
    for place, word in enumerate(words):
        if not isinstance(command, click.Group) or not re.fullmatch("[a-z][a-z-]*", word):
            return command, words[place:]
        if word not in command.commands:
            return None
        command = command.commands[word]
    return command, []


def fault_in(words: list[str]) -> str | None:
    """Why a command cannot be typed like this; None if it can. Values are left to the command."""
    found = led(words)
    if found is None:
        return "there is no such command"
    command, rest = found
    try:
        # A command remembers its `--help` as its first context had it: the group's settings hold.
        context = click.Context(command, **cli.context_settings)
        given, surplus, _ = command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    if isinstance(command, click.Group) and not given:
        return "it is a group"
    needed = [param.name or "" for param in command.params if param.required]
    missing = [name for name in needed if not isinstance(given.get(name), str | tuple | bool)]
    return f"{missing} missing, {surplus} too many" if missing or surplus else None


# ── Programs ──


def test_every_program_in_a_guide_finds_what_it_imports() -> None:
    found = list(programs())
    assert len(found) > 5
    assert [
        f"{program.page}: {name} of {module}"
        for program in found
        for module, name in imports(ast.parse(program.text))
        if not is_there(module, name)
    ] == []


def imports(program: ast.Module) -> Iterator[tuple[str, str]]:
    """Each module that a program imports, with a name that must be in it."""
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "__name__") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def is_there(module: str, name: str) -> bool:
    """Whether the module exists and has the name, perhaps as a module of its own."""
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ImportError:
        return False
    return True


# ── The guides, followed ──


@pytest.fixture
def stack(tmp_path: Path) -> Generator[dict[str, str]]:
    """What `ledger up` runs on an empty folder: the environment of those who use it."""
    data, log = tmp_path / "data", tmp_path / "up.log"
    without = {name: value for name, value in os.environ.items() if "LEDGER_" not in name}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = without | {"LEDGER_DATA": str(data), "PATH": path}
    with log.open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "-P", "-m", "cli", "up"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        give_up_s = time.monotonic() + READY_S
        while "Everything runs." not in log.read_text():
            assert up.poll() is None, log.read_text()
            assert time.monotonic() < give_up_s, log.read_text()
            time.sleep(0.1)
        yield with_java(tmp_path / "bin", environment)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


@pytest.mark.stack
def test_the_guides_show_what_is_printed(stack: dict[str, str], tmp_path: Path) -> None:
    servers = connection.read(Path(stack["LEDGER_DATA"]))["LEDGER_KAFKA_BOOTSTRAP_SERVERS"]
    told = [block for page in PLAYED for block in blocks(page)]
    played = subprocess.run(
        ["bash", "-c", script(told).replace(SERVERS, servers)],
        cwd=ROOT,
        env=stack | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = iter(played.stdout.replace(servers, SERVERS).split(END_OF_BLOCK))
    output = ""
    for block in told:
        if block.language == "sh":
            output = next(printed)
        elif block.language == "text":
            lacking = not_in(output, block.text)
            assert lacking is None, f"{block.page}: {lacking!r} is not in\n{output}"


def script(told: list[Block]) -> str:
    """What to type and which programs to save, in one shell; each block typed ends with a mark."""
    parts: list[str] = []
    for block in told:
        if block.language == "sh":
            parts.append(f"{block.text}printf '\\x1e'\n")
        elif block.language in ("python", "java") and (name := SAVED_AS.search(block.text)):
            parts.append(f"cat > {name[1]} <<'END OF PROGRAM'\n{block.text}END OF PROGRAM\n")
    return "".join(parts)


def not_in(output: str, shown: str) -> str | None:
    """The first line shown that was not printed, after those before it; None if all were.

    Lines may be left out, at `…` and without; a line that ends with it may go on.
    """
    printed = iter(steady(output))
    for line in steady(shown):
        start = line.removesuffix("…").rstrip()
        is_whole = start == line
        if not any(other == line if is_whole else other.startswith(start) for other in printed):
            return line
    return None


def steady(text: str) -> Iterator[str]:
    """The lines of a text without what changes: moments, ids, offsets, the width of columns."""
    for line in text.splitlines():
        for pattern, name in CHANGING.items():
            line = re.sub(pattern, name, line)  # noqa: PLW2901
        yield " ".join(line.split())
