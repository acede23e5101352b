"""Fakes of a generator that the release does not know: one more test-only column of every fold."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import thb
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.score import score
from thb.evaluation.terminal_tables import print_results
from thb.evaluation.verification import verify_result
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.releases.fake_folders import read_fake_folders
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb.evaluation.result import Result
    from thb_dataset.mini.release import MiniRelease

FOLD = "p3-hallo"


def evaluate_fold(detector: Path, release: MiniRelease, out: Path, **changes: Any) -> Result:
    settings = {"scoring": PredictSettings(progress=False), "n_bootstrap": 0, **changes}
    return evaluate(
        detector,
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings=EvaluateSettings(**settings),
    )


@pytest.fixture(scope="module")
def fakes(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all fakes of Hallo2 under other names, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("fakes")
    (folder / "more").mkdir()
    found = sorted((tiny_release.hub / "fake/Hallo2").rglob("*.mp4"))
    for number, file in enumerate(found):
        shutil.copy(file, folder / ("more" if number == 0 else ".") / f"{number}.mp4")
    (folder / "notes.txt").write_text("no video", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def out(
    fakes: Path,
    untrained: Path,
    tiny_release: MiniRelease,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An evaluation that was made without the fakes first, and then with them."""
    folder = tmp_path_factory.mktemp("own")
    evaluate_fold(untrained, tiny_release, folder)
    evaluate_fold(untrained, tiny_release, folder, fakes={"MyGen": fakes})
    return folder


def test_a_column_of_its_own_beside_the_same_real_videos(
    out: Path, fakes: Path, untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    evaluate_fold(untrained, tiny_release, tmp_path)
    without = thb.Result.load(tmp_path / "result-p3-hallo.json")
    found = thb.Result.load(out / "result-p3-hallo.json")
    (cell,) = [cell for cell in found.cells if cell.generator == "MyGen"]
    assert (cell.part, cell.n_fake) == ("extra", len(list(fakes.rglob("*.mp4"))))
    assert cell.n_real == without.cells[0].n_real
    others = tuple(cell for cell in found.cells if cell.generator != "MyGen")
    assert others == without.cells, "the other columns stay as they are"
    assert found.mean == without.mean
    assert found.thresholds == without.thresholds, "these are of the release's fakes"
    rows = {row.video_id: row for row in read_predictions(out / FOLD / "predictions.parquet")}
    assert rows["MyGen/more/0.mp4"].label == 1
    mine = {row.video_id for row in rows.values() if row.generator == "MyGen"}
    assert mine == {f"MyGen/{file.relative_to(fakes)}" for file in fakes.rglob("*.mp4")}


def test_the_scores_are_those_of_the_same_files_by_themselves(
    out: Path, fakes: Path, untrained: Path
) -> None:
    rows = {row.video_id: row for row in read_predictions(out / FOLD / "predictions.parquet")}
    files = sorted(fakes.rglob("*.mp4"))
    alone = thb.predict(untrained, files, settings=PredictSettings(progress=False))
    for file, row in zip(files, alone, strict=True):
        assert rows[f"MyGen/{file.relative_to(fakes)}"].score == pytest.approx(row.score, abs=1e-6)


def test_the_result_says_what_was_scored(out: Path, fakes: Path) -> None:
    record = json.loads((out / "result-p3-hallo.json").read_text())
    files = {str(file.relative_to(fakes)): file.read_bytes() for file in fakes.rglob("*.mp4")}
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert record["runs"][FOLD]["fakes"] == {"MyGen": {"videos": len(files), "sha256": digest}}
    assert verify_result(out / "result-p3-hallo.json").agrees
    again = score(read_predictions(out / FOLD / "predictions.parquet"), n_bootstrap=0)
    assert again.to_dict() == record


def test_every_table_says_that_the_column_is_not_of_the_release(out: Path) -> None:
    result = thb.Result.load(out / "result-p3-hallo.json")
    for width in (60, 200):
        shown = io.StringIO()
        print_results([result], Console(width=width, file=shown))
        assert "MyGen ※" in shown.getvalue()
        assert "MyGen is not of the release" in " ".join(shown.getvalue().split())
    markdown = result.to_markdown()
    assert "| p3-hallo | MyGen ※ |" in markdown
    assert "MyGen is not of the release" in markdown


def test_fakes_that_were_replaced_are_scored_again_and_those_left_out_are_gone(
    fakes: Path, untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    folder, out = shutil.copytree(fakes, tmp_path / "fakes"), tmp_path / "out"
    evaluate_fold(untrained, tiny_release, out, fakes={"MyGen": folder})
    before = (out / FOLD / "throughput.json").read_text()
    first = read_predictions(out / FOLD / "predictions.parquet")
    shutil.copy(next((tiny_release.hub / "fake/LivePortrait/test").glob("*.mp4")), folder / "1.mp4")
    (folder / "more" / "0.mp4").write_bytes(b"")
    second = evaluate_fold(untrained, tiny_release, out, fakes={"MyGen": folder})
    rows = {row.video_id: row for row in read_predictions(out / FOLD / "predictions.parquet")}
    scores = {row.video_id: row.score for row in first}
    assert rows["MyGen/1.mp4"].score != scores["MyGen/1.mp4"]
    assert rows["MyGen/more/0.mp4"].reason == "an empty file"
    assert json.loads((out / FOLD / "throughput.json").read_text())["videos"] == 1
    assert json.loads(before)["videos"] > 1
    (cell,) = [cell for cell in second.cells if cell.generator == "MyGen"]
    assert cell.unscored == {"missing": 1}
    third = evaluate_fold(untrained, tiny_release, out)
    assert "MyGen" not in {cell.generator for cell in third.cells}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Hallo", "the benchmark's generator Hallo,"),
        ("emo-portraits", "the benchmark's generator EmoPortrait,"),
        ("CelebV-HQ", "cannot be called 'CelebV-HQ'"),
        ("../up", "cannot be called '../up'"),
        ("", "cannot be called ''"),
        ("\x1b[2J", "cannot be called '\\x1b[2J'"),
        ("x" * 41, "up to 40"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, reason: str, fakes: Path) -> None:
    with pytest.raises(ReleaseError) as refused:
        read_fake_folders({name: fakes})
    assert reason in str(refused.value)


def test_a_folder_without_videos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"there is no folder .*gone of the fakes of MyGen"):
        read_fake_folders({"MyGen": tmp_path / "gone"})
    with pytest.raises(ReleaseError, match="holds no video"):
        read_fake_folders({"MyGen": tmp_path})


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["MyGen"], 2, "'MyGen' is not NAME=DIR"),
        (["=folder"], 2, "is not NAME=DIR"),
        (["MyGen=a", "MyGen=b"], 2, "MyGen is given twice"),
        (["Hallo=a"], 3, "the benchmark's generator Hallo"),
    ],
)
def test_the_option_is_checked_before_any_work(
    words: list[str], code: int, reason: str, run_thb: Run, untrained: Path
) -> None:
    options = [part for word in words for part in ("--fakes", word)]
    ended = run_thb("evaluate", untrained, "--protocol", "p3", "--release", "nowhere", *options)
    assert ended.code == code
    assert reason in " ".join(ended.err.replace("│", " ").split())


