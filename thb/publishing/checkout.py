"""The toolkit's own files: its Spaces, its metric, its packages, and their tested versions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from thb_dataset.errors import ReleaseError

CHECKOUT: Final = Path(__file__).resolve().parents[2]
"""The repository's folder, or the one that the packages are installed in."""
METRIC: Final = "talking_head_detection"
"""The name of the metric: of its folder, its module, and its Space."""
LEADERBOARD: Final = "leaderboard"
"""The Space that shows boards, and runs detectors only if it is published with some."""
EXTRAS: Final = ("models", "explain", "space")
"""The extras of ``pyproject.toml`` that a Space needs."""
BOARD_EXTRAS: Final = ("figures", "board")
"""Those of :data:`LEADERBOARD`."""

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")


def list_spaces() -> list[str]:
    """Return the names of the Spaces that can be published; none from an installed package."""
    return sorted(file.parent.name for file in (CHECKOUT / "spaces").glob("*/app.py"))


def find_space(name: str) -> Path:
    """Return the folder of a Space's own files.

    Raises:
        ReleaseError: There is no such Space here.
    """
    known = list_spaces()
    if name in known:
        return CHECKOUT / "spaces" / name
    if known:
        raise ReleaseError(f"there is no Space {name!r}, only {', '.join(known)}")
    raise ReleaseError(
        "the Spaces are part of the toolkit's repository, not of the installed package: clone it"
        " and run thb there"
    )


def find_metric() -> Path:
    """Return the folder of the metric, with its card and its page.

    Raises:
        ReleaseError: They are not here: an installed package has the metric's code only.
    """
    folder = CHECKOUT / "metrics" / METRIC
    if not (folder / "app.py").is_file() or not (folder / "README.md").is_file():
        raise ReleaseError(
            "the metric's card and page are part of the toolkit's repository, not of the installed"
            " package: clone it and run thb there"
        )
    return folder


def list_files(folder: Path, *, checkout: Path = CHECKOUT) -> list[Path]:
    """List the files of a folder that belong to the project.

    In a git checkout these are the tracked files, so that nothing which merely lies in the working
    tree is published by accident. Elsewhere they are all files but hidden ones and bytecode.

    Args:
        folder: A folder of the project.
        checkout: The project's own folder.

    Returns:
        Paths relative to the folder, in order.

    Raises:
        ReleaseError: It is a git checkout, and git cannot list the folder.
    """
    if (checkout / ".git").exists():
        names = _list_tracked(folder)
    else:
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    paths = (Path(name) for name in names)
    return sorted(path for path in paths if (folder / path).is_file() and not _is_litter(path))


def _list_tracked(folder: Path) -> list[str]:
    import subprocess

    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 — whichever git the user has
            cwd=folder,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        raise ReleaseError(
            f"git is not installed, so the files of {folder} that belong to the project are not"
            " known: install git"
        ) from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ReleaseError(f"git cannot list the files of {folder}: {reason}") from error
    return [name for name in listed.stdout.decode().split("\0") if name]


def _is_litter(path: Path) -> bool:
    return path.suffix == ".pyc" or any(part.startswith(".") for part in path.parts)


def read_project() -> dict[str, Any]:
    """Return the ``project`` table of ``pyproject.toml``."""
    import tomllib

    content = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    project: dict[str, Any] = content["project"]
    return project


def pin_requirements(*, torch: str | None = None, extras: Sequence[str] = EXTRAS) -> str:
    """Return a ``requirements.txt`` with the exact versions that the tests run with.

    Args:
        torch: Another version of torch; torchvision is then not pinned.
        extras: The extras whose requirements are pinned.

    Raises:
        ReleaseError: A requirement has no tested version.
    """
    lines = (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
    tested = {
        _canonical(line.partition("==")[0]): line for line in lines if not line.startswith("#")
    }
    wanted = {_canonical(name) for name in _list_direct(read_project(), extras)}
    if "grad-cam" in wanted:
        wanted.add("torchvision")  # grad-cam brings it, and its version must match torch's
    if torch is not None:
        wanted.discard("torchvision")
        tested["torch"] = f"torch=={torch}"
    unknown = sorted(wanted - set(tested))
    if unknown:
        raise ReleaseError(f"constraints.txt pins no version of {', '.join(unknown)}")
    return "".join(f"{tested[name]}\n" for name in sorted(wanted))


def _list_direct(project: dict[str, Any], extras: Sequence[str]) -> Iterator[str]:
    known = project["optional-dependencies"]
    for line in [*project["dependencies"], *(line for extra in extras for line in known[extra])]:
        match = _REQUIREMENT.match(line)
        if match and match[1] != project["name"]:
            yield match[1]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
