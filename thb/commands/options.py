"""Options that several verbs share: the choices, the default and the help of each, in one place.

Many defaults and choices belong to settings that import numpy or torch, which no help text needs.
They are repeated here, and ``tests/contracts/test_commands.py`` compares them with the settings.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from thb.preprocessing.settings import Preparation
from thb.releases.opening import DEFAULT_RELEASE
from thb.runtime.console import be_quiet
from thb_dataset.protocols import PAPER_PROTOCOLS
from thb_dataset.release.splits import SplitReading

SingleProtocol = Literal["p1", "p2", "p3", "p3-family"]
ProtocolChoice = Literal["p1", "p2", "p3", "p3-family", "all"]
NoFacePolicy = Literal["exclude", "as_real", "as_fake"]
ScoringPrecision = Literal["fp32", "fp16", "bf16"]
Target = Literal["fake", "real"]

PROTOCOL_HELP: Final = (
    "p1: new identities; p2: a new generator; p3: both; all: the three one after another. "
    "p3-family: a diagnostic, p3 with related generators held out together."
)
ProtocolOption = Annotated[ProtocolChoice, typer.Option("--protocol", help=PROTOCOL_HELP)]
FoldOption = Annotated[
    str | None,
    typer.Option(
        "--fold",
        metavar="GENERATOR",
        help="Only the fold of p2 or p3 that holds out this generator, or of p3-family that holds "
        "out this family (hallo, aniportrait, sd-vae, warping); p3-hallo means hallo. (default: "
        "every fold)",
    ),
]

RELEASE: Final = DEFAULT_RELEASE
ReleaseOption = Annotated[
    str,
    typer.Option(
        "--release",
        metavar="DIR|ORG/NAME|mini",
        help="The videos: a folder in the layout of the benchmark's Hub repo; a Hub id, optionally "
        "with @REVISION; refs/pr/N of the benchmark's repo; or 'mini', a small synthetic release.",
    ),
]
RealRootOption = Annotated[
    Path | None,
    typer.Option(
        "--real-root",
        metavar="DIR",
        help="Folder of the real videos: DIR/FaceForensics++/… and DIR/CelebV-HQ/….",
    ),
]

SPLIT_BY: Final = SplitReading.RELEASE
SplitByOption = Annotated[
    SplitReading,
    typer.Option(
        "--split-by", help="Split the fakes by the release's folders or by their driving video."
    ),
]


class OutputFormat(StrEnum):
    """How a verb writes its data to stdout."""

    TEXT = "text"
    JSON = "json"


class RowFormat(StrEnum):
    """How a verb writes one line for each video to stdout."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"


class TableFormat(StrEnum):
    """How a verb writes a table to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class MarkdownFormat(StrEnum):
    """How a verb writes a comment for a pull request to stdout."""

    MARKDOWN = "markdown"
    JSON = "json"


class ResultFormat(StrEnum):
    """How a verb writes results to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"


FORMAT: Final = OutputFormat.TEXT
FormatOption = Annotated[OutputFormat, typer.Option("--format", help="Format of stdout.")]
TABLE_FORMAT: Final = TableFormat.TEXT
TableFormatOption = Annotated[TableFormat, typer.Option("--format", help="Format of stdout.")]
MARKDOWN_FORMAT: Final = MarkdownFormat.MARKDOWN
MarkdownFormatOption = Annotated[MarkdownFormat, typer.Option("--format", help="Format of stdout.")]
ROW_FORMAT: Final = RowFormat.TEXT
RowFormatOption = Annotated[RowFormat, typer.Option("--format", help="Format of stdout.")]
RESULT_FORMAT: Final = ResultFormat.TEXT
ResultFormatOption = Annotated[ResultFormat, typer.Option("--format", help="Format of stdout.")]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=be_quiet,
        help="Write nothing on stderr but warnings and errors: no progress bars, no notes.",
    ),
]

BATCH_SIZE: Final = 16
BatchSizeOption = Annotated[
    int,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        help="Clips per batch; does not change the scores at fp32.",
    ),
]
PRECISION: Final = "fp32"
PrecisionOption = Annotated[
    ScoringPrecision,
    typer.Option("--precision", help="bf16 and fp16 are faster on GPUs, but round the scores."),
]
EXPLAIN_BATCH_SIZE: Final = 4
ExplainBatchSizeOption = Annotated[
    int,
    typer.Option(
        "--batch-size", min=1, metavar="N", help="Clips per batch; does not change a map."
    ),
]
TARGET: Final = "fake"
TargetOption = Annotated[
    Target, typer.Option("--target", help="Highlight evidence for this class.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Threads that decode videos and find faces. (default: one per core)",
        show_default=False,
    ),
]
FACE_PACK: Final = Preparation.face_pack
FacePackOption = Annotated[
    str,
    typer.Option(
        "--face-pack",
        metavar="NAME|DIR",
        help="Face detector: 'embedded' (YuNet) or an InsightFace pack (buffalo_l or a folder).",
    ),
]

MAX_PIXELS: Final = Preparation.max_pixels
MaxPixelsOption = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="N",
        help="The most pixels of a frame that is decoded: its width times its height.",
    ),
]
MAX_SECONDS: Final = Preparation.max_seconds
MaxSecondsOption = Annotated[
    float,
    typer.Option("--max-seconds", min=1, metavar="S", help="The longest video that is read."),
]

NAME_HELP: Final = "What the detector is called in tables. (default: the name of its run folder)"
NamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="What a detector is called; repeat it for each run folder in order. (default: the "
        "names of the run folders)",
    ),
]
NO_FACE: Final = "exclude"
NoFaceOption = Annotated[
    NoFacePolicy,
    typer.Option(
        "--no-face", help="Leave videos without a face out, or count them as real or as fake."
    ),
]
BOOTSTRAP: Final = 1000
BootstrapOption = Annotated[
    int,
    typer.Option(
        "--bootstrap", min=0, metavar="N", help="Resamples for the bootstrap intervals; 0: none."
    ),
]
AllowMismatchOption = Annotated[
    bool,
    typer.Option(
        "--allow-mismatch",
        help="Run a detector on a fold that it was not trained for; the result says so.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run the Python code in the detector's folder or Hub repo. It can do anything.",
    ),
]

UntrainedOption = Annotated[
    bool,
    typer.Option(
        "--untrained",
        help="For tests: let a name or module:Class have random weights; all results are marked.",
    ),
]

DETECTOR_HELP: Final = (
    "The trained weights: a folder, a Hub id, or gend, whose weights are on the Hub; for a class "
    "of your own module:Class@FOLDER."
)
RUN_OR_DETECTOR_HELP: Final = (
    "A run folder with a detector per fold, or one detector for all folds: a folder or a Hub id; "
    "for a class of your own module:Class@FOLDER."
)
VIDEOS_HELP: Final = (
    "Video files; a folder stands for the videos in it, and 'clips/*.mp4' for all that fit. Put -- "
    "before a name that begins with -."
)


def choose_protocols(choice: ProtocolChoice, fold: str | None) -> list[str]:
    """Return the protocols to run, in order.

    Raises:
        typer.BadParameter: A fold was named, but the protocol has only one, or all were chosen.
    """
    if fold is not None and choice in ("p1", "all"):
        raise typer.BadParameter(
            f"--protocol {choice} has no fold to choose; leave out --fold, or choose p2, p3 or"
            " p3-family",
            param_hint="--fold",
        )
    return [protocol.value for protocol in PAPER_PROTOCOLS] if choice == "all" else [choice]
