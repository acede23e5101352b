"""Build the sdist and the wheel, and use the wheel in an empty environment of each Python.

    python scripts/try_wheel.py [--python 3.12] [--extra models] [--constraint constraints.txt]

The packages are built with ``python -m build`` (the wheel from the sdist, so that the sdist must be
complete) and checked with ``twine check --strict``. For each Python a virtual environment is made
outside the checkout, the wheel is installed into it, and ``scripts/use_wheel.py`` uses it there:
the command line, every public name, the data inside the packages, a small synthetic release, and
with the extra ``models`` a training. What came out is a table in Markdown on stdout. The exit code
is 1 if anything failed.

pip reads its usual configuration, so a package index of your own is used here as well.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USES = ROOT / "scripts" / "use_wheel.py"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came out of the wheel in one environment.

    Attributes:
        python: The version of the interpreter.
        extras: The extras that were installed.
        install_seconds: How long the installation took.
        megabytes: The size of the environment.
        use_seconds: How long the wheel was used.
        outcome: ``ok``, or the last line of what failed.
    """

    python: str
    extras: str
    install_seconds: float
    megabytes: int
    use_seconds: float
    outcome: str


class FailedError(Exception):
    """A step failed; the message is what it wrote last."""


def main() -> int:
    """Build, try every interpreter with every set of extras, and print the table."""
    options = parse_arguments()
    pythons = [find_python(name) for name in options.python or [sys.executable]]
    with tempfile.TemporaryDirectory(prefix="try-wheel-") as name:
        folder = Path(name)
        wheel = build(folder / "dist")
        if options.keep is not None:
            shutil.copytree(wheel.parent, options.keep, dirs_exist_ok=True)
        trials = [
            try_wheel(wheel, python, extras, folder / "environment", options.constraint)
            for python in pythons
            for extras in ["", *options.extra]
        ]
    print(write_table(trials))
    return int(any(trial.outcome != "ok" for trial in trials))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--python",
        action="append",
        metavar="PYTHON",
        help="an interpreter, or a version such as 3.12; repeatable; the running one by default",
    )
    parser.add_argument(
        "--extra",
        action="append",
        default=[],
        metavar="EXTRAS",
        help="try the wheel with these extras as well, such as models or models,figures",
    )
    parser.add_argument("--constraint", type=Path, help="a constraints file for pip")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="copy sdist and wheel there")
    return parser.parse_args()


def find_python(name: str) -> str:
    """Return the path of an interpreter that is named by its path or its version."""
    for candidate in (name, f"python{name}"):
        if found := shutil.which(candidate):
            return found
    sys.exit(f"there is no Python {name} here: install it, or name the path of its executable")


def build(out: Path) -> Path:
    """Build the sdist, and the wheel from it; return the wheel."""
    print("building", file=sys.stderr)
    run([sys.executable, "-m", "build", "--quiet", "--outdir", out, ROOT], folder=ROOT)
    built = sorted(out.iterdir())
    run([sys.executable, "-m", "twine", "check", "--strict", *built], folder=ROOT)
    (wheel,) = out.glob("*.whl")
    return wheel


def try_wheel(
    wheel: Path, python: str, extras: str, environment: Path, constraint: Path | None
) -> Trial:
    """Install the wheel into a new environment and use it there."""
    version = run([python, "-c", "import platform; print(platform.python_version())"])
    print(f"Python {version} {extras or 'alone'}", file=sys.stderr)
    shutil.rmtree(environment, ignore_errors=True)
    run([python, "-m", "venv", environment])
    own = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    wanted = f"{wheel}[{extras}]" if extras else str(wheel)
    limits: list[str | Path] = [] if constraint is None else ["--constraint", constraint.resolve()]
    started, used, outcome = time.monotonic(), 0.0, "ok"
    try:
        run(
            [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted, *limits]
        )
        run([own, "-m", "pip", "check"])
        installed = time.monotonic()
        run([own, "-I", USES, *filter(None, extras.split(","))], folder=environment)
        used = time.monotonic() - installed
    except FailedError as error:
        installed, outcome = time.monotonic(), str(error)
    files = (path for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    return Trial(
        python=version,
        extras=extras,
        install_seconds=installed - started,
        megabytes=sum(path.stat().st_size for path in files) // 1_000_000,
        use_seconds=used,
        outcome=outcome,
    )


def run(command: list[str | Path], *, folder: Path | None = None) -> str:
    """Run a program outside the checkout and return what it wrote to stdout."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    ended = subprocess.run(  # noqa: S603 — the words are ours
        [str(word) for word in command],
        cwd=folder or tempfile.gettempdir(),
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        print(ended.stdout, ended.stderr, sep="\n", file=sys.stderr)
        lines = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
        raise FailedError(lines[-1] if lines else f"exit code {ended.returncode}")
    return ended.stdout.strip()


def write_table(trials: list[Trial]) -> str:
    """Return the trials as a table of Markdown."""
    rows = [
        f"| {trial.python} | {trial.extras or 'none'} | {trial.install_seconds:.0f} |"
        f" {trial.megabytes} | {trial.use_seconds:.0f} | {trial.outcome.replace('|', '/')} |"
        for trial in trials
    ]
    head = "| Python | extras | installed in s | MB | used in s | outcome |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


if __name__ == "__main__":
    sys.exit(main())
