"""What a command says besides its data: errors in a line, warnings of ours, an exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable
from typing import TextIO

OURS = ("thb", "thb_dataset", "detectors", "metrics")
EXIT_DATA, EXIT_MODEL, EXIT_BUG = 3, 4, 70
EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted: what is finished is kept, and the same command goes on from there"
_EXTRAS = {
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
}
_FAULTS_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def run_command(command: Callable[[], None]) -> None:
    """Run a command and end the process: 0, or the exit code of the error that it met.

    An error that the toolkit foresees is a line on stderr and never a traceback, unless
    ``THB_DEBUG=1``. What it does not foresee is a bug: a traceback and exit code 70.

    Raises:
        SystemExit: Always.
    """
    quiet_third_parties()
    try:
        command()
    except KeyboardInterrupt:
        say(INTERRUPTED)
        sys.exit(EXIT_INTERRUPTED)
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:  # typer's answer to Ctrl-C
            say(INTERRUPTED)
        raise
    except Exception as error:
        exit_code = exit_code_of(error)
        if exit_code == EXIT_BUG or os.environ.get("THB_DEBUG") == "1":
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            say(f"error: {explain(error)}")
        sys.exit(exit_code)
    sys.exit(0)


def exit_code_of(error: Exception) -> int:
    """Return 1 finding, 2 usage, 3 data, 4 model; 70 for an error that nobody foresaw."""
    from thb_dataset.errors import THBError

    if isinstance(error, THBError):
        return error.exit_code
    if isinstance(error, ModuleNotFoundError) and _root_module(error) in _EXTRAS:
        return EXIT_MODEL
    if isinstance(error, OSError) and error.errno in _FAULTS_OF_THE_MACHINE:
        return EXIT_DATA
    if type(error).__name__ == "MetricError":  # named, not imported: that would import numpy
        return EXIT_DATA
    return EXIT_BUG


def explain(error: Exception) -> str:
    """Return an error's message and what to do next."""
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRAS[_root_module(error)]
        return f"{error}: pip install 'talkingheadbench[{extra}]'"
    if isinstance(error, OSError) and error.errno in _FAULTS_OF_THE_MACHINE:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}: nothing is lost, and the same command goes on from there"
    return str(error)


def say(message: str) -> None:
    """Write a line for people, on stderr; under several processes it says which of them speaks."""
    rank = os.environ.get("RANK", "0")
    line = message if rank == "0" else f"[process {rank}] {message}"
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)  # above the bars that are on the screen
    else:
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def quiet_third_parties() -> None:
    """Keep the warnings and log lines of libraries off the screen; ours are shown as lines."""
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
    """Keep the bars that transformers shows for every load of a few weights off the screen."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


class _Lines(logging.Handler):
    """Log records as lines for people."""

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
