"""What metadata alone reach: on releases in which one thing, or nothing, tells fake from real."""

from __future__ import annotations

import json
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.support.tagged_release import (
    FAKES,
    REALS,
    retag,
    write_tagged_release,
    write_template,
)
from thb.evaluation.score import score
from thb.prediction.predictions import (
    Prediction,
    Predictions,
    Status,
    read_predictions,
    write_predictions,
)
from thb.releases.opening import open_release
from thb.robustness.features import NAMES, NUMBERS
from thb.robustness.shortcuts import ShortcutSettings, shortcuts
from thb.runs.provenance import METADATA_ONLY, FoldScoringRecord, ScoredDetector
from thb_dataset.errors import ReleaseError, ResultError
from thb_dataset.protocols import build_folds
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb.robustness.report import ShortcutReport
    from thb_dataset.mini.release import MiniRelease

FAKE_TAG, REAL_TAG = b"Faker 2", b"Camera 1"
TRAIN = 2 * (FAKES + REALS)
QUIET = ShortcutSettings(progress=False, n_bootstrap=100)


def measure(release: MiniRelease, out: Path | None = None, **given: Any) -> ShortcutReport:
    return shortcuts(
        given.pop("protocols", ["p1"]),
        release=given.pop("opened", release.hub),
        real_root=given.pop("real_root", release.real_root),
        out=out,
        **{"settings": QUIET, **given},
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_template(tmp_path_factory.mktemp("template") / "a.mp4")


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory, template: bytes) -> MiniRelease:
    """All videos are the same but for the encoder tag, which tells fake from real."""

    def choose(kind: str, number: int) -> bytes:
        return retag(template, FAKE_TAG if kind == "fake" else REAL_TAG)

    return write_tagged_release(tmp_path_factory.mktemp("tagged"), choose)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> MiniRelease:
    """Frame rate, size and tag vary, and none of them has anything to do with the class.

    Those of the training videos are drawn at random, and each generator and each dataset of real
    videos has the same six test videos.
    """
    folder = tmp_path_factory.mktemp("mixed")
    templates = [
        write_template(folder / f"{fps}-{side}.mp4", fps=fps, size=(side, side))
        for fps in (24, 25, 30)
        for side in (32, 64)
    ]
    draw = random.Random(5)

    def choose(kind: str, number: int) -> bytes:
        at = draw.randrange(6) if number < TRAIN else number % 6
        return retag(templates[at], FAKE_TAG if at % 2 else REAL_TAG)

    return write_tagged_release(folder / "release", choose)


def test_where_only_the_encoder_tag_separates_it_is_found_and_named(tagged: MiniRelease) -> None:
    report = measure(tagged)
    assert [result.title for result in report.results] == [
        "metadata only (logistic)",
        "metadata only (trees)",
    ]
    for result in report.results:
        assert result.mean["auc"].value == 1
        assert result.mean["t1"].value == 1
        assert [(cell.n_fake, cell.n_real) for cell in result.cells] == [(FAKES, 2 * REALS)] * 2
    (fold,) = report.folds
    assert [(area.feature, area.auc, area.higher_in) for area in fold.features] == [
        ("encoder = Camera 1", 1, "real"),
        ("encoder = Faker 2", 1, "fake"),
    ]
    for weights in fold.weights.values():
        heavy = [weight.feature for weight in weights if abs(weight.value) > 1e-9]
        assert heavy
        assert all(feature.startswith("encoder = ") for feature in heavy)
    signs = {weight.feature: weight.value for weight in fold.weights["logistic"]}
    assert signs["encoder = Faker 2"] > 0 > signs["encoder = Camera 1"]
    assert (fold.trained_on.fake, fold.trained_on.real) == (2 * FAKES, 2 * REALS)


