"""``thb``, the command line: each verb is a file of ``thb/commands``, and none imports much."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from thb.commands import (
    cache,
    calibrate,
    convert,
    data,
    data_split,
    env,
    evaluate,
    explain,
    leak_check,
    predict,
    publish,
    score,
    train,
)
from thb.runtime.console import run_command

app = typer.Typer(
    name="thb",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, score and judge detectors on TalkingHeadBench, the benchmark of talking-head "
    "deepfakes.",
    epilog="Data goes to stdout, progress to stderr. Exit codes: 0 ok, 1 finding, 2 usage, 3 data, "
    "4 model.",
)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("calibrate")(calibrate.calibrate)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("score")(score.score)
app.command("convert")(convert.convert)
data.app.command("split")(data_split.split)
app.add_typer(data.app, name="data")
app.command("leak-check")(leak_check.leak_check)
app.add_typer(cache.app, name="cache")
app.add_typer(publish.app, name="publish")
app.command("env")(env.env)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: Words after ``thb``; None for those of the process.

    Raises:
        SystemExit: Always, with 0 ok, 1 finding, 2 usage, 3 data or 4 model.
    """
    if "" not in sys.path:
        # A detector may be a class of the working folder, which a console script does not search.
        # The folder comes last, so that no file there hides a library.
        sys.path.append("")
    given = None if arguments is None else list(arguments)
    run_command(lambda: app(args=given, prog_name="thb"))
