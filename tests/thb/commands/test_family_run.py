"""The diagnostic p3-family on the command line, from training to figures, on drawn videos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thb.commands.options import choose_protocols
from thb.prediction.predictions import read_predictions
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.protocols import build_folds
from thb_dataset.records import Family
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-family-hallo"


def test_all_stays_the_three_protocols_of_the_paper() -> None:
    assert choose_protocols("all", None) == ["p1", "p2", "p3"]
    assert choose_protocols("p3-family", "hallo") == ["p3-family"]


def test_a_family_is_trained_evaluated_verified_and_shown(
    run_thb: Run, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    run = tmp_path / "mine"
    videos = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    which = ["--protocol", "p3-family", "--fold", "Hallo-Family"]
    trained = run_thb(
        *("train", "baseline", *which, *videos, "--out", run / FOLD),
        *("--epochs", 1, "--quiet", "--format", "json"),
    )
    assert trained.code == 0, trained.err
    (made,) = json.loads(trained.out)["folds"]
    assert (made["fold"], made["protocol"], made["held_out"]) == (FOLD, "p3-family", "hallo-family")

    refused = run_thb("evaluate", run / FOLD, "--protocol", "p3", "--fold", "hallo", *videos)
    assert refused.code == 4
    assert "p3-family-hallo" in refused.err, "it may have seen the other generators' relatives"

    evaluated = run_thb(
        *("evaluate", run, *which, *videos, "--bootstrap", 0, "--quiet", "--format", "json")
    )
    assert evaluated.code == 0, evaluated.err
    (fold,) = build_folds(read_release(tiny_release.hub).videos, "p3-family", held_out=Family.HALLO)
    scored = read_predictions(run / FOLD / "predictions.parquet")
    assert isinstance(scored.run, FoldScoringRecord)
    assert (scored.run.held_out, scored.run.mismatch) == ("hallo-family", None)
    assert {row.video_id for row in scored.rows} == {v.video_id for v in (*fold.test, *fold.extra)}
    result = run / f"result-{FOLD}.json"
    assert run_thb("verify-result", result).code == 0
    cells = json.loads(result.read_text())["cells"]
    assert [cell["generator"] for cell in cells if cell["part"] in ("test", "family")] == [
        *("Hallo", "Hallo2", "hallo-family")
    ]

    shown = run_thb("tables", run, "--bootstrap", 0, "--format", "markdown")
    assert "P3-FAMILY-HALLO" in shown.out
    assert "paper" not in shown.out.split("- ")[0]
    drawn = run_thb("figures", run, "--bootstrap", 0, "--out", tmp_path / "figures", "--quiet")
    assert drawn.code == 0, drawn.err
    assert (tmp_path / "figures" / f"fig2c-{FOLD}.png").is_file()
    out = tmp_path / "exported"
    exported = run_thb("export", run, "--to", "csv", "--out", out, "--bootstrap", 0)
    assert exported.code == 0, exported.err
    assert (out / f"{FOLD}.csv").is_file()
    assert "hallo-family,family" in (out / "results.csv").read_text()


def test_metadata_alone_are_measured_on_a_family(
    run_thb: Run, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    done = run_thb(
        *("shortcuts", "--protocol", "p3-family", "--fold", "warping", "--release"),
        *(tiny_release.hub, "--real-root", tiny_release.real_root, "--out", tmp_path),
        *("--bootstrap", 0, "--quiet", "--format", "json"),
    )
    assert done.code == 0, done.err
    results = json.loads(done.out)["results"]
    assert {each["protocol"] for each in results} == {"p3-family"}
    assert (tmp_path / "shortcuts-p3-family-warping.json").is_file()


@pytest.mark.parametrize(
    ("fold", "says"),
    [
        ("halo", "did you mean hallo"),
        ("hallo2", "name a family that holds it, hallo or sd_vae"),
        ("p3-hallo", "choose the protocol p3"),
    ],
)
def test_a_wrong_fold_says_which_is_meant(
    run_thb: Run, tiny_release: MiniRelease, tmp_path: Path, fold: str, says: str
) -> None:
    done = run_thb(
        *("train", "baseline", "--protocol", "p3-family", "--fold", fold),
        *("--release", tiny_release.hub, "--out", tmp_path / "x"),
    )
    assert done.code == 3
    (line,) = (line for line in done.err.splitlines() if line.startswith("error: "))
    assert says in line
