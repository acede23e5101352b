"""``thb explain``: where a detector looked, in videos, over a whole split, or as a gallery."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from thb.commands.options import (
    AllowMismatchOption,
    FacePackOption,
    FoldOption,
    ProtocolChoice,
    QuietOption,
    RealRootOption,
    ReleaseOption,
    SplitBy,
    SplitByOption,
    TableFormat,
    TableFormatOption,
    TrustOption,
    WorkersOption,
    choose_protocols,
)
from thb.releases.opening import DEFAULT_RELEASE
from thb.runtime.console import quiet_transformers


class TargetChoice(StrEnum):
    """The class whose reasons are asked for."""

    FAKE = "fake"
    REAL = "real"


def explain(  # noqa: PLR0913 — as many as there are things to choose
    *,
    detector: Annotated[
        str,
        typer.Argument(
            metavar="DETECTOR", help="A folder, a Hub id or module:Class; of a split a run folder."
        ),
    ],
    videos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="VIDEO...", help="Video files. Put -- before a name that begins with -."
        ),
    ] = None,
    protocol: Annotated[
        ProtocolChoice | None,
        typer.Option(
            "--protocol", help="In place of videos: every test video of p1, p2, p3 or 'all'."
        ),
    ] = None,
    gallery: Annotated[
        bool,
        typer.Option(
            "--gallery",
            help="Of an evaluated protocol only the surest right fakes, the worst misses and the "
            "worst false alarms, on one sheet.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE|DIR",
            help="Of one video the overlay (.mp4), sheet and map beside it; of several a folder "
            "(default: explanations). Of a split a folder, of a gallery the sheet (.png) or a "
            "folder (default: the run folder).",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        TargetChoice, typer.Option("--target", help="What speaks for this class is shown as hot.")
    ] = TargetChoice.FAKE,
    fold: FoldOption = None,
    release: ReleaseOption = DEFAULT_RELEASE,
    real_root: RealRootOption = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            min=1,
            metavar="N",
            help="Of a split at most N videos a generator, and N real ones. (default: all)",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps",
            min=0,
            help="Steps of a split's deletion and insertion curves; 0: none, far quicker.",
        ),
    ] = 10,
    overlays: Annotated[
        bool,
        typer.Option(
            "--overlays",
            help="Of a split also every video's overlay, sheet and map, in <fold>/explanations.",
        ),
    ] = False,
    split_by: SplitByOption = SplitBy.RELEASE,
    allow_mismatch: AllowMismatchOption = False,
    output: TableFormatOption = TableFormat.TEXT,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Clips looked at at a time.")
    ] = 4,
    workers: WorkersOption = None,
    face_pack: FacePackOption = "embedded",
    trust_remote_code: TrustOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show where a detector looked: Grad-CAM, put back onto the video.

    For each video it writes an H.264 overlay, a contact sheet (PNG) and the
    raw map (.npz). Orange speaks for the class asked for, blue against it.

    With --protocol it explains a whole split and says how much of the heat
    lies on eyes, mouth, face, hair and background, right and wrong apart.

    Exit code 3 says that a video could not be judged.
    """
    _check_wish(videos, protocol, gallery=gallery, fold=fold, output=output)
    from thb.explanations.explain import ExplainSettings

    quiet_transformers()
    explaining = ExplainSettings(
        target=target.value,
        batch_size=batch_size,
        workers=workers,
        face_pack=face_pack,
        progress=not quiet,
    )
    if protocol is None:
        from thb.commands.explain_videos import explain_videos

        explain_videos(
            detector,
            videos or [],
            out=out,
            settings=explaining,
            as_json=output is TableFormat.JSON,
            trust_remote_code=trust_remote_code,
        )
        return
    protocols = choose_protocols(protocol, fold)
    if gallery:
        from thb.commands.explain_folds import draw_galleries
        from thb.explanations.gallery import GallerySettings

        draw_galleries(
            detector,
            protocols,
            fold=fold,
            release=release,
            real_root=real_root,
            out=out,
            settings=GallerySettings(
                explaining=explaining,
                split_by=split_by.value,
                allow_mismatch=allow_mismatch,
                trust_remote_code=trust_remote_code,
            ),
            as_json=output is TableFormat.JSON,
        )
        return
    from thb.commands.explain_folds import explain_folds
    from thb.explanations.split import SplitExplainSettings

    explain_folds(
        detector,
        protocols,
        fold=fold,
        release=release,
        real_root=real_root,
        out=out,
        settings=SplitExplainSettings(
            explaining=explaining,
            limit=limit,
            steps=steps,
            overlays=overlays,
            split_by=split_by.value,
            allow_mismatch=allow_mismatch,
            trust_remote_code=trust_remote_code,
        ),
        output=output,
    )


def _check_wish(
    videos: list[Path] | None,
    protocol: ProtocolChoice | None,
    *,
    gallery: bool,
    fold: str | None,
    output: TableFormat,
) -> None:
    """Refuse what cannot be meant.

    Raises:
        typer.BadParameter: Videos and a split, neither of them, or an option of the other one.
    """
    if videos and protocol is not None:
        raise typer.BadParameter("either videos or --protocol, not both", param_hint="--protocol")
    if protocol is None:
        if gallery or fold is not None:
            raise typer.BadParameter(
                f"{'--gallery' if gallery else '--fold'} is for a whole split: name it with "
                "--protocol",
                param_hint="--protocol",
            )
        if not videos:
            raise typer.BadParameter(
                "name a video, or a whole split with --protocol", param_hint="VIDEO"
            )
    if output is TableFormat.MARKDOWN and (protocol is None or gallery):
        raise typer.BadParameter("markdown is for the table of a split", param_hint="--format")
