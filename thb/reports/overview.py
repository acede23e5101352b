"""One picture of a run: a fake and where the detector looked, scores over time, and the numbers.

It is the picture of the README, and ``make demo`` draws it of the run that it has just trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from detectors.registry import load_detector
from thb.evaluation.result import Result
from thb.explanations.explain import ExplainSettings, explain
from thb.explanations.heat import AGAINST, FOR, Picture, paint_heat
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import Prediction, read_predictions
from thb.prediction.thresholds import read_calibration
from thb.prediction.timeline import Timeline, score_over_time
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb.reports.figures.style import (
    COLOURS,
    INK,
    add_notes,
    make_figure,
    render_figure,
    show_name,
    styled,
)
from thb.runs.folders import PREDICTIONS_FILE
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from detectors.base import Detector
    from thb.evaluation.cells import Measure

FOLD: Final = "p1"
"""The fold whose detector and videos are shown."""

PROTOCOLS: Final[Mapping[str, str]] = {
    "p1": "P1: new\npeople",
    "p2": "P2: new\ngenerator",
    "p3": "P3:\nboth",
}
MAX_SIDE: Final = 320
"""The longer side of the frame in pixels."""
_CLASSES: Final = (("real", "#0072B2", "-"), ("fake", "#D55E00", "-"))
_PALETTE: Final = 192
"""The colours of the file, which keep it small."""
_RULE: Final = (
    "The fake is the one that the detector of P1 is surest of, the real video the one that it"
    " trusts most, so this shows its best and not its usual answer."
)
_SYNTHETIC: Final = (
    "Synthetic release: drawings, nobody who exists. The numbers differ from machine to machine,"
    " and say nothing about real generators."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shown:
    """What the picture shows.

    Attributes:
        title: The name of the run.
        fake: The id of the fake.
        frame: uint8 (H, W, 3), a frame of the fake.
        heat: The same frame in grey, with the heat over it.
        lines: The scores over time, by class.
        threshold: The score from which the detector calls a video fake; None without one.
        means: The mean AUC over the generators, by protocol; None where it was not measured.
        synthetic: Whether the videos are drawings.
    """

    title: str
    fake: str
    frame: Picture
    heat: Picture
    lines: Mapping[str, Timeline]
    threshold: float | None
    means: Mapping[str, Measure | None]
    synthetic: bool


def draw_overview(
    run: str | Path,
    *,
    out: str | Path,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    progress: bool = True,
) -> Path:
    """Write one picture of a run: a fake with its Grad-CAM, scores over time, mean AUC by protocol.

    Args:
        run: A run folder with a detector of P1 that ``thb evaluate`` has scored.
        out: The PNG file.
        release: The release that the run was evaluated on.
        real_root: The folder of the real videos.
        progress: Show bars on stderr.

    Returns:
        The file. The same run gives the same bytes on one machine.

    Raises:
        ResultError: The run has no predictions of P1, or none with a score in both classes.
        ReleaseError: The release cannot be read, or lacks a video that is shown.
        DetectorError: The detector cannot be explained.
        VideoError: A video cannot be read again.
        OSError: The file cannot be written.
    """
    shown = _gather(Path(run), open_release(release, real_root=real_root), progress=progress)
    figure = _draw(shown)
    content = render_figure(
        figure, "png", title=f"Overview of {shown.title}", description=_describe(shown)
    )
    path = Path(out).expanduser()
    with write_whole(path) as draft:
        draft.write_bytes(_shrink(content))
    return path


def _gather(run: Path, opened: OpenRelease, *, progress: bool) -> Shown:
    rows = read_predictions(run / FOLD / PREDICTIONS_FILE).rows
    fake, real = _pick(rows, label=1, sign=-1), _pick(rows, label=0, sign=1)
    wanted = [video for video in opened.release.videos if video.video_id in _ids(fake, real)]
    files = fetch_files(opened, wanted, progress=progress).videos
    lacking = _ids(fake, real) - set(files)
    if lacking:
        raise ResultError(
            f"{', '.join(sorted(lacking))}: scored in {run / FOLD}, and not on this machine; name"
            " the release and the folder of real videos that the run was evaluated on"
        )
    detector = load_detector(run / FOLD)
    frame, heat = _look(detector, files[fake.video_id], progress=progress)
    settings = PredictSettings(progress=False)
    calibration = read_calibration(run / FOLD)
    return Shown(
        title=run.name,
        fake=fake.video_id,
        frame=frame,
        heat=heat,
        lines={
            kind: score_over_time(detector, files[row.video_id], row, settings=settings)
            for kind, row in (("fake", fake), ("real", real))
        },
        threshold=None if calibration is None else calibration.threshold,
        means={name: _find_mean(run, name) for name in PROTOCOLS},
        synthetic=opened.release.synthetic,
    )


def _ids(*rows: Prediction) -> set[str]:
    return {row.video_id for row in rows}


def _pick(rows: Sequence[Prediction], *, label: int, sign: int) -> Prediction:
    """Return the test video of a class that comes first by its score times ``sign``."""
    order: Callable[[Prediction], tuple[float, str]] = lambda row: (  # noqa: E731
        sign * (row.score or 0.0),
        row.video_id,
    )
    fit = [row for row in rows if row.score is not None and row.label == label]
    fit = [row for row in fit if row.split == "test"]
    if not fit:
        raise ResultError(f"no {'fake' if label else 'real'} test video of {FOLD} has a score")
    return min(fit, key=order)


def _look(detector: Detector, video: Path, *, progress: bool) -> tuple[Picture, Picture]:
    """Return the frame with the strongest heat that speaks for a fake, plain and with its heat."""
    found = explain(detector, video, settings=ExplainSettings(progress=progress))
    track = found.follow_heat()
    at = float(track.seconds[track.heat.max(axis=(1, 2)).argmax()])
    with VideoReader() as reader:
        frames = reader.read_frames(video, FramePolicy(clips=512, frames=1), max_side=MAX_SIDE)
    nearest = int(abs(frames.seconds - at).argmin())
    frame: Picture = frames.pixels[nearest]
    height, width = frame.shape[:2]
    return frame, paint_heat(frame, track.read_on_frame(at, (height, width)), track.scale)


def _find_mean(run: Path, protocol: str) -> Measure | None:
    file = run / f"result-{protocol}.json"
    return Result.load(file).mean.get("auc") if file.is_file() else None


@styled
def _draw(shown: Shown) -> Figure:
    figure = make_figure(9.0, 2.5)
    panels = figure.subplots(1, 4, width_ratios=(1.3, 1.3, 1.35, 1.2))
    _draw_picture(panels[0], shown.frame, "A fake video")
    _draw_picture(panels[1], shown.heat, "Where the detector looked")
    _draw_lines(panels[2], shown)
    _draw_means(panels[3], shown.means)
    add_notes(figure, [_RULE, *([_SYNTHETIC] if shown.synthetic else [])])
    return figure


def _draw_picture(axes: Axes, picture: Picture, title: str) -> None:
    axes.imshow(picture)
    axes.set_axis_off()
    axes.set_title(title)
    axes.set_anchor("N")


def _draw_lines(axes: Axes, shown: Shown) -> None:
    for kind, colour, line in _CLASSES:
        stretches = shown.lines[kind].stretches
        middles = [(each.start_seconds + each.end_seconds) / 2 for each in stretches]
        scores = [each.score for each in stretches]
        axes.plot(middles, scores, line, color=colour, marker="o", markersize=3)
        axes.annotate(
            f"a {kind} video",
            (middles[0], scores[0]),
            xytext=(0, -11 if kind == "fake" else 6),
            textcoords="offset points",
            color=colour,
            fontsize=8,
        )
    if shown.threshold is not None:
        axes.axhline(shown.threshold, color=INK, linestyle="--", linewidth=0.9)
        axes.text(
            0.99,
            shown.threshold,
            "called fake above this",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=7,
            color=INK,
        )
    axes.set_ylim(-0.04, 1.04)
    axes.set_title("Score over time")
    axes.set_xlabel("seconds")
    axes.set_ylabel("P(fake)")


def _draw_means(axes: Axes, means: Mapping[str, Measure | None]) -> None:
    for place, (name, measure) in enumerate(means.items()):
        if measure is None:
            axes.text(place, 0.52, "–", ha="center", color=INK)
            continue
        axes.bar(place, measure.value, 0.62, color=COLOURS[place], label=name)
        if measure.low is not None and measure.high is not None:
            below, above = measure.value - measure.low, measure.high - measure.value
            ends = [[max(0.0, below)], [max(0.0, above)]]
            axes.errorbar(place, measure.value, ends, ecolor=INK, capsize=2, elinewidth=0.9)
    axes.axhline(0.5, color=INK, linestyle=":", linewidth=0.9)
    axes.set_xlim(-0.6, len(means) - 0.4)
    axes.set_xticks(range(len(means)), [PROTOCOLS[name] for name in means], fontsize=7)
    axes.set_ylim(0, 1.04)
    axes.set_title("Mean AUC (0.5: guessing)")
    axes.grid(visible=False, axis="x")


def _describe(shown: Shown) -> str:
    return (
        f"Four panels of {show_name(shown.title)}: a frame of {shown.fake}; the same frame in grey,"
        f" orange (rgb {FOR}) where it speaks for a fake and blue (rgb {AGAINST}) against; the"
        " score of this fake and of a real video over time, with the threshold; and bars of the"
        " mean AUC on P1, P2 and P3 with 95 % intervals."
    )


def _shrink(content: bytes) -> bytes:
    """Return a PNG file with fewer colours, which is about a third of the size."""
    import io

    from PIL import Image, PngImagePlugin

    with Image.open(io.BytesIO(content)) as drawn:
        words = PngImagePlugin.PngInfo()
        for key, text in drawn.info.items():
            if isinstance(key, str) and isinstance(text, str):
                words.add_itxt(key, text)
        few = drawn.convert("RGB").quantize(_PALETTE, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, format="PNG", optimize=True, pnginfo=words)
    return file.getvalue()
