"""Every command explains itself, and shows what to type."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import SECTIONS, cli

WITHOUT_JSON = {"ledger up", "ledger run"}
OF_FILES = {"ledger publish", *(f"ledger rates {name}" for name in ("lint", "diff", "publish"))}
"""Whose files are the reader's."""


def commands(group: click.Group, path: str = "ledger") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with what is typed to reach it."""
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = dict(commands(cli))
LEAVES = {path: found for path, found in ALL.items() if not isinstance(found, click.Group)}


@pytest.mark.parametrize("path", ALL)
def test_help_begins_with_a_sentence(path: str) -> None:
    first = (ALL[path].help or "").partition("\n\n")[0]
    assert re.fullmatch(r"[A-Z][^.]*(\.[^.\s][^.]*)*[.:]( .*[.])?", first.replace("\n", " ")), first


@pytest.mark.parametrize("path", LEAVES)
def test_help_shows_the_command_as_it_is_typed(path: str) -> None:
    shown = CliRunner().invoke(cli, [*path.split()[1:], "--help"])
    assert shown.exit_code == 0
    examples = shown.output.partition("Examples:")[2]
    assert path in examples


@pytest.mark.parametrize("path", LEAVES)
def test_every_example_can_be_parsed(path: str) -> None:
    command = LEAVES[path]
    for line in (command.epilog or "").splitlines()[2:]:
        typed = line.partition(path)[2].partition(">")[0]
        arguments = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", typed)]
        if path not in OF_FILES:
            command.make_context(path, arguments)


@pytest.mark.parametrize("path", LEAVES)
def test_every_option_says_what_it_does(path: str) -> None:
    options = [param for param in LEAVES[path].params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if not path.startswith(tuple(WITHOUT_JSON))]
)
def test_every_command_that_ends_can_print_json(path: str) -> None:
    assert "as_json" in {param.name for param in LEAVES[path].params}


def test_the_program_lists_every_command() -> None:
    listed = CliRunner().invoke(cli, ["--help"]).output
    assert {part.name for parts in SECTIONS.values() for part in parts} == set(cli.commands)
    assert all(f"  {name} " in listed for name in cli.commands)
