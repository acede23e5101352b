"""``thb publish``: send a dataset's index, a detector, the metric or a Space to the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from thb.commands.options import (
    FORMAT,
    RELEASE,
    FormatOption,
    OutputFormat,
    ReleaseOption,
    TrustOption,
)
from thb.commands.output import escape, write_json, write_line
from thb.publishing.checkout import METRIC, list_spaces

if TYPE_CHECKING:
    from thb.publishing.hub import Publication

DRY_RUN_FOLDER: Final = Path("publication")
FILES_SHOWN: Final = 20

CreatePrOption = Annotated[
    bool, typer.Option("--create-pr", help="Open a pull request instead of committing.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write the files to a folder and send nothing.")
]
DryRunFolderOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="The new folder that a dry run writes.")
]

app = typer.Typer(
    no_args_is_help=True, help="Send a dataset, a detector, the metric or a Space to the Hub."
)


@app.callback()
def publish() -> None:
    """Make the app a group; it does nothing by itself."""


@app.command()
def dataset(
    *,
    repo: Annotated[
        str,
        typer.Option(
            "--repo", metavar="ORG/NAME", help="The dataset repo, which must hold the videos."
        ),
    ],
    release: ReleaseOption = RELEASE,
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    videos_at: Annotated[
        str | None,
        typer.Option(
            "--videos-at",
            metavar="COMMIT|main",
            help="The commit that holds the videos; for a dry run without the Hub.",
        ),
    ] = None,
    with_eval: Annotated[
        bool,
        typer.Option(
            "--with-eval",
            help="Add eval.yaml, which the Hub refuses until it knows this benchmark.",
        ),
    ] = False,
    output: FormatOption = FORMAT,
) -> None:
    """Publish a release's index and card, so that load_dataset finds its configs.

    No video is sent: the videos must be in the repo, and the index points at the commit that has
    them. Publishing twice changes nothing.

    JSON: repo, repo_type, files (sizes in bytes), changed, deleted, commit, pull_request, folder,
    notes, videos_commit and audit.

    Examples:
        thb publish dataset --release ORG/NAME --repo ORG/NAME --create-pr
        thb publish dataset --release mini --repo ORG/NAME --dry-run
    """
    from thb.publishing.dataset import publish_dataset

    publication = publish_dataset(
        release,
        repo=repo,
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        videos_at=videos_at,
        with_eval=with_eval,
    )
    _write(publication, output)


@app.command()
def detector(  # noqa: PLR0913 — one parameter per option
    *,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Folder of one detector; for a training over folds, the folder of one fold. For a "
            "class of your own module:Class@FOLDER.",
        ),
    ],
    repo: Annotated[
        str,
        typer.Option(
            "--repo", metavar="ORG/NAME", help="The model repo; created if it does not exist."
        ),
    ],
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    weights_licence: Annotated[
        str | None,
        typer.Option(metavar="SPDX", help="The licence that you give the weights."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            help="The dataset repo that the results are of, if they were made from a folder.",
        ),
    ] = None,
    trust_remote_code: TrustOption = False,
    output: FormatOption = FORMAT,
) -> None:
    """Publish a detector: weights as safetensors, settings, code, a card and its results.

    It then loads by its id, with this package or, through trust_remote_code, without it.
    Publishing twice changes nothing.

    JSON: repo, repo_type, files (sizes in bytes), changed, deleted, commit, pull_request, folder
    and notes; videos_commit and audit are null.

    Examples:
        thb publish detector runs/x/p3-hallo --repo ORG/NAME --weights-licence MIT
        thb publish detector runs/x/p3-hallo --repo ORG/NAME --dry-run --out card
    """
    from thb.publishing.detector import publish_detector
    from thb.runtime.console import quiet_transformers

    quiet_transformers()
    publication = publish_detector(
        run,
        repo=repo,
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        weights_licence=weights_licence,
        dataset=dataset,
        trust_remote_code=trust_remote_code,
    )
    _write(publication, output)


@app.command()
def space(  # noqa: PLR0913 — one parameter per option
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"Name of the Space: {' or '.join(list_spaces()) or 'see the repository'}.",
        ),
    ],
    repo: Annotated[
        str,
        typer.Option(
            "--repo", metavar="ORG/NAME", help="The Space's repo; created if it does not exist."
        ),
    ],
    detectors: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            metavar="RUN|ORG/NAME",
            help="A detector to offer: a folder that thb train wrote, whose weights are sent, or"
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
            help="A version of torch other than the tested one, if the Space's hardware needs it.",
        ),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            help="The results repo whose boards the Space shows; for the leaderboard only.",
        ),
    ] = None,
    output: FormatOption = FORMAT,
) -> None:
    """Publish a Space: the app, the toolkit beside it, exact requirements and small weights.

    It runs from the files that are sent and needs no package of ours. From a git checkout, only
    tracked files are sent. Publishing twice changes nothing.

    JSON: repo, repo_type, files (sizes in bytes), changed, deleted, commit, pull_request, folder
    and notes; videos_commit and audit are null.

    Examples:
        thb publish space demo --repo ORG/NAME --detector runs/baseline
        thb publish space leaderboard --repo ORG/NAME --results ORG/RESULTS
    """
    from thb.publishing.space import publish_space
    from thb.runtime.console import quiet_transformers

    quiet_transformers()
    publication = publish_space(
        name,
        repo=repo,
        detectors=detectors or (),
        create_pr=create_pr,
        dry_run=out if dry_run else None,
        torch=torch,
        results=results,
    )
    _write(publication, output)


@app.command()
def metric(
    *,
    repo: Annotated[
        str,
        typer.Option(
            "--repo",
            metavar=f"ORG/{METRIC}",
            help="The Space's repo, which must have the metric's name; created if it does not"
            " exist.",
        ),
    ],
    create_pr: CreatePrOption = False,
    dry_run: DryRunOption = False,
    out: DryRunFolderOption = DRY_RUN_FOLDER,
    output: FormatOption = FORMAT,
) -> None:
    """Publish the metric as a Space, so that evaluate.load finds it.

    The Space also shows a page that computes the numbers of a table. From a git checkout, only
    tracked files are sent. Publishing twice changes nothing.

    JSON: repo, repo_type, files (sizes in bytes), changed, deleted, commit, pull_request, folder
    and notes; videos_commit and audit are null.

    Examples:
        thb publish metric --repo ORG/talking_head_detection --create-pr
        thb publish metric --repo ORG/talking_head_detection --dry-run --out metric
    """
    from thb.publishing.metric import publish_metric

    _write(publish_metric(repo=repo, create_pr=create_pr, dry_run=out if dry_run else None), output)


def _write(publication: Publication, output: OutputFormat) -> None:
    if output == "json":
        write_json(publication.to_dict())
        return
    files, changed = publication.files, publication.changed
    write_line(f"{publication.repo}: {len(files)} files, {sum(files.values()) / 1024:,.0f} KiB")
    if publication.videos_commit is not None:
        write_line(f"the index points at the videos of {publication.videos_commit}")
    for path in changed[:FILES_SHOWN]:
        write_line(f"  send   {escape(path)}  {files[path]:,} bytes")
    if len(changed) > FILES_SHOWN:
        write_line(f"  send   {len(changed) - FILES_SHOWN} more files")
    if len(files) > len(changed):
        write_line(f"  keep   {len(files) - len(changed)} files as they are")
    for path in publication.deleted:
        write_line(f"  delete {escape(path)}")
    if publication.audit is not None:
        for kind, findings in publication.audit.findings_by_kind.items():
            write_line(f"the audit found {len(findings)}: {kind.value} (see thb data verify)")
    for note in publication.notes:
        write_line(f"note: {escape(note)}")
    write_line(_describe_outcome(publication))


def _describe_outcome(publication: Publication) -> str:
    if publication.folder is not None:
        return f"dry run: nothing was sent, the files are in {escape(str(publication.folder))}"
    if publication.commit is None:
        holder = publication.pull_request or publication.repo
        return f"nothing was sent: {holder} already has all of it"
    if publication.pull_request is not None:
        return f"opened {publication.pull_request}"
    return f"committed {publication.commit}"
