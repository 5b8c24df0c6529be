"""Write the pages of docs that follow from what exists: commands, settings, figures and so on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cli.main import cli
from cli.settings import FILE_SUFFIX, catalogue
from scripts.asyncapi import asyncapi_page
from scripts.figures import figures_page
from scripts.rules import rules_page

DOCS = Path(__file__).resolve().parent.parent / "docs"
HELP_WIDTH = 96


def commands_page() -> str:
    """Each command's help, as it prints it."""
    title = "# Commands\n\nThe help of every command, as `--help` prints it.\n"
    sections = [f"## `{path}`\n\n```text\n{text}\n```\n" for path, text in helps(cli, "ledger")]
    return "\n".join([title, *sections])


def helps(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """A command's path and help, then those of the commands it holds."""
    context = command.make_context(
        name,
        [],
        parent,
        resilient_parsing=True,
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
    )
    yield context.command_path, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for held_name in command.list_commands(context):
            held = command.get_command(context, held_name)
            if held is not None and not held.hidden:
                yield from helps(held, held_name, context)


def settings_page() -> str:
    """Each setting with its default and meaning."""
    title = (
        "# Settings\n\nAll come from the environment; an empty variable counts as not set. Instead"
        f" of a secret,\nits name with `{FILE_SUFFIX}` may give the path of a file that holds it.\n"
    )
    rows = [
        f"| `{setting.variable}`{' (secret)' if setting.is_secret else ''} "
        f"| {setting.shown or '–'} | {setting.text} |"
        for setting in catalogue()
    ]
    return "\n".join([title, "| variable | default | meaning |", "|---|---|---|", *rows, ""])


def records_page() -> str:
    """The list of decision records, by number."""
    title = (
        "# Decision records\n\nHalf a page each, for what would surprise a reader: what was chosen,"
        " what else was looked at,\nwhat would change our mind. A record is not rewritten when the"
        " mind changes; the next one names it.\n"
    )
    rows = [
        f"- [{record.read_text(encoding='utf-8').splitlines()[0].removeprefix('# ')}]"
        f"({record.name})"
        for record in sorted((DOCS / "adr").glob("[0-9]*.md"))
    ]
    return "\n".join([title, *rows, ""])


PAGES: dict[str, Callable[[], str]] = {
    "adr/README.md": records_page,
    "reference/asyncapi.json": asyncapi_page,
    "reference/commands.md": commands_page,
    "reference/figures.md": figures_page,
    "reference/rules.md": rules_page,
    "reference/settings.md": settings_page,
}


def main() -> None:
    """Write each page anew."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
