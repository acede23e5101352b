"""Every public name has an example, and each example does what it shows."""

from __future__ import annotations

import doctest
import importlib
import inspect
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import detectors
import thb
from metrics.talking_head_detection.clusters import Sample
from tests.support.example_desk import write_desk

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

METRIC: Final = "metrics.talking_head_detection"
MEASURES: Final = {
    "binomial": ("binomial_interval",),
    "bootstrap": ("cluster_bootstrap", "mean_bootstrap", "paired_bootstrap", "paired_p_values"),
    "delong": ("auc_interval", "compare_aucs", "holm"),
    "roc": ("auc", "brier", "grade", "roc_curve", "tpr_at_fpr"),
}
NAMES: Final = (
    *(f"thb.{name}" for name in thb.__all__),
    *(f"detectors.{name}" for name in detectors.__all__),
    *(f"{METRIC}.{module}.{name}" for module, names in MEASURES.items() for name in names),
)
CONSTANTS: Final = {"thb.__version__", "detectors.DETECTORS"}
"""Values have no docstring."""
NOT_RUN: Final = {
    "thb.rerun_submission": "asks the Hub for the submitted weights",
}
"""Names whose examples are shown and not run, and why."""


def find(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def read_examples(name: str) -> doctest.DocTest:
    """Return the examples of a name, which see the packages under their own names."""
    value = find(name)
    text = inspect.getdoc(value) or ""
    names = {"thb": thb, "detectors": detectors, "Sample": Sample, value.__name__: value}
    return doctest.DocTestParser().get_doctest(text, names, name, inspect.getsourcefile(value), 0)


@pytest.mark.parametrize("name", sorted(set(NAMES) - CONSTANTS))
def test_a_public_name_has_an_example(name: str) -> None:
    examples = read_examples(name).examples
    assert examples, "show in two to six lines how it is used"
    assert "\nExamples:\n" in (inspect.getdoc(find(name)) or "")
    skipped = [example.options.get(doctest.SKIP, False) for example in examples]
    assert all(skipped) if name in NOT_RUN else not any(skipped)


@pytest.fixture(scope="session")
def desk(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every example finds as it was; see ``tests.support.example_desk``."""
    return write_desk(tmp_path_factory.mktemp("examples") / "desk", tiny_release)


@pytest.mark.parametrize("name", sorted(set(NAMES) - CONSTANTS - set(NOT_RUN)))
def test_an_example_does_what_it_shows(
    name: str, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(desk, tmp_path / "desk", symlinks=True)
    monkeypatch.chdir(tmp_path / "desk")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    told: list[str] = []
    runner.run(read_examples(name), out=told.append)
    assert not runner.failures, "".join(told)
