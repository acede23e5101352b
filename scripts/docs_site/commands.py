"""A page for each verb of ``thb``, made of the verb's own help whenever the site is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from typer._click import Context
from typer.core import TyperGroup

from thb.cli import SUMMARIES, load_verb
from thb.runtime.console import EXIT_CODES

if TYPE_CHECKING:
    from typer._click import Command

FOLDER: Final = "reference/commands"
INDEX: Final = f"{FOLDER}/index.md"
_INTRODUCTION: Final = """\
# The command line

`thb VERB --help` shows on the terminal what these pages show. They are made of the code whenever
the site is built. Data goes to stdout and everything else to stderr, so that
`thb … --format json` can be piped. The [exit codes](../exit-codes.md) are the same for all verbs.

"""


def make_command_pages() -> dict[str, str]:
    """Return the Markdown of every page, by its path in the site's sources."""
    lines = [f"[`thb {verb}`]({verb}.md)\n:   {escape(text)}\n" for verb, text in SUMMARIES.items()]
    pages = {INDEX: _INTRODUCTION + "\n".join(lines)}
    for verb in SUMMARIES:
        pages[f"{FOLDER}/{verb}.md"] = "\n".join(_write_verb(verb))
    return pages


def list_command_pages() -> list[str | dict[str, str]]:
    """Return the part of the navigation that leads to these pages."""
    return [INDEX, *({f"thb {verb}": f"{FOLDER}/{verb}.md"} for verb in SUMMARIES)]


def write_exit_codes() -> str:
    """Return the table of the exit codes."""
    rows = [f"| `{code}` | {escape(meaning)} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join(["| code | meaning |", "|---:|---|", *rows])


def escape(text: str) -> str:
    """Return plain text as Markdown that shows it unchanged."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#])", r"\\\1", shown)


def _write_verb(verb: str) -> Iterator[str]:
    command = load_verb(verb)
    yield f"# thb {verb}\n"
    if not isinstance(command, TyperGroup):
        yield from _write_command(command, f"thb {verb}", heading="##")
        return
    yield f"{escape(command.help or SUMMARIES[verb])}\n"
    for name, part in command.commands.items():
        yield f"## thb {verb} {name}\n"
        yield from _write_command(part, f"thb {verb} {name}", heading="###")


def _write_command(command: Command, words: str, *, heading: str) -> Iterator[str]:
    context = Context(command, info_name=words)
    for paragraph in (command.help or "").split("\n\n"):
        yield f"{escape(' '.join(paragraph.split()))}\n"
    yield f"```text\n{' '.join(command.get_usage(context).split())}\n```\n"
    records = {name: [] for name in ("Arguments", "Options")}  # type: dict[str, list[str]]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            name, text = record
            records[kind].append(f"`{name}`\n:   {escape(text.strip())}\n")
    for title, entries in records.items():
        if entries:
            yield f"{heading} {title} {{: #{_anchor(words)}-{title.lower()} }}\n"
            yield from entries
    examples = re.findall(r"^ +(thb .*)$", command.epilog or "", re.MULTILINE)
    if examples:
        yield f"{heading} Examples {{: #{_anchor(words)}-examples }}\n"
        yield "\n".join(["```console", *examples, "```", ""])


def _anchor(words: str) -> str:
    return words.replace(" ", "-")
