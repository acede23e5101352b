"""Detectors that listen get the release's WAV files, whatever was downloaded before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.support.loopback_hub import LoopbackHub
from tests.support.sources import ROOT
from thb_dataset.mini.release import MiniRelease

REPO = "someone/SilentHeadBench"
PROGRAM = """
import json, os, shutil, sys
from collections import Counter
from pathlib import Path

from detectors.registry import create_detector, find_detector_class
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.explanations.explain import ExplainSettings
from thb.explanations.gallery import GallerySettings, make_gallery
from thb.explanations.split import SplitExplainSettings, explain_split
from thb.prediction.calibration import calibrate
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.training.settings import TrainOptions
from thb.training.train import train

out, real_root = Path(sys.argv[1]), sys.argv[2]
where = {"protocol": "p3", "fold": "hallo", "release": sys.argv[3], "real_root": real_root}
listener = find_detector_class("lipfd")
create_detector(listener, seed=1, config=listener.tiny).save_pretrained(out / "start")
found = {}


def forget():
    for name in ("HF_HOME", "THB_CACHE"):
        shutil.rmtree(os.environ[name], ignore_errors=True)


(trained,) = train(
    str(out / "start"),
    **where,
    out=out / "run",
    settings={"epochs": 1, "batch_size": 4, "draws_per_video": 1},
    options=TrainOptions(progress=False),
)
videos = trained.record.videos.train
found["train"] = {"used": min(videos.used.fake, videos.used.real), "lost": len(videos.no_audio)}
forget()
quiet = PredictSettings(progress=False)
again = calibrate(trained.folder, release=sys.argv[3], real_root=real_root, scoring=quiet)
lost = sum(sum(counts.values()) for counts in again.excluded.values())
found["calibrate"] = {"used": min(again.n_real, again.n_fake), "lost": lost}
forget()
evaluate(out / "run", **where, settings=EvaluateSettings(n_bootstrap=0, scoring=quiet))
rows = read_predictions(out / "run" / "p3-hallo" / "predictions.parquet").rows
counts = Counter((row.label, row.status) for row in rows)
found["evaluate"] = {
    "used": min(counts[0, "ok"], counts[1, "ok"]),
    "lost": sum(count for (_, status), count in counts.items() if status == "no_audio"),
}
forget()
explaining = ExplainSettings(progress=False)
explained = explain_split(
    out / "run",
    **where,
    settings=SplitExplainSettings(explaining=explaining, limit=1, steps=0),
).rows
found["explain"] = {
    "used": min(sum(r.label == one and r.status == "ok" for r in explained) for one in (0, 1)),
    "lost": sum(row.status == "no_audio" for row in explained),
}
forget()
gallery = make_gallery(
    out / "run",
    **where,
    out=out / "gallery.png",
    settings=GallerySettings(explaining=explaining),
)
picked = [pick for pick in gallery.picks if pick.video_id]
found["gallery"] = {"used": len(picked), "lost": sum(pick.problem is not None for pick in picked)}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def silent_release(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny release with no sound in any video, fake or real; its WAV files are all there."""
    folder = tmp_path_factory.mktemp("silent")
    for root, name in ((tiny_release.hub, "hub"), (tiny_release.real_root, "reals")):
        for file in root.rglob("*"):
            target = folder / name / file.relative_to(root)
            if file.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".mp4":
                copy_without_sound(file, target)
            else:
                target.write_bytes(file.read_bytes())
    return folder


def copy_without_sound(source: Path, target: Path) -> None:
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)


def test_every_verb_fetches_the_sound_of_silent_videos(
    hub: LoopbackHub, silent_release: Path, tmp_path: Path
) -> None:
    """Train, calibrate, evaluate, explain and gallery, each with caches that are empty."""
    hub.create_from_folder(REPO, silent_release / "hub")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
        "PYTHONPATH": str(ROOT),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "THB_CACHE": str(tmp_path / "thb"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(silent_release / "reals"), REPO],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert list(found) == ["train", "calibrate", "evaluate", "explain", "gallery"]
    assert all(counts["used"] > 0 and counts["lost"] == 0 for counts in found.values()), found
    assert hub.requested(".wav")
