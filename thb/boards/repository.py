"""A new results repo: how to submit, the rules, and a workflow that checks pull requests."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

from thb.boards.admission import RULES
from thb.releases.opening import DEFAULT_RELEASE
from thb_dataset.errors import ResultError, SettingsError
from thb_dataset.files import write_whole
from thb_dataset.hub.release import is_repo_name

README: Final = "README.md"
WORKFLOW: Final = ".github/workflows/check.yml"
REPO: Final = "ORG/results"
_TEMPLATES: Final = {README: "README.md", WORKFLOW: "workflows/check.yml"}


def init_board(
    folder: str | Path, *, repo: str = REPO, release: str = DEFAULT_RELEASE
) -> tuple[Path, ...]:
    """Write the files of a new results repo; upload the folder to a dataset repo on the Hub.

    Args:
        folder: The folder, which must not hold these files yet.
        repo: The id that the repo will have on the Hub, for the instructions.
        release: The release that its submissions are tested on: a Hub id, perhaps with
            ``@revision``.

    Returns:
        The files that were written.

    Raises:
        ResultError: A file is there already.
        SettingsError: The repo or the release is not the name of a repo.

    Examples:
        >>> [path.as_posix() for path in thb.init_board("board", repo="me/results")]
        ['board/README.md', 'board/.github/workflows/check.yml']
    """
    for name in (repo, release.partition("@")[0]):
        if not is_repo_name(name):
            raise SettingsError(f"{name!r} is not the name of a repo: give org/name")
    if not release.replace("@", "").replace("/", "").replace(".", "").replace("-", "").isalnum():
        raise SettingsError(f"{release!r} is no release: give org/name or org/name@REVISION")
    place = Path(folder).expanduser()
    targets = {target: place / target for target in _TEMPLATES}
    there = [str(path) for path in targets.values() if path.exists()]
    if there:
        raise ResultError(f"{', '.join(there)} is there already: name a new folder")
    values = {
        "@REPO@": repo,
        "@RELEASE@": release,
        "@RULES@": write_rules(),
        "@VERSION@": version("talkingheadbench"),
    }
    for target, path in targets.items():
        text = read_template(_TEMPLATES[target])
        for key, value in values.items():
            text = text.replace(key, value)
        with write_whole(path) as draft:
            draft.write_text(text, encoding="utf-8")
    return tuple(targets.values())


def read_template(name: str) -> str:
    """Return the text of a file of the package ``thb.boards``."""
    return (files("thb.boards") / "new_repository" / name).read_text(encoding="utf-8")


def write_rules() -> str:
    """Return the rules of what may stand on a board as a table of Markdown."""
    rows = [f"| {rule.case} | {rule.answer} | {rule.reason} |" for rule in RULES]
    return "\n".join(["| scores | what becomes of them | why |", "|---|---|---|", *rows])
