"""``thb``, the command line.

Each verb is a file of ``thb/commands``, which is imported when the verb is called.
"""

from __future__ import annotations

import re
import sys
from ast import literal_eval
from collections.abc import Sequence
from importlib import import_module
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from thb.runtime.console import EXIT_CODES, run_command, say
from thb_dataset.wording import suggest

if TYPE_CHECKING:
    from typer._click import Command, Context

SUMMARIES: Final = {
    "train": "Train a detector on every fold of a protocol.",
    "evaluate": "Score a detector on every fold of a protocol.",
    "calibrate": "Choose the threshold of every detector in a run.",
    "predict": "Score video files.",
    "explain": "Show where a detector looked in video files.",
    "explain-split": "Measure where a detector looks over a whole test set.",
    "gallery": "Draw the best hits, worst misses and worst false alarms.",
    "score": "Compute the paper's numbers from saved predictions.",
    "shortcuts": "Measure what the metadata of the videos alone reach.",
    "tables": "Print the paper's tables for your detectors.",
    "figures": "Draw the paper's figures, as PNG and SVG.",
    "transitions": "Count fakes found in one protocol and missed in another.",
    "report": "Write what runs have measured as one HTML page.",
    "verify-result": "Recompute a result and compare every value.",
    "import-scores": "Turn the scores of other software into predictions.",
    "export": "Write predictions and results in the formats of others.",
    "submit": "Submit a detector's predictions to a results repo.",
    "detectability": "Say how detectable a folder of new fakes is.",
    "board": "Make, check and rank a results repo.",
    "detectors": "List the detectors and the weights that others publish.",
    "convert": "Convert an official checkpoint.",
    "data": "Look at a release.",
    "leak-check": "Compare the faces of videos in different splits.",
    "cache": "Show or prune the face crops kept on disk.",
    "publish": "Send a dataset, a detector, the metric or a Space to the Hub.",
    "env": "Show the versions, devices and folders in use.",
}
"""The first sentence of each verb, so that ``thb --help`` imports none of them."""

_NO_CHOICE: Final = re.compile(r"('.*?'|\".*?\") is not one of (.+)\.$")
_NARROW: Final = 52
"""Columns below which help texts are laid out for a narrow terminal."""
_EXAMPLES: Final = "\n\nExamples:\n"
_AS_WRITTEN: Final = "\b\n"
"""Tells the help formatter to keep the lines of a paragraph."""


def load_verb(verb: str) -> TyperCommand | TyperGroup:
    """Import the module of a verb and return its command or its group of commands."""
    name = verb.replace("-", "_")
    module = import_module(f"thb.commands.{name}")
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    if hasattr(module, "app"):
        app.add_typer(module.app, name=verb)
    else:
        app.command(verb)(getattr(module, name))
    command = get_group(app).commands[verb]
    assert isinstance(command, TyperCommand | TyperGroup)  # noqa: S101 — typer makes no others
    _lay_out_help(command)
    return command


def _lay_out_help(command: Command) -> None:
    """Show the examples of a docstring below the options, and its first sentence in lists."""
    command.context_class = _Context
    text, _, examples = (command.help or "").partition(_EXAMPLES)
    command.help = text
    command.short_help = " ".join(text.partition("\n\n")[0].split())
    if examples:
        lines = [f"  {line.strip()}" for line in examples.splitlines()]
        command.epilog = "\n".join([f"{_AS_WRITTEN}Examples:", *lines])
    if isinstance(command, TyperGroup):
        for part in command.commands.values():
            _lay_out_help(part)


class _HelpFormatter(typer.Context.formatter_class):  # type: ignore[valid-type,misc]
    """Lays out help; on a narrow terminal each explanation stands below what it explains."""

    def __init__(
        self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None
    ) -> None:
        columns = get_terminal_size().columns
        if width is None and columns < _NARROW:  # by itself it would not go below
            width = max(columns - 2, 20)
        super().__init__(indent_increment, width, max_width)

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write what is explained, and its explanations."""
        super().write_dl(rows, 2 if self.width < _NARROW - 2 else col_max, col_spacing)


class _Context(typer.Context):
    """What is known of a call; it chooses the layout of its help."""

    formatter_class = _HelpFormatter


class _Verbs(TyperGroup):
    """The group of all verbs; a verb is only its name and summary until it is called."""

    context_class = _Context

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 — passed on to typer
        super().__init__(**attributes)
        for verb, summary in SUMMARIES.items():
            self.add_command(TyperCommand(verb, short_help=summary, help=summary))

    def invoke(self, ctx: Context) -> Any:  # noqa: ANN401 — whatever the verb returns
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = _explain_choice(error.message)
            raise

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        words = args if ctx.resilient_parsing else _read_old_spelling(args)
        verb, command, rest = super().resolve_command(ctx, words)
        return verb, load_verb(verb) if verb and command else None, rest


def _explain_choice(message: str) -> str:
    """Return the message about a value that is none of the choices, with the nearest of them."""
    found = _NO_CHOICE.search(message)
    if found is None:
        return message
    value, listed = literal_eval(found[1]), found[2]
    hint = suggest(str(value), [str(one) for one in literal_eval(f"[{listed}]")])
    return f"{value!r} is not one of {listed}." + (f" {hint[0].upper()}{hint[1:]}" if hint else "")


def _read_old_spelling(words: list[str]) -> list[str]:
    """Return ``explain RUN --protocol …``, once one verb for three things, as it is spelt now."""
    options = {word.partition("=")[0] for word in words[: (*words, "--").index("--")]}
    if words[0] != "explain" or not options & {"--protocol", "--gallery"}:
        return words
    verb = "gallery" if "--gallery" in options else "explain-split"
    say(f"note: this is now spelt thb {verb}; the old spelling will go")
    return [verb, *(word for word in words[1:] if word != "--gallery")]


app = typer.Typer(
    name="thb",
    cls=_Verbs,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, score and judge detectors on TalkingHeadBench, the benchmark of talking-head "
    "deepfakes.",
    epilog="thb VERB --help shows the options of a verb and two examples. Data goes to stdout, "
    "everything else to stderr; --quiet leaves warnings and errors. After thb --install-completion "
    f"the Tab key completes verbs and options.\n\n{_AS_WRITTEN}Exit codes:\n"
    + "\n".join(f"  {code:<3}  {meaning}" for code, meaning in EXIT_CODES.items()),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"talkingheadbench {version('talkingheadbench')}")
        raise typer.Exit


@app.callback()
def thb(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make the app a group of verbs; it does nothing by itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with one of ``console.EXIT_CODES``.

    Args:
        arguments: The words after ``thb``; None for those of the process.

    Raises:
        SystemExit: Always.
    """
    if "" not in sys.path:
        # A detector may be a class of the working folder, which a console script does not search.
        # The folder comes last, so that no file there hides a library.
        sys.path.append("")
    given = None if arguments is None else list(arguments)
    run_command(lambda: app(args=given, prog_name="thb"))
