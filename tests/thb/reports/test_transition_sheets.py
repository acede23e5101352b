"""The steepest falls explained: both detectors' heat on the same frames, a sheet for each video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from detectors.registry import create_detector, find_detector_class
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.explanations.explain import ExplainSettings
from thb.prediction.inference import PredictSettings
from thb.releases.opening import open_release
from thb.reports.run_transitions import transitions
from thb.reports.transition_sheets import SheetSettings, explain_transitions
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SETTINGS = SheetSettings(limit=2, explaining=ExplainSettings(progress=False, workers=1))


@pytest.fixture(scope="module")
def run(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one detector for P1 and another for a fold of P3."""
    folder = tmp_path_factory.mktemp("run")
    kind = find_detector_class("baseline")
    for seed, (protocol, fold) in enumerate([("p1", None), ("p3", "hallo")]):
        name = f"{protocol}-{fold}" if fold else protocol
        create_detector(kind, seed=seed, config=kind.tiny).save_pretrained(folder / name)
        evaluate(
            folder,
            protocol=protocol,
            fold=fold,
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            settings=EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False)),
        )
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    return folder


def test_a_sheet_shows_the_frames_and_the_heat_of_both_detectors(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    found = transitions(run, quantile=0, missed_below=1)
    sheets = explain_transitions(
        found, run, out=tmp_path / "out", release=tiny_release.hub, settings=SETTINGS
    )
    assert [sheet.video_id for sheet in sheets] == [
        video.video_id for video in found.transitions.videos[:2]
    ]
    for sheet in sheets:
        assert sheet.problem is None
        assert sheet.file is not None
        with Image.open(sheet.file) as drawn:
            assert drawn.height > 3 * 176, "crops and two rows of heat"
    assert sheets[0].to_dict()["file"] == str(sheets[0].file)
    again = explain_transitions(
        found, run, out=tmp_path / "again", release=tiny_release.hub, settings=SETTINGS
    )
    for one, other in zip(sheets, again, strict=True):
        assert one.file is not None
        assert other.file is not None
        assert one.file.read_bytes() == other.file.read_bytes()


def test_a_video_that_is_gone_has_no_sheet_but_a_reason(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    found = transitions(run, quantile=0, missed_below=1)
    first = found.transitions.videos[0]
    strange = replace(found.transitions, videos=(replace(first, video_id="Hallo/x"), first))
    gone, there = explain_transitions(
        replace(found, transitions=strange),
        run,
        out=tmp_path,
        release=tiny_release.hub,
        settings=SETTINGS,
    )
    assert (gone.file, gone.problem) == (None, "the release does not hold it")
    assert there.file is not None


def test_nothing_is_opened_if_there_is_no_transition(run: Path, tmp_path: Path) -> None:
    found = transitions(run, confident=1)
    assert explain_transitions(found, run, out=tmp_path, release="./nowhere") == ()


def test_detectors_and_releases_that_did_not_give_the_scores_are_refused(
    run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    found = transitions(run, quantile=0, missed_below=1)
    opened = open_release(tiny_release.hub, real_root=tiny_release.real_root)
    other = replace(opened, release=replace(opened.release, revision="0" * 64))
    with pytest.raises(ResultError, match="release differ"):
        explain_transitions(found, run, out=tmp_path, release=other, settings=SETTINGS)
