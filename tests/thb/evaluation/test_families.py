"""The diagnostic p3-family: a number for each member and for the family, each in every fold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.support.scored_folds import write_run
from thb.evaluation.cells import FAMILY
from thb.evaluation.csv_table import csv_table
from thb.evaluation.result import Result, result_file_name
from thb.evaluation.score import score
from thb.evaluation.tables import DIAGNOSTIC_NOTE, list_caveats, markdown_table, notes
from thb.evaluation.verification import verify_result
from thb.prediction.predictions import Prediction, read_predictions
from thb_dataset.records import Family

if TYPE_CHECKING:
    from tests.support.command_line import Run

FOLDS = {f"p3-family-{family.slug}": family for family in Family}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("families") / "tall", protocols=("p3", "p3-family"))


@pytest.fixture(scope="module")
def result(run: Path) -> Result:
    return score([run / fold for fold in FOLDS], n_bootstrap=20)


def read_rows(run: Path, fold: str) -> list[Prediction]:
    return list(read_predictions(run / fold / "predictions.parquet").rows)


def find_tpr(fakes: list[float], reals: list[float], alarms: int) -> float:
    """Count the fakes above all but ``alarms`` real videos, by sorting alone."""
    limit = sorted(reals, reverse=True)[alarms]
    return float(np.mean([score > limit for score in fakes]))


def test_every_fold_has_its_members_and_the_family_as_a_whole(run: Path, result: Result) -> None:
    cells = {(cell.fold, cell.generator): cell for cell in result.cells}
    assert len(cells) == len(result.cells) == 4 + 10, "a generator is in its family and in sd-vae"
    for fold, family in FOLDS.items():
        rows = read_rows(run, fold)
        reals = [row.score or 0.0 for row in rows if row.label == 0]
        groups = {str(name): [str(name)] for name in family.generators}
        groups[family.value] = [*groups]
        for name, members in groups.items():
            fakes = [row.score or 0.0 for row in rows if row.generator in members]
            labels = [1] * len(fakes) + [0] * len(reals)
            cell = cells[fold, name]
            assert cell.part == (FAMILY if name == family.value else "test")
            assert (cell.n_fake, cell.n_real) == (12 * len(members), 30)
            area = roc_auc_score(labels, [*fakes, *reals])
            assert cell.measures["auc"].value == pytest.approx(area)
            for metric in ("t1", "t01"):  # 1 % and 0.1 % of 30 real videos are none
                expected = find_tpr(fakes, reals, 0)
                assert cell.measures[metric].value == pytest.approx(expected)
                low, high = cell.measures[metric].low, cell.measures[metric].high
                assert low is not None
                assert high is not None
                assert low <= expected <= high


def test_folds_that_overlap_have_no_mean(result: Result) -> None:
    assert (result.protocol, result.is_diagnostic) == ("p3-family", True)
    assert (result.mean, result.mean_over) == ({}, ())
    assert result.whole_name == "mean"


def test_the_threshold_of_a_fold_is_that_of_its_family(result: Result) -> None:
    for cell in result.cells:
        if cell.part == FAMILY:
            assert result.thresholds[cell.fold]["t1"] == cell.measures["t1"].threshold


def test_p3_is_as_it_is_without_the_families(run: Path) -> None:
    own = score(sorted(run.glob("p3-[!f]*")), n_bootstrap=20)
    assert {cell.part for cell in own.cells} == {"test"}
    assert len(own.cells) == len(own.mean_over) == 6
    assert not own.is_diagnostic
    areas = [cell.measures["auc"].value for cell in own.cells]
    assert own.mean["auc"].value == pytest.approx(float(np.mean(areas)))


def test_a_saved_result_reads_back_and_verifies(run: Path) -> None:
    result = score([run / fold for fold in FOLDS], n_bootstrap=20)
    assert result_file_name(result) == "result-p3-family.json"
    result.save(run / "result-p3-family.json")
    assert Result.load(run / "result-p3-family.json").to_dict() == result.to_dict()
    assert verify_result(run / "result-p3-family.json").agrees
    record = json.loads((run / "result-p3-family.json").read_text())
    for cell in record["cells"]:
        if (cell["fold"], cell["part"]) == ("p3-family-hallo", FAMILY):
            cell["measures"]["auc"]["value"] = 0.999
    (run / "result-p3-family.json").write_text(json.dumps(record))
    wrong = [each.place for each in verify_result(run / "result-p3-family.json").differences]
    assert wrong == ["cells[p3-family-hallo hallo-family family].measures.auc.value", "the file"]
    (run / "result-p3-family.json").unlink()
    one = score(run / "p3-family-hallo", n_bootstrap=0)
    assert result_file_name(one) == "result-p3-family-hallo.json"


def test_every_fold_has_a_table_and_nothing_is_overwritten(result: Result) -> None:
    text = markdown_table([result])
    heads = [line for line in text.splitlines() if line.startswith("| detector")]
    assert heads == [
        "| detector |  | AniPortraitAudio | AniPortraitVideo | aniportrait-family |",
        "| detector |  | Hallo | Hallo2 | hallo-family |",
        "| detector |  | AniPortraitAudio | AniPortraitVideo | Hallo | Hallo2 | sd-vae-family |",
        "| detector |  | EmoPortrait | LivePortrait | warping-family |",
    ]
    for cell in result.cells:
        assert f"{cell.measures['auc'].value:.3f}" in text
    assert "P3-FAMILY-SD_VAE (new identities, a new family of generators)" in text
    assert DIAGNOSTIC_NOTE in notes([result])
    assert not any("mean is over" in line for line in notes([result]))
    assert DIAGNOSTIC_NOTE not in list_caveats([result])


def test_the_csv_names_fold_and_family(result: Result) -> None:
    lines = csv_table([result]).splitlines()
    names = {tuple(line.split(",")[7:10]) for line in lines[1:]}
    assert names == {(cell.fold, cell.generator, cell.part) for cell in result.cells}


def test_the_command_scores_both_protocols_of_a_run(run: Path, run_thb: Run) -> None:
    done = run_thb("score", run, "--bootstrap", 0, "--format", "json")
    assert done.code == 0, done.err
    results = {each["protocol"]: each for each in json.loads(done.out)["results"]}
    assert set(results) == {"p3", "p3-family"}
    assert len(results["p3"]["mean_over"]) == 6
    shown = run_thb("score", run, "--bootstrap", 0)
    assert "P3-FAMILY-HALLO" in shown.out
    assert all(f"{family.value.removesuffix('family')}" in shown.out for family in Family)
