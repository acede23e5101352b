"""Draw the pictures of docs/pictures again.

They come from the mini release, whose people are drawings, from the paper's published numbers, from
random scores, and from the made-up detectors of the tests. No picture shows anybody who exists.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

import thb
from metrics.talking_head_detection.roc import T1, roc_curve
from thb.boards.building import build_boards
from thb.prediction.thresholds import read_calibration
from thb.prediction.timeline import score_over_time
from thb.releases.opening import open_release
from thb.reports.figures.choice import FigureChoice
from thb.reports.figures.style import COLOURS, INK
from thb_dataset.release.media import locate_videos

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT: Final = Path(__file__).resolve().parents[1]
OUT: Final = ROOT / "docs" / "pictures"
WIDTH: Final = 960
"""The most pixels across; pages show pictures at up to 744."""
MOST_BYTES: Final = 100_000
N_REAL: Final = 200
N_FAKE: Final = 150


def main() -> None:
    """Draw all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run of P1 on the mini release")
    parser.add_argument("--only", nargs="*", choices=PICTURES, help="draw these (default: all)")
    words = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    for name in words.only or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            shrink(PICTURES[name](words.run, Path(folder)), OUT / f"{name}.png")


def shrink(drawn: Path, kept: Path) -> None:
    """Write a picture with few colours, as many as its size allows."""
    picture = Image.open(drawn).convert("RGB")
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32):
        few = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(kept, optimize=True)
        if kept.stat().st_size <= MOST_BYTES:
            break
    print(f"{kept.relative_to(ROOT)}: {kept.stat().st_size:,} bytes, {colours} colours")


def find_fake() -> Path:
    """Return the first test fake of Hallo in the mini release."""
    release = open_release("mini").release
    fakes = [video for video in release.videos if video.video_id.startswith("Hallo/")]
    tested = [video for video in fakes if video.release_split == "test"]
    first = min(tested, key=lambda video: video.video_id)
    return locate_videos(release, None, [first]).files[first.video_id]


def draw_explanation(run: Path, folder: Path) -> Path:
    """Draw the sheet of ``thb explain`` for one drawn fake."""
    return thb.explain(run / "p1", find_fake()).save_sheet(folder / "sheet.png")


def draw_timeline(run: Path, folder: Path) -> Path:
    """Draw the score of the same fake over its time, with the alarm threshold."""
    detector = thb.detector(run / "p1")
    (row,) = thb.predict(detector, [find_fake()])
    timeline = score_over_time(detector, find_fake(), row)
    calibration = read_calibration(run / "p1")

    def draw(axes: Axes) -> None:
        times = [(part.start_seconds + part.end_seconds) / 2 for part in timeline.stretches]
        scores = [part.score for part in timeline.stretches]
        axes.plot(times, scores, marker="o", color=COLOURS[1], label="P(fake) of each stretch")
        if calibration is not None:
            label = f"alarm from {calibration.threshold:.3f}"
            axes.axhline(calibration.threshold, color=INK, linestyle="--", label=label)
        axes.set(xlabel="seconds", ylabel="P(fake)", ylim=(0, 1.02))
        axes.set_title("The score over time of a drawn fake (SYNTHETIC)")
        axes.legend(loc="lower right")

    return plot(draw, folder)


def draw_roc(run: Path, folder: Path) -> Path:
    """Draw a ROC curve of random scores, with T1 and with the part that T0.1 cannot see."""
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.normal(0, 1, N_REAL), rng.normal(2.2, 1, N_FAKE)])
    labels = [0] * N_REAL + [1] * N_FAKE
    curve = roc_curve(labels, 1 / (1 + np.exp(-logits)))
    point = curve.at_fpr(T1)

    def draw(axes: Axes) -> None:
        rates = np.maximum(curve.false_alarms / N_REAL, 1e-3)
        axes.step(rates, curve.hits / N_FAKE, where="post", color=COLOURS[0])
        axes.axvspan(1e-3, 1 / N_REAL, color="#eeeeee")
        axes.text(1.15e-3, 0.04, f"less than 1 of\n{N_REAL} real videos", color=INK)
        axes.axvline(float(T1), color=INK, linestyle="--", linewidth=1)
        at = point.false_alarms / N_REAL
        axes.plot([at], [point.tpr], "o", color=COLOURS[1], markersize=8)
        axes.annotate(
            f"T1 = {point.tpr:.2f}\n({point.allowed_false_alarms} false alarms allowed)",
            (at, point.tpr),
            xytext=(at * 1.6, point.tpr - 0.22),
            arrowprops={"arrowstyle": "-", "color": INK},
        )
        axes.set_xscale("log")
        axes.set_xticks([1e-3, 1e-2, 1e-1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
        axes.set(xlim=(1e-3, 1), ylim=(0, 1.02))
        axes.set_xlabel("false-alarm rate (FPR), logarithmic")
        axes.set_ylabel("share of fakes found (TPR)")
        axes.set_title(f"T1 on random scores; the AUC is {curve.area:.2f}")

    return plot(draw, folder)


def plot(draw: Callable[[Axes], None], folder: Path) -> Path:
    """Draw one pair of axes and return the file."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=150, layout="constrained")
    draw(axes)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "plot.png")
    pyplot.close(figure)
    return folder / "plot.png"


def draw_published(run: Path, folder: Path) -> Path:
    """Draw the paper's Fig. 2 a from its published numbers."""
    thb.figures(out=folder, choice=FigureChoice(kinds=("fig2a",)), progress=False)
    return folder / "fig2a.png"


def draw_transport(run: Path, folder: Path) -> Path:
    """Draw what the threshold of the validation videos does on the test videos."""
    choice = FigureChoice(kinds=("transport",), protocols=("p1",))
    thb.figures([run], out=folder, choice=choice, progress=False)
    (drawn,) = folder.glob("transport-*.png")
    return drawn


def draw_leaderboard(run: Path, folder: Path) -> Path:
    """Photograph the leaderboard Space with the made-up detectors of the tests."""
    from playwright.sync_api import sync_playwright

    from tests.support.made_boards import write_small_results
    from tests.support.running_space import RunningSpace

    results = write_small_results(folder / "results")
    build_boards(results, out=results / "boards", n_bootstrap=200)
    app = ROOT / "spaces" / "leaderboard" / "app.py"
    command = [sys.executable, str(app), "--results", str(results)]
    places = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "HF_HUB_OFFLINE": "1"}
    with (
        RunningSpace(command, folder=folder, env=env, log=folder / "log") as space,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell") as browser,
    ):
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        page.goto(space.address)
        page.wait_for_selector(".board table")
        page.screenshot(path=folder / "page.png")
    return folder / "page.png"


PICTURES: Final[dict[str, Callable[[Path, Path], Path]]] = {
    "explanation": draw_explanation,
    "timeline": draw_timeline,
    "roc": draw_roc,
    "published": draw_published,
    "transport": draw_transport,
    "leaderboard": draw_leaderboard,
}

if __name__ == "__main__":
    main()
