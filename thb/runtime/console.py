"""Messages, warnings and exit codes of a command: :data:`EXIT_CODES` lists the codes."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Event
from typing import Final, TextIO

EXIT_OK: Final = 0
EXIT_FINDING: Final = 1
EXIT_USAGE: Final = 2
EXIT_DATA: Final = 3
EXIT_MODEL: Final = 4
EXIT_BUG: Final = 70
EXIT_INTERRUPTED: Final = 130
EXIT_CODES: Final[Mapping[int, str]] = {
    EXIT_OK: "success",
    EXIT_FINDING: "finding: the check ran, and something is wrong with what it checked",
    EXIT_USAGE: "usage: the command line makes no sense",
    EXIT_DATA: "data: a release, a video or a result is missing or cannot be used",
    EXIT_MODEL: "model: a detector, a face pack or a package is missing or cannot be used",
    EXIT_BUG: "bug: the toolkit failed in a way that nobody foresaw; please report it",
    EXIT_INTERRUPTED: "interrupted",
}
"""The exit code of every command; ``thb --help`` shows this table."""

_QUIET: Final = Event()
_SAID_ALWAYS: Final = ("error:", "warning:", "hint:", "interrupted:", "stopped after")
OURS: Final = ("thb", "thb_dataset", "detectors", "metrics")
INTERRUPTED: Final = "interrupted: finished work is kept; run the same command again to continue"
_EXTRAS: Final = {
    "accelerate": "models",
    "safetensors": "models",
    "torch": "models",
    "transformers": "models",
    "evaluate": "metrics",
    "insightface": "insightface",
    "onnx": "insightface",
    "onnxruntime": "insightface",
    "pytorch_grad_cam": "explain",
    "gradio": "space",
    "sklearn": "shortcuts",
    "matplotlib": "figures",
}
_FAULTS_OF_THE_MACHINE: Final = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOTDIR,  # a file stands where a folder belongs, or the other way round
    errno.EEXIST,
    errno.EISDIR,
}


def run_command(command: Callable[[], None]) -> None:
    """Run a command and end the process with 0 or with the exit code of its error.

    An error that the toolkit foresees is one line on stderr, without a traceback unless
    ``THB_DEBUG=1``. Any other error is a bug: a traceback and exit code 70.

    Raises:
        SystemExit: Always.
    """
    _QUIET.clear()
    accept_every_character()
    quiet_third_parties()
    _find_a_home()
    try:
        command()
    except KeyboardInterrupt:
        say(INTERRUPTED)
        sys.exit(EXIT_INTERRUPTED)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # typer's answer to Ctrl-C
            say(INTERRUPTED)
        if isinstance(ended.code, int) and ended.code != EXIT_OK:
            tell_launcher(f"exit code {ended.code}, {EXIT_CODES.get(ended.code, 'unknown')}")
        raise
    except Exception as error:
        exit_code = exit_code_of(error)
        if exit_code == EXIT_BUG or os.environ.get("THB_DEBUG") == "1":
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            say(f"error: {explain_error(error)}")
            tell_launcher(f"exit code {exit_code}, {explain_error(error)}")
        sys.exit(exit_code)
    sys.exit(EXIT_OK)


def tell_launcher(message: str) -> None:
    """Leave a sentence for the report of ``torchrun``, which otherwise advises to trace torch.

    It reports every process that ends with another code than 0, a finding as well.
    """
    file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if file:
        moment = {"timestamp": str(int(time.time()))}
        record = {"message": {"message": message, "extraInfo": moment}}
        with suppress(OSError):  # the report is only less clear without it
            Path(file).write_text(json.dumps(record), encoding="utf-8")


def accept_every_character() -> None:
    """Let stdout and stderr spell out letters that their encoding lacks.

    Terminals and pipes have many encodings, and a file name may be no text in any of them.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a notebook's streams take every character already
            stream.reconfigure(errors="backslashreplace")


def _find_a_home() -> None:
    """Give the process a home if the user has none, since every library's cache begins there."""
    from thb.runtime.cache import find_home, temporary_home

    if find_home() is not None:
        return
    os.environ["HOME"] = str(temporary_home())
    if not ({"THB_CACHE", "XDG_CACHE_HOME"} & set(os.environ)):
        say(
            "warning: this user has no home folder, so crops and downloads are kept for this run"
            " only; set THB_CACHE and HF_HOME to folders that can be written"
        )


def exit_code_of(error: Exception) -> int:
    """Return the exit code of an error; 70 for one that nobody foresaw."""
    from thb_dataset.errors import THBError

    if isinstance(error, THBError):
        return error.exit_code
    if isinstance(error, ModuleNotFoundError) and _root_module(error) in _EXTRAS:
        return EXIT_MODEL
    if _find_errno(error) in _FAULTS_OF_THE_MACHINE:
        return EXIT_DATA
    if type(error).__name__ == "MetricError":  # named, not imported: that would import numpy
        return EXIT_DATA
    return EXIT_BUG


def explain_error(error: Exception) -> str:
    """Return an error's message and what to do next."""
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS[_root_module(error)]
        return f"{error}: pip install 'talkingheadbench[{extra}]'"
    number = _find_errno(error)
    if number not in _FAULTS_OF_THE_MACHINE:
        return str(error)
    place = str(getattr(error, "filename", None) or "")
    where = f" ({place})" if place else ""
    return (
        f"{os.strerror(number)}{where}: finished work is kept; mend this{_name_variable(place)} and"
        " run the same command again to continue"
    )


def _find_errno(error: Exception) -> int:
    """Return the operating system's number of an error; 0 if it has none."""
    if isinstance(error, OSError):
        return error.errno or 0
    # safetensors is written in Rust, and its error for a full disk is no OSError.
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found and type(error).__name__ == "SafetensorError" else 0


def _name_variable(place: str) -> str:
    """Return the advice about a file in the cache; empty for any other file."""
    from thb.runtime.cache import cache_folder

    if not place.startswith(str(cache_folder())):
        return ""
    return ", or set THB_CACHE to a folder that can be written,"


def be_quiet(wanted: bool) -> bool:
    """Let :func:`say` write errors and warnings only, until the command ends; return the wish."""
    if wanted:
        _QUIET.set()
    return wanted


def say(message: str) -> None:
    """Write a line for people on stderr; with several processes it names the one that speaks.

    After :func:`be_quiet`, only errors and warnings are written.
    """
    if _QUIET.is_set() and not message.startswith(_SAID_ALWAYS):
        return
    rank = os.environ.get("RANK", "0")
    line = message if rank == "0" else f"[process {rank}] {message}"
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)  # above the progress bars on the screen
    else:
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def quiet_third_parties() -> None:
    """Show our own warnings and log records as plain lines, and none of other libraries."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if os.environ.get("THB_DEBUG") == "1":
        return
    logging.basicConfig(level=logging.ERROR, handlers=[_Lines()])
    for name in OURS:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    for name in OURS:
        warnings.filterwarnings("default", module=rf"{name}(\.|$)")
    warnings.showwarning = _show_warning


def quiet_transformers() -> None:
    """Hide the progress bars that transformers shows whenever it loads weights."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


class _Lines(logging.Handler):
    """Writes log records as lines for people."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {message}")


def _root_module(error: ModuleNotFoundError) -> str:
    return (error.name or "").partition(".")[0]
