"""Published boards read back, filtered and drawn."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metrics.talking_head_detection.roc import roc_curve
from tests.support.made_boards import write_small_results
from thb.boards.building import Boards, build_boards
from thb.boards.pictures import draw_board, draw_curves
from thb.boards.reading import fetch_predictions, pack_predictions, read_boards
from thb.boards.views import View, list_choices, select_rows, view_generator
from thb.prediction.predictions import read_predictions
from thb_dataset.errors import ResultError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def built(root: Path) -> Boards:
    return build_boards(root, out=root / "boards", n_bootstrap=50)


def test_boards_are_read_as_they_were_built(root: Path, built: Boards) -> None:
    read = read_boards(root)
    assert [row.name for row in read.detectors.protocols["p3"].rows] == [
        row.name for row in built.detectors.protocols["p3"].rows
    ]
    assert read.generators.protocols.keys() == built.generators.protocols.keys()
    assert read.link_to("acme__strong/1") == "", "a folder has no address"


def test_damaged_boards_are_named(root: Path, built: Boards, tmp_path: Path) -> None:
    assert built.detectors.protocols
    with pytest.raises(ResultError, match="run thb board build"):
        read_boards(tmp_path)
    (tmp_path / "boards").mkdir()
    file = tmp_path / "boards" / "detectors.json"
    file.write_text("{")
    with pytest.raises(ResultError, match="is damaged"):
        read_boards(tmp_path)
    content = json.loads((root / "boards" / "detectors.json").read_text("utf-8"))
    file.write_text(json.dumps(content | {"format": "thb-board/9"}))
    with pytest.raises(ResultError, match="thb-board/9"):
        read_boards(tmp_path)


def test_a_view_of_one_generator_has_its_numbers(built: Boards) -> None:
    choices = list_choices(built.detectors, built.generators)
    assert choices.protocols[-1] == "overall"
    assert {"Hallo", "MAGI-1", "NewFace"} <= set(choices.generators)
    whole = {row.name: row for row in built.detectors.protocols["p3"].rows}
    for name in ("Hallo", "MAGI-1"):
        shown = select_rows(built.detectors, View(protocol="p3", generator=name))
        expected = [one for one, row in whole.items() if name in row.cells or name in row.extra]
        assert [row.name for row in shown] == expected
        for row in shown:
            own = {**whole[row.name].extra, **whole[row.name].cells}[name]
            assert row.mean == own
            assert row.rank == whole[row.name].rank, "nobody is ranked anew"
    assert view_generator(built.generators, "Hallo").keys() == {"p1", "p3"}


def test_figures_say_their_numbers_in_words(built: Boards, tmp_path: Path) -> None:
    rows = select_rows(built.detectors, View(protocol="p3", tiers=("re-run",)))
    pictures = draw_board(rows, "p3")
    assert len(pictures) == 3
    (own,) = rows
    assert f"Hallo {own.cells['Hallo']['t1'].value:.2f}" in pictures[0].alt
    (tmp_path / "x.png").write_bytes(pictures[0].png)
    with Image.open(tmp_path / "x.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
    assert draw_board(rows, "overall") == ()
    assert draw_board((), "p3") == ()


def test_curves_and_archive_are_those_of_the_predictions(
    root: Path, built: Boards, tmp_path: Path
) -> None:
    assert built.detectors.protocols
    boards = read_boards(root)
    files = fetch_predictions(boards, f"acme__strong/{1:040x}")
    own = [path for fold, path in files.items() if fold.startswith("p3")]
    (picture,) = draw_curves(own, "p3", name="<strong>")
    rows = [
        row
        for row in read_predictions(files["p3-hallo"]).rows
        if row.score is not None and (row.label == 0 or row.split == "test")
    ]
    labels, scores = np.array([(row.label, row.score) for row in rows], float).T
    area = roc_curve(labels.astype(int), scores).area
    assert f"Hallo {area:.2f}" in picture.alt
    assert picture.title.startswith("<strong> on P3")
    pack_predictions(files, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as packed:
        assert packed.read("p3-hallo/predictions.parquet") == files["p3-hallo"].read_bytes()
    for name in ("../x", "a/../b", "acme__strong", "acme__strong/..", "/etc/passwd"):
        with pytest.raises(ResultError, match="not the folder of a submission"):
            fetch_predictions(boards, name)
    with pytest.raises(ResultError, match="no predictions"):
        fetch_predictions(boards, "no__body/1")