def test_a_folder_of_an_unknown_generator_in_a_release_says_what_to_do(
    run_thb: Run,
    untrained: Path,
    tiny_release: MiniRelease,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = shutil.copytree(tiny_release.hub, tmp_path / "hub")
    mine = release / "fake" / "MyGen" / "test"
    mine.mkdir(parents=True)
    fake = next((release / "fake/Hallo2/test").glob("*.mp4"))
    for number in range(2):
        shutil.copy(fake, mine / f"{number}.mp4")
    found = run_thb("data", "verify", "--release", release)
    assert found.code == 1
    assert "thb evaluate … --fakes MyGen=fake/MyGen" in found.out
    words = ["--protocol", "p3", "--fold", "p3-hallo", "--release", release, "--bootstrap", "0"]
    words += ["--real-root", tiny_release.real_root, "--out", tmp_path / "out", "--quiet"]
    told = run_thb("evaluate", untrained, *words)
    option = f"MyGen={release}/fake/MyGen"
    assert told.code == 0
    assert "2 left out (unknown generator). Score these videos" in caplog.text
    assert f"thb evaluate … --fakes {option}" in caplog.text
    ended = run_thb("evaluate", untrained, *words, "--fakes", option)
    assert ended.code == 0
    assert "MyGen ※" in ended.out


def test_the_papers_tables_say_it_in_every_format(run_thb: Run, out: Path) -> None:
    for name in ("text", "markdown", "latex", "html"):
        shown = " ".join(run_thb("tables", out, "--format", name).out.split())
        assert "not of the release" in shown.replace("MyGen is not of the release", ""), name
        assert "MyGen is not of the release" in shown, name
        assert ("※" in shown) == (name != "latex"), "LaTeX has no such letter"


def test_an_export_does_not_pass_them_off_as_the_benchmarks(
    run_thb: Run, out: Path, tmp_path: Path
) -> None:
    words = ["--to", "every-eval-ever", "--model", "org/name", "--out", tmp_path]
    assert run_thb("export", out, *words).code == 0
    (file,) = tmp_path.rglob("*.json")
    text = file.read_text(encoding="utf-8")
    assert "MyGen (not of the release)" in text
    assert "Hallo3 (not of the release)" not in text