def test_where_nothing_separates_the_interval_holds_one_half(mixed: MiniRelease) -> None:
    report = measure(mixed)
    for result in report.results:
        for measured in [result.mean["auc"], *(cell.measures["auc"] for cell in result.cells)]:
            assert measured.low is not None
            assert measured.high is not None
            assert measured.value == pytest.approx(0.5)
            assert measured.low < 0.5 < measured.high
    for area in report.folds[0].features:
        assert area.low <= 0.5 <= area.high
    for classifier in report.real_sources:
        assert classifier.area is not None
        assert classifier.area.low <= 0.5 <= classifier.area.high


@pytest.mark.parametrize("kind", ["logistic", "trees"])
def test_a_pipeline_by_hand_gives_the_same_scores(
    kind: str, mixed: MiniRelease, tmp_path: Path
) -> None:
    measure(mixed, tmp_path, settings=replace(QUIET, seed=7))
    rows = read_predictions(tmp_path / kind / "p1" / "predictions.parquet").rows
    (fold,) = build_folds(open_release(mixed.hub).release.videos, "p1")
    columns: dict[str, list[Any]] = {}
    with VideoReader() as reader:
        for video in sorted((*fold.train, *fold.test), key=lambda video: video.video_id):
            root = mixed.hub if video.generator else mixed.real_root
            fact = reader.read_metadata(root / video.path)
            for name in NUMBERS:
                value = getattr(fact, name)
                number = float(value) if name == "has_audio" else np.log(value)
                columns.setdefault(name, []).append(number)
            for name in NAMES:
                columns.setdefault(name, []).append(getattr(fact, name) or "(none)")
            columns.setdefault("id", []).append(video.video_id)
            columns.setdefault("label", []).append(int(video.label))
    table = pd.DataFrame(columns).set_index("id")
    train = table.loc[sorted(video.video_id for video in fold.train)]
    by_hand = make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(NUMBERS)),
            (OneHotEncoder(handle_unknown="ignore"), list(NAMES)),
        ),
        LogisticRegression(max_iter=10_000)
        if kind == "logistic"
        else GradientBoostingClassifier(random_state=7),
    ).fit(train.drop(columns="label"), train["label"])
    expected = by_hand.predict_proba(table.drop(columns="label"))[:, 1]
    known = dict(zip(table.index, expected, strict=True))
    assert [row.score for row in rows] == pytest.approx([known[row.video_id] for row in rows])
    assert len({row.score for row in rows}) > 3, "the scores must differ for this to mean anything"


def test_neither_order_nor_threads_change_anything(mixed: MiniRelease, tmp_path: Path) -> None:
    opened = open_release(mixed.hub, real_root=mixed.real_root)
    turned = replace(opened.release, videos=opened.release.videos[::-1])
    ways: dict[str, dict[str, Any]] = {
        "one": {"settings": replace(QUIET, workers=1)},
        "many": {"settings": replace(QUIET, workers=5)},
        "turned": {"opened": replace(opened, release=turned), "real_root": None},
    }
    written = {}
    for name, given in ways.items():
        measure(mixed, tmp_path / name, protocols=["p3"], fold="hallo", **given)
        written[name] = {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*.*"))
            if path.is_file()
        }
    assert len(written["one"]) == 5, "two predictions, two results, one report"
    assert written["one"] == written["many"] == written["turned"]


