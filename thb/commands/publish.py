"""``thb publish``: send what the toolkit makes to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thb.commands.options import FormatOption, OutputFormat, ReleaseOption, TrustOption
from thb.commands.output import escape, write_json, write_line
from thb.releases.opening import DEFAULT_RELEASE

if TYPE_CHECKING:
    from thb.publishing.dataset import Publication
    from thb.publishing.detector import DetectorPublication
    from thb.publishing.space import SpacePublication

DRY_RUN_FOLDER = Path("publication")

CreatePrOption = Annotated[
    bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write the files to a folder and send nothing.")
]
DryRunFolderOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where a dry run writes.")
]

app = typer.Typer(no_args_is_help=True, help="Send what the toolkit makes to the Hub.")


@app.callback()
def publish() -> None:
    """Send what the toolkit makes to the Hub."""


@app.command()
def dataset(
    repo: Annotated[
        str, typer.Option("--repo", metavar="ORG/NAME", help="The dataset repo of the videos.")
    ],
    release: ReleaseOption = DEFAULT_RELEASE,
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    videos_at: Annotated[
        str | None,
        typer.Option(
            "--videos-at",
            metavar="COMMIT|main",
            help="In a dry run: where the videos are, instead of asking the Hub.",
        ),
    ] = None,
    without_eval: Annotated[
        bool,
        typer.Option("--without-eval", help="Leave out eval.yaml, where the Hub refuses it."),
    ] = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Publish a release's index, card and eval.yaml, so that load_dataset finds its configs.

    No video is sent: they must be in the repo, and the index points at the commit that has them.
    Publishing twice changes nothing.
    """
    from thb.publishing.dataset import publish_dataset
    from thb.releases.opening import scan_release_named

    publication = publish_dataset(
        scan_release_named(release),
        repo,
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        videos_at=videos_at,
        with_eval=not without_eval,
    )
    if output is OutputFormat.JSON:
        write_json(publication.to_dict())
    else:
        _write_text(publication)


@app.command()
def detector(  # noqa: PLR0913 — as many as there are things to choose
    *,
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of one detector, of one fold where there are."),
    ],
    repo: Annotated[
        str, typer.Option("--repo", metavar="ORG/NAME", help="The model repo; made if need be.")
    ],
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    weights_licence: Annotated[
        str | None,
        typer.Option(metavar="SPDX", help="The licence that you give the weights under."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            help="The dataset repo that the results are of, where they were made from a folder.",
        ),
    ] = None,
    trust_remote_code: TrustOption = False,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Publish a detector: safetensors, settings, code, a card with its figures, its results.

    It then loads by its id, with this package or, by trust_remote_code, without it. Publishing
    twice changes nothing.
    """
    from thb.publishing.detector import publish_detector
    from thb.runtime.console import quiet_transformers

    quiet_transformers()
    made = publish_detector(
        run,
        repo,
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        weights_licence=weights_licence,
        dataset=dataset,
        trust_remote_code=trust_remote_code,
    )
    if output is OutputFormat.JSON:
        write_json(made.to_dict())
        return
    write_line(f"{repo}: {len(made.files)} files, {sum(made.files.values()) / 1024:,.0f} KiB")
    for path, size in made.files.items():
        write_line(f"  {escape(path)}  {size:,} bytes")
    for note in made.notes:
        write_line(f"note: {escape(note)}")
    write_line(_outcome(made))


@app.command()
def space(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which of our Spaces: demo.")],
    repo: Annotated[
        str, typer.Option("--repo", metavar="ORG/NAME", help="The Space's repo; made if need be.")
    ],
    detectors: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            metavar="RUN|ORG/NAME",
            help="A detector on offer: a folder that thb train wrote, whose weights are sent, or"
            " the id of a model repo. May be given several times.",
        ),
    ] = None,
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    torch: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Another torch than the tested one, where the Space's hardware asks for it.",
        ),
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Publish a Space: the app, the toolkit beside it, exact requirements, small weights.

    It runs from what is sent and needs no package of ours. Publishing twice changes nothing.
    """
    from thb.publishing.space import publish_space
    from thb.runtime.console import quiet_transformers

    quiet_transformers()
    made = publish_space(
        name,
        repo,
        detectors=detectors or (),
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        torch=torch,
    )
    if output is OutputFormat.JSON:
        write_json(made.to_dict())
        return
    size = sum(made.files.values()) / 1024
    write_line(
        f"{repo}: {len(made.files)} files, {size:,.0f} KiB, {made.detectors} detectors on offer"
    )
    for path in made.deleted:
        write_line(f"  delete {escape(path)}")
    for note in made.notes:
        write_line(f"note: {escape(note)}")
    write_line(_outcome(made))


def _write_text(publication: Publication) -> None:
    indexed = [path for path in publication.files if path.endswith(".parquet")]
    size = sum(map(len, publication.files.values()))
    write_line(
        f"{publication.repo}: {len(publication.files)} files, {size / 1024:,.0f} KiB; the index's "
        f"{len(indexed)} point at the videos of {publication.videos_commit}"
    )
    for path in publication.changed:
        write_line(f"  send   {escape(path)}  {len(publication.files[path]):,} bytes")
    if kept := len(publication.files) - len(publication.changed):
        write_line(f"  keep   {kept} files as they are")
    for path in publication.deleted:
        write_line(f"  delete {escape(path)}")
    for kind, findings in publication.audit.findings_by_kind.items():
        write_line(f"the audit found {len(findings)}: {kind.value} (thb data verify names them)")
    for note in publication.notes:
        write_line(f"note: {escape(note)}")
    write_line(_outcome(publication))


def _outcome(publication: Publication | DetectorPublication | SpacePublication) -> str:
    if publication.folder is not None:
        return f"dry run: nothing was sent, the files are in {escape(str(publication.folder))}"
    if publication.commit is None:
        return f"nothing was sent: {publication.pull_request or publication.repo} has all of it"
    if publication.pull_request is not None:
        return f"opened {publication.pull_request}"
    return f"committed {publication.commit}"
