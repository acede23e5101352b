"""Use the installed toolkit, and fail where a part of it is missing.

    python -I scripts/use_wheel.py [models]

``scripts/try_wheel.py`` runs this in an empty environment, outside the checkout. The words are the
extras to use: with ``models`` a detector is trained and evaluated as well.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata, resources
from importlib.util import find_spec
from pathlib import Path

NEED_MODELS = {
    "thb": {
        "explain",
        "explain_split",
        "make_gallery",
        "publish_detector",
        "publish_space",
        "train",
    },
    "detectors": {"Detector", "DetectorConfig", "DetectorOutput"},
}
"""Public names that cannot be imported without torch, transformers and Accelerate."""

DATA = {
    "thb": (
        "py.typed",
        "schemas/result.schema.json",
        "reports/published/results.csv",
        "boards/new_repository/README.md",
        "boards/new_repository/workflows/check.yml",
    ),
    "thb_dataset": ("py.typed", "hub/dataset_card_template.md", "hub/packaged_index/README.md"),
    "detectors": ("py.typed",),
    "metrics": ("py.typed",),
}


def main(extras: list[str]) -> None:
    """Use everything that these extras can do."""
    folder = Path(tempfile.mkdtemp(dir=Path.cwd()))
    os.chdir(folder)
    os.environ.update(THB_CACHE=str(folder / "cache"), HF_HOME=str(folder / "hf"))
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1")
    look_at_the_packages()
    take_every_name(with_models=find_spec("torch") is not None)
    release = make_release(folder)
    use_without_torch(folder, release)
    if "models" in extras:
        train_and_evaluate(folder, release)


def look_at_the_packages() -> None:
    """Check that the packages are the installed ones, with their data, licence and version."""
    for package, names in DATA.items():
        home = resources.files(package)
        inside = Path(str(home)).is_relative_to(sys.prefix)
        require(inside, f"{package} comes from {home}, not from the wheel")
        for name in names:
            require(home.joinpath(name).is_file(), f"the wheel lacks {package}/{name}")
    about = metadata.metadata("talkingheadbench")
    licence = metadata.distribution("talkingheadbench").read_text("licenses/LICENSE")
    require("Apache License" in (licence or ""), "the wheel lacks its licence")
    require(about["License-Expression"] == "Apache-2.0", "the wheel does not name its licence")


def take_every_name(*, with_models: bool) -> None:
    """Import every public name that these extras allow."""
    import detectors
    import thb

    for package in (thb, detectors):
        lacking = set()
        for name in package.__all__:
            try:
                getattr(package, name)
            except ModuleNotFoundError as error:
                if error.name not in ("torch", "transformers", "accelerate"):
                    raise
                lacking.add(name)
        wanted = set() if with_models else NEED_MODELS[package.__name__]
        require(
            lacking == wanted, f"{package.__name__} lacks {sorted(lacking)}, not {sorted(wanted)}"
        )
    from metrics.talking_head_detection.roc import auc

    require(auc([0, 1], [0.25, 0.75]) == 1.0, "the metric is wrong")


def make_release(folder: Path) -> list[str]:
    """Write a small synthetic release and return the options that name it."""
    from thb_dataset.mini.release import MiniSize, write_mini_release

    mini = write_mini_release(folder / "mini", size=MiniSize.tiny(), progress=False)
    return ["--release", str(mini.hub), "--real-root", str(mini.real_root)]


def use_without_torch(folder: Path, release: list[str]) -> None:
    """Run verbs that need nothing but the toolkit itself."""
    thb("--help")
    require(metadata.version("talkingheadbench") in thb("--version"), "the version is another")
    counted = json.loads(thb("data", "statistics", *release[:2], "--format", "json"))
    require(counted, "data statistics counted nothing")
    require(
        "AniPortrait" in thb("tables", "--published", "--format", "csv"), "no published figures"
    )
    thb("board", "init", str(folder / "board"))
    workflow = folder / "board" / ".github" / "workflows" / "check.yml"
    require(workflow.is_file(), "a new results repo lacks its workflow")
    pack = json.loads(thb("env", "--format", "json"))["face_pack"]
    require("unusable" not in pack, f"no faces can be found: {pack}")
    for module in ("thb.evaluation.schemas", "thb_dataset.builder", "thb.publishing.dataset"):
        importlib.import_module(module)


def train_and_evaluate(folder: Path, release: list[str]) -> None:
    """Train the baseline a little, and go the whole way to a verified result."""
    run = str(folder / "run")
    one = ["--protocol", "p3", "--fold", "hallo", *release]
    thb("train", "baseline", *one, "--out", run, "--epochs", "1", "--batch-size", "8", "--quiet")
    thb("evaluate", run, *one, "--bootstrap", "20", "--quiet")
    (result,) = Path(run).rglob("result-*.json")
    thb("verify-result", str(result))
    (clip, *_) = sorted((folder / "mini" / "hub").glob("fake/Hallo/test/*.mp4"))
    (row,) = json.loads(thb("predict", run, str(clip), "--format", "json"))["videos"]
    require(row["status"] == "ok", f"a clip has no score: {row}")


def require(true: object, otherwise: str) -> None:
    """End with a message unless something is true."""
    if not true:
        raise SystemExit(otherwise)


def thb(*words: str) -> str:
    """Run the installed command and return what it wrote to stdout."""
    command = Path(sys.executable).with_name("thb")
    ended = subprocess.run(  # noqa: S603 — the words are ours
        [str(command), *words], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"thb {' '.join(words)}: exit code {ended.returncode}: {ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