def test_hostile_and_missing_files_get_a_row_with_the_reason(
    template: bytes, test_data: Path, tmp_path: Path
) -> None:
    release = write_tagged_release(tmp_path / "release", lambda kind, number: template)
    names = ("truncated_moov_last.mp4", "text_file.mp4", "zero_bytes.mp4", "audio_only.mp4")
    fakes = sorted((release.hub / "fake" / "Hallo" / "test").iterdir())
    for bad, fake in zip(names, fakes, strict=False):
        shutil.copy(test_data / "bad" / bad, fake)
    reals = sorted((release.real_root / "CelebV-HQ").iterdir())
    reals[-1].unlink()
    unusable = min((release.hub / "fake" / "Hallo" / "train").iterdir())
    unusable.write_bytes(b"none")
    (fold,) = measure(release, tmp_path / "out").folds
    assert list(fold.unread) == [f"Hallo/{unusable.stem}"]
    assert fold.trained_on.fake == 2 * FAKES - 1
    rows = read_predictions(tmp_path / "out" / "trees" / "p1" / "predictions.parquet").rows
    found = {row.video_id: row for row in rows}
    reasons = ("can be read", "can be read", "empty", "no video")
    for fake, words in zip(fakes, reasons, strict=False):
        row = found[f"Hallo/{fake.stem}"]
        assert (row.status, row.score) == (Status.ERROR, None)
        assert words in str(row.reason)
    assert found[f"CelebV-HQ/{reals[-1].stem}"].status is Status.MISSING
    assert sum(row.status is Status.OK for row in found.values()) == len(found) - 5
    with pytest.raises(ReleaseError, match=reals[-1].stem):
        measure(release, settings=replace(QUIET, strict=True))


def test_the_run_folders_go_where_those_of_detectors_go(
    tagged: MiniRelease, tmp_path: Path, run_thb: Run
) -> None:
    report = measure(tagged, tmp_path / "metadata", protocols=["p3"], fold="hallo")
    folder = tmp_path / "metadata"
    scored = run_thb("score", folder, "--bootstrap", "100", "--format", "json")
    assert scored.code == 0
    assert json.loads(scored.out)["results"] == [result.to_dict() for result in report.results]
    for kind, result in zip(("logistic", "trees"), report.results, strict=True):
        assert json.loads((folder / kind / "result-p3-hallo.json").read_text()) == result.to_dict()
        run = read_predictions(folder / kind / "p3-hallo" / "predictions.parquet").run
        assert isinstance(run, FoldScoringRecord)
        assert run.marks == (METADATA_ONLY,)
        assert run.detector.metadata_only
        assert run.mismatch is None
        assert run.versions["scikit-learn"]
    shown = run_thb("score", folder, "--bootstrap", "0", "--format", "markdown").out
    assert "| metadata only (trees) ‖ |" in shown
    assert METADATA_ONLY.sentence in shown
    assert json.loads((folder / "shortcuts-p3-hallo.json").read_text()) == report.to_dict()


def make_run(folder: Path, tagged: MiniRelease, **record: Any) -> Path:
    """Write the predictions of a detector that calls FaceForensics++ fake, and Hallo real."""
    measure(tagged, folder / "metadata")
    read = read_predictions(folder / "metadata" / "trees" / "p1" / "predictions.parquet")
    assert isinstance(read.run, FoldScoringRecord)
    draw = random.Random(1)

    def rescore(row: Prediction) -> Prediction:
        base = 0.5 if row.generator or row.real_dataset == "FaceForensics++" else 0.2
        return replace(row, score=base + draw.uniform(0, 0.45))

    run = replace(
        read.run, detector=ScoredDetector(model_type="odd"), name="odd", versions={}, **record
    )
    rows = tuple(map(rescore, read.rows))
    write_predictions(
        folder / "odd" / "p1" / "predictions.parquet", Predictions(rows=rows, run=run)
    )
    return folder / "odd"


