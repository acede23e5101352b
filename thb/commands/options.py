"""Options that several verbs share, so that they read the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from thb.releases.opening import DEFAULT_RELEASE


class OutputFormat(StrEnum):
    """How a verb writes its data to stdout."""

    TEXT = "text"
    JSON = "json"


class TableFormat(StrEnum):
    """How a verb writes a table of results to stdout."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class ProtocolChoice(StrEnum):
    """A protocol of the benchmark, or all three of them."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"
    ALL = "all"


class SplitBy(StrEnum):
    """Which block of the release a fake belongs to."""

    RELEASE = "release"
    DRIVER = "driver"


class NoFace(StrEnum):
    """What a video without a face counts as."""

    EXCLUDE = "exclude"
    AS_REAL = "as_real"
    AS_FAKE = "as_fake"


class Precision(StrEnum):
    """Numbers in which a network's products are computed while it is trained."""

    NO = "no"
    FP16 = "fp16"
    BF16 = "bf16"


class ScoringPrecision(StrEnum):
    """Numbers in which a network's products are computed while it scores."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


ProtocolOption = Annotated[
    ProtocolChoice,
    typer.Option(
        "--protocol",
        help="p1 new identities, p2 a new generator, p3 both; 'all' is the three in turn.",
    ),
]
FoldOption = Annotated[
    str | None,
    typer.Option(
        "--fold",
        metavar="GENERATOR",
        help="Only the fold of p2 or p3 that holds this generator out. (default: every fold)",
    ),
]
RELEASE: Final = DEFAULT_RELEASE
ReleaseOption = Annotated[
    str,
    typer.Option(
        "--release",
        metavar="DIR|ORG/NAME|mini",
        help=f"A folder in the layout of {DEFAULT_RELEASE}; a Hub id, @revision after it or not; "
        "refs/pr/N of the benchmark's own; or 'mini': a small synthetic one.",
    ),
]
RealRootOption = Annotated[
    Path | None,
    typer.Option(
        "--real-root",
        metavar="DIR",
        help="Your real videos: DIR/FaceForensics++/… and DIR/CelebV-HQ/….",
    ),
]
SplitByOption = Annotated[
    SplitBy,
    typer.Option("--split-by", help="Split fakes by the release's folders, or by their driver."),
]
FORMAT: Final = OutputFormat.TEXT
FormatOption = Annotated[OutputFormat, typer.Option("--format", help="What is written to stdout.")]
TableFormatOption = Annotated[
    TableFormat, typer.Option("--format", help="What is written to stdout.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")]
BatchSizeOption = Annotated[
    int,
    typer.Option(
        "--batch-size", min=1, help="Clips scored at a time; at fp32 it never changes a score."
    ),
]
PrecisionOption = Annotated[
    ScoringPrecision,
    typer.Option(
        "--precision",
        help="bf16 and fp16 are for GPUs: faster, and scores are rounded, how far depends on it.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Threads that decode videos and find faces ahead. (default: one a core)",
        show_default=False,
    ),
]
FacePackOption = Annotated[
    str,
    typer.Option(
        "--face-pack",
        metavar="NAME|DIR",
        help="Who finds faces: 'embedded' (YuNet), or an InsightFace pack (buffalo_l or a folder).",
    ),
]
NoFaceOption = Annotated[
    NoFace, typer.Option("--no-face", help="What a video without a face counts as.")
]
BootstrapOption = Annotated[
    int,
    typer.Option("--bootstrap", min=0, help="Resamples behind the bootstrap intervals; 0: none."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse to begin while a video is not at hand.")
]
AllowMismatchOption = Annotated[
    bool,
    typer.Option(
        "--allow-mismatch",
        help="Evaluate a detector on a fold that it was not trained for; the result says so.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the detector's folder or Hub repo brings. It can do anything.",
    ),
]


def choose_protocols(choice: ProtocolChoice, fold: str | None) -> list[str]:
    """Return the protocols to run, in order.

    Raises:
        typer.BadParameter: A fold was named, and the protocol has none to choose from.
    """
    if fold is not None and choice in (ProtocolChoice.P1, ProtocolChoice.ALL):
        raise typer.BadParameter(
            f"--protocol {choice} has no fold to choose: leave out --fold, or name p2 or p3",
            param_hint="--fold",
        )
    return ["p1", "p2", "p3"] if choice is ProtocolChoice.ALL else [choice.value]
