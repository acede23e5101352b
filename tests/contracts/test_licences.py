"""docs/licences.md names every part that has a licence, and says what the code says of it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import pytest

from detectors.listing import DETECTORS
from detectors.published import PUBLISHED
from detectors.registry import find_detector_class
from tests.support.sources import ROOT
from thb_dataset.faces.packs import EMBEDDED_LICENCE

PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("|--")
]
FAMILIES = ("Apache", "MIT", "BSD", "MPL", "LGPL", "Zlib", "Python Software Foundation")
NOT_OURS = ("benchmark", "dev", "docs", "release")
"""Extras of those who work on the toolkit."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = sorted(
    {
        re.split(r"[^\w.-]", wanted)[0]
        for extra, group in {
            "": PROJECT["dependencies"],
            **PROJECT["optional-dependencies"],
        }.items()
        for wanted in group
        if extra not in NOT_OURS
    }
    - {"talkingheadbench"}
)


def row_of(name: str) -> list[str]:
    (row,) = [row for row in ROWS if row[0] == f"`{name}`"]
    return row


def families(text: str) -> set[str]:
    return {family for family in FAMILIES if family.lower() in text.lower()}


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_a_row_that_agrees_with_its_weights_and_card(name: str) -> None:
    row = row_of(name)
    weights = next((one for one in PUBLISHED if one.detector == name), None)
    if weights is not None and not weights.weights.startswith("none"):
        assert families(weights.licence.partition(";")[0]) <= families(row[3])
        assert ("CC-BY-NC" in weights.licence) == ("CC-BY-NC" in row[3])
        assert ("stated" in weights.licence) == ("not stated" in row[3])
    assert (ROOT / row[4].strip("`")).is_file()


@pytest.mark.parametrize("name", DETECTORS)
def test_every_backbone_has_a_row_with_the_licence_that_is_told_before_a_download(
    name: str,
) -> None:
    for backbone in find_detector_class(name).backbones:
        if backbone.repo:
            assert row_of(backbone.repo)[2] == backbone.licence


@pytest.mark.parametrize("pack", ["embedded", "buffalo_l"])
def test_every_face_pack_has_a_row(pack: str) -> None:
    licence = row_of(pack)[2]
    assert licence == EMBEDDED_LICENCE if pack == "embedded" else "non-commercial" in licence


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_a_row_that_agrees_with_its_metadata(package: str) -> None:
    stated = row_of(package)[2]
    try:
        known = metadata(package)
    except PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    named = known.get_all("License-Expression") or known.get_all("License") or [""]
    texts = [named[0][:80]]  # some packages put the whole text there
    texts += [each for each in known.get_all("Classifier") or [] if each.startswith("License ::")]
    assert families(" ".join(texts)) <= families(stated), texts


def test_files_that_are_named_exist() -> None:
    for name in re.findall(
        r"`((?:detectors|thb_dataset|metrics)/[\w./-]+|dataset_card\.md)`", PAGE
    ):
        assert (ROOT / name).exists(), name