def test_a_run_is_compared_with_the_metadata_and_its_false_alarms_are_told_apart(
    tagged: MiniRelease, tmp_path: Path
) -> None:
    run = make_run(tmp_path, tagged)
    report = measure(tagged, runs=[run])
    rows = read_predictions(run / "p1" / "predictions.parquet").rows
    reals = [row for row in rows if row.label == 0]
    assert report.results[-1].title == "odd"
    assert (
        report.results[-1].cells
        == score(read_predictions(run / "p1" / "predictions.parquet"), n_bootstrap=100).cells
    )
    for difference in report.differences:
        fakes = [row for row in rows if row.generator == difference.generator]
        expected = roc_auc_score(
            [row.label for row in (*fakes, *reals)], [row.score for row in (*fakes, *reals)]
        )
        assert (difference.detector, difference.metadata_auc) == ("odd", 1)
        assert difference.auc == pytest.approx(expected)
        assert difference.low <= difference.difference <= difference.high
        assert difference.difference == pytest.approx(expected - 1)
    assert len(report.differences) == 4
    (scores,) = [found for found in report.source_scores if found.detector == "odd"]
    assert scores.area is not None
    assert scores.area.higher_in == "FaceForensics++"
    assert scores.area.auc == pytest.approx(
        roc_auc_score(
            [row.real_dataset == "FaceForensics++" for row in reals], [row.score for row in reals]
        )
    )
    (alarms,) = scores.false_alarms
    threshold = report.results[-1].thresholds["p1"]["t1"]
    assert (alarms.rule, alarms.threshold) == ("T1", threshold)
    assert alarms.reals == {"FaceForensics++": REALS, "CelebV-HQ": REALS}
    assert alarms.alarms == {"FaceForensics++": 0, "CelebV-HQ": 0}  # 1 % of 12 videos is none


def test_a_run_on_something_else_is_refused(tagged: MiniRelease, tmp_path: Path) -> None:
    run = make_run(tmp_path, tagged, split_by="driver")
    with pytest.raises(ResultError, match="holds no predictions of p1 on this release"):
        measure(tagged, runs=[run])


def test_without_real_videos_nothing_is_trained(tagged: MiniRelease, tmp_path: Path) -> None:
    (tmp_path / "reals").mkdir()
    with pytest.raises(ReleaseError, match="real videos"):
        measure(tagged, real_root=tmp_path / "reals")
    shutil.copytree(tagged.real_root, tmp_path / "some")
    for path in (tmp_path / "some").rglob("*.mp4"):
        if path.stem[0] == "0" or path.stem.startswith("real0"):  # those to train on
            path.unlink()
    with pytest.raises(ReleaseError, match="no real training video"):
        measure(tagged, real_root=tmp_path / "some")


def test_without_scikit_learn_one_line_says_what_to_install(
    tagged: MiniRelease, run_thb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    ended = run_thb("shortcuts", "--protocol", "p1", "--release", tagged.hub)
    assert (ended.code, ended.out) == (4, "")
    (line,) = ended.err.splitlines()
    assert line.endswith("pip install 'talkingheadbench[shortcuts]'")


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_no_tag_reaches_the_terminal_as_a_command(
    form: str, template: bytes, tmp_path: Path, run_thb: Run
) -> None:
    def choose(kind: str, number: int) -> bytes:
        return retag(template, b"\x1b[2J|[red]\xff" if kind == "fake" else REAL_TAG)

    release = write_tagged_release(tmp_path / "release", choose)
    words = ["shortcuts", "--protocol", "p1", "--release", release.hub, "--bootstrap", "0"]
    words += ["--real-root", release.real_root, "--out", tmp_path / "out", "--quiet"]
    shown = run_thb(*words, "--format", form)
    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out
    if form == "json":
        features = json.loads(shown.out)["folds"][0]["features"]
        assert "encoder = \x1b[2J|[red]\ufffd" in [feature["feature"] for feature in features]
    else:
        bar = "\\|" if form == "markdown" else "|"
        assert f"encoder = \ufffd[2J{bar}[red]\ufffd" in shown.out
        assert "metadata only (logistic) ‖" in shown.out
        assert "Real against real" not in shown.out or "0.500" in shown.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--release", "./nowhere"], 3, "./nowhere"),
        (["--release", "mini", "--controlled"], 2, "--run"),
        (["--release", "mini", "--fold", "hallo"], 2, "--fold"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    words: list[str], code: int, said: str, run_thb: Run
) -> None:
    ended = run_thb("shortcuts", "--protocol", "p1", *words)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
