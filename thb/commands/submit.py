"""``thb submit``: send the predictions of a detector to a results repo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from thb.commands.options import FORMAT, FormatOption, OutputFormat
from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import say

if TYPE_CHECKING:
    from thb.publishing.hub import Publication
    from thb.publishing.submission import Submitted

Modality = Literal["visual", "audio-visual", "audio", "metadata"]


def submit(  # noqa: PLR0913 — one parameter per option
    *,
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="The run folder, with <fold>/predictions.parquet for every fold; with --generator"
            " the folder of its clips.",
        ),
    ],
    repo: Annotated[
        str,
        typer.Option("--repo", metavar="ORG/NAME", help="The results repo, a dataset repo."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/NAME",
            help="The model repo with the weights; with --generator who proposes what. (default:"
            " what the predictions name)",
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="The commit of the weights; with --generator its version. (default: the model"
            " repo's main)",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator",
            metavar="NAME",
            help="Propose a new generator instead: a list of clips with digests is sent, the clips"
            " stay with you.",
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|ORG/NAME",
            help="The release that was tested, to compare the rows with its folds. (default: none)",
        ),
    ] = None,
    dry_run: Annotated[
        Path | None,
        typer.Option(
            "--dry-run",
            metavar="DIR",
            help="Write the files into this folder, perhaps a copy of the repo, and send nothing.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What the detector is called on the board. (default: its own name)"
        ),
    ] = None,
    modality: Annotated[
        Modality | None,
        typer.Option(help="What the detector looks at. (default: what its clips say)"),
    ] = None,
    authors: Annotated[str, typer.Option(metavar="TEXT", help="Whom to name on the board.")] = "",
    paper: Annotated[str | None, typer.Option(metavar="URL", help="Where its paper is.")] = None,
    code: Annotated[str | None, typer.Option(metavar="URL", help="Where its code is.")] = None,
    create_pr: Annotated[
        bool,
        typer.Option(
            "--create-pr/--to-main", help="Open pull requests, or commit to main as a maintainer."
        ),
    ] = True,
    entries: Annotated[
        bool,
        typer.Option(
            "--entries/--no-entries",
            help="Send .eval_results to the model repo, for the Hub's leaderboards.",
        ),
    ] = True,
    other_release: Annotated[
        bool,
        typer.Option(
            "--other-release",
            help="Submit scores on a release that is not the published one, to a repo of it.",
        ),
    ] = False,
    output: FormatOption = FORMAT,
) -> None:
    """Submit a detector's predictions to a results repo.

    Every number is computed anew, and the submission is checked as its maintainers check it.
    Then it goes to the results repo as a pull request. Starting again sends nothing twice.
    What may be submitted stands in the README of a results repo (thb board init). With
    --generator a folder of new fakes is proposed instead.

    JSON: folder, model, revision, results and entries (as in thb publish) and notes.

    Examples:
        thb submit runs/x --repo ORG/results --model ORG/x
        thb submit clips --generator G --model o/G --revision v1 --repo o/results
    """
    if generator is not None:
        links = {"paper": paper, "code": code}
        _propose(
            run,
            generator,
            proposer=model,
            version=revision,
            repo=repo,
            links={what: link for what, link in links.items() if link is not None},
            dry_run=dry_run,
            create_pr=create_pr,
            output=output,
        )
        return
    from thb.publishing.submission import SubmitSettings
    from thb.publishing.submission import submit as send

    submitted = send(
        run,
        repo=repo,
        model=model,
        revision=revision,
        release=release,
        dry_run=dry_run,
        settings=SubmitSettings(
            name=name,
            modality=modality,
            authors=authors,
            paper=paper,
            code=code,
            create_pr=create_pr,
            entries=entries,
            other_release=other_release,
        ),
    )
    if output is OutputFormat.JSON:
        write_json(submitted.to_dict())
        return
    _write(submitted)


def _propose(  # noqa: PLR0913 — what the options say
    videos: Path,
    name: str,
    *,
    proposer: str | None,
    version: str | None,
    repo: str,
    links: dict[str, str],
    dry_run: Path | None,
    create_pr: bool,
    output: OutputFormat,
) -> None:
    from thb.publishing.proposal import propose_generator

    if proposer is None or version is None:
        raise typer.BadParameter(
            "a generator is proposed by somebody and in a version: pass --model ORG/NAME and"
            " --revision VERSION",
            param_hint="--generator",
        )
    sent = propose_generator(
        videos,
        name=name,
        proposer=proposer,
        version=version,
        repo=repo,
        links=links,
        dry_run=dry_run,
        create_pr=create_pr,
    )
    if output is OutputFormat.JSON:
        write_json(sent.to_dict())
        return
    for path in sent.files:
        write_line(escape(path))
    _write_outcome(sent, "results repo")


def _write(submitted: Submitted) -> None:
    write_line(escape(submitted.folder))
    _write_outcome(submitted.results, "results repo")
    if submitted.entries is not None:
        _write_outcome(submitted.entries, "model repo")
    for note in submitted.notes:
        say(f"note: {escape(note)}")


def _write_outcome(sent: Publication, what: str) -> None:
    size = sum(sent.files.values()) / 1024
    counts = f"{len(sent.files)} files, {size:,.0f} KiB"
    if sent.folder is not None:
        outcome = f"nothing was sent; they are in {escape(str(sent.folder))}"
    elif sent.commit is None:
        outcome = f"nothing was sent: {sent.pull_request or sent.repo} has all of it"
    elif sent.pull_request is not None:
        outcome = f"opened {sent.pull_request}"
    else:
        outcome = f"committed {sent.commit}"
    write_line(f"{what} {sent.repo}: {counts}; {outcome}")
