"""Galleries: what a detector was surest of, what it missed and whom it accused, with its reasons.

As in Figs. 4 to 8 of the paper, but picked by rules that stand on the sheet, so that nobody chooses
the pictures. The picks come from scores that are on disk; only the picked videos are explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from detectors.registry import load_detector
from thb.explanations.explain import ExplainSettings, explain_files
from thb.explanations.explanation import Explanation
from thb.explanations.split import EXPLANATIONS_FILE
from thb.explanations.video_rows import ExplainedVideo, read_explanations
from thb.prediction.inference import describe_failure
from thb.prediction.predictions import Prediction, read_predictions
from thb.prediction.verdicts import VerdictRule, find_rule
from thb.releases.files import fetch_files
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease
from thb.runs.folders import PREDICTIONS_FILE, default_out
from thb.runs.folds import FoldChoice, FoldDetector, open_folds
from thb.runs.provenance import ScoringRecord, hash_weights
from thb.runs.record import FoldRecord, describe_fold
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole
from thb_dataset.protocols import Protocol
from thb_dataset.records import Generator, Video

if TYPE_CHECKING:
    from PIL import Image

    from detectors.base import Detector

Kind = Literal["hit", "miss", "false alarm"]
Scored = Prediction | ExplainedVideo

KINDS: Final[Mapping[Kind, str]] = {
    "hit": "most confident right fake",
    "miss": "worst miss",
    "false alarm": "worst false alarm",
}


@dataclass(frozen=True, kw_only=True)
class GallerySettings(FoldChoice):
    """What a gallery shows.

    Attributes:
        explaining: How the picked videos are explained.
        hits: Most confident right fakes of each generator.
        misses: Worst misses of each generator.
        false_alarms: Worst false alarms of each fold.
        scores: Folder that holds ``<fold>/predictions.parquet`` or, failing that,
            ``<fold>/explanations.parquet``; None for where ``thb evaluate`` writes them.
    """

    explaining: ExplainSettings = field(default_factory=ExplainSettings)
    hits: int = 1
    misses: int = 3
    false_alarms: int = 4
    scores: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Pick:
    """One place in a gallery.

    Attributes:
        fold: Such as ``p3-hallo``.
        kind: ``hit``, ``miss`` or ``false alarm``.
        generator: Which generator's fakes were picked from; None for real videos.
        video_id: The video; None where the rule finds none.
        score: P(fake).
        call: What the detector makes of that, in words.
        problem: Why there is no video, or no picture of it.
    """

    fold: str
    kind: Kind
    generator: str | None
    video_id: str | None = None
    score: float | None = None
    call: str = ""
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A gallery on disk.

    Attributes:
        path: The PNG sheet.
        picks: What is on it, in that order.
        rules: How the picks were made, as written on the sheet.
    """

    path: Path
    picks: tuple[Pick, ...]
    rules: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        picks = [asdict(pick) for pick in self.picks]
        return {"file": str(self.path), "picks": picks, "rules": list(self.rules)}


def make_gallery(
    run: str | Path,
    *,
    protocol: Protocol | str,
    fold: Generator | str | None = None,
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    real_root: str | Path | None = None,
    out: str | Path,
    settings: GallerySettings | None = None,
) -> Gallery:
    """Pick videos of every fold of a protocol by rule, explain them and lay them out on one sheet.

    Args:
        run: A detector that was evaluated, or explained over a split: a run folder, or a Hub id.
        protocol: ``p1``, ``p2`` or ``p3``.
        fold: Only the fold that holds this generator out.
        release: The one that it was evaluated on.
        real_root: Folder of the real videos.
        out: The PNG file.
        settings: What to show.

    Raises:
        ResultError: There are no scores of a fold, or those of other weights, another fold or
            another release.
        ReleaseError: The release cannot be read.
        ProtocolError: The folds cannot be built.
        DetectorError: There is no detector for a fold, or it cannot be explained.
        OSError: The sheet cannot be written.
    """
    from thb.explanations.gallery_sheet import GallerySheet

    settings = settings or GallerySettings()
    opened, folds = open_folds(
        run,
        [protocol],
        fold=fold,
        release=release,
        real_root=real_root,
        choice=settings,
        progress=settings.explaining.progress,
    )
    scores = default_out(run) if settings.scores is None else settings.scores
    picks: list[Pick] = []
    rules = [describe_rules(settings)]
    sheet = GallerySheet(settings.explaining.target)
    for one in folds:
        model = load_detector(one.reference, trust_remote_code=settings.trust_remote_code)
        weights = hash_weights(model)
        rows = _read_scores(scores / one.fold.name, one, weights, opened)
        rule = find_rule(
            one.reference, ((row.label, row.score) for row in rows), weights_sha256=weights
        )
        rules.append(f"{one.fold.name}: {rule}.")
        chosen = pick_videos(rows, one.fold.name, rule, settings)
        shown = _show(chosen, one, model, opened, settings)
        picks += [pick for pick, _ in shown]
        sheet.add_fold(one.fold.name, model.config.model_type, shown)
    path = Path(out).expanduser()
    picture = sheet.draw(rules, synthetic=opened.release.synthetic)
    with write_whole(path) as draft:
        picture.save(draft, format="PNG")
    return Gallery(path=path, picks=tuple(picks), rules=tuple(rules))


def describe_rules(settings: GallerySettings) -> str:
    """Say how the picks are made."""
    return (
        "Picks of each fold and generator: among right answers the fakes with the highest P(fake)"
        f" (up to {settings.hits}), among wrong ones those with the lowest (up to"
        f" {settings.misses}); of each fold: among wrong answers the real videos with the highest"
        f" (up to {settings.false_alarms}). Ties go by the id."
    )


def pick_videos(
    rows: Iterable[Scored], fold: str, rule: VerdictRule, settings: GallerySettings
) -> tuple[Pick, ...]:
    """Pick the videos of one fold; where there is none to pick, the pick says so.

    Args:
        rows: The scores; those without one cannot be picked.
        fold: Its name.
        rule: When an answer is right.
        settings: How many of what.
    """
    scored = [row for row in rows if row.score is not None]
    reals = [row for row in scored if row.label == 0]
    picks: list[Pick] = []
    for generator in sorted({row.generator for row in scored if row.generator}):
        fakes = [row for row in scored if row.generator == generator]
        picks += _pick("hit", fakes, settings.hits, fold, rule)
        picks += _pick("miss", fakes, settings.misses, fold, rule)
    picks += _pick("false alarm", reals, settings.false_alarms, fold, rule)
    return tuple(picks)


def _pick(
    kind: Kind, rows: Sequence[Scored], count: int, fold: str, rule: VerdictRule
) -> list[Pick]:
    if not count:
        return []
    wanted = "right" if kind == "hit" else "wrong"
    sign = 1 if kind == "miss" else -1  # misses begin with the lowest score
    fit = [row for row in rows if rule.judge(row.label, row.score) == wanted]
    ordered = sorted(fit, key=lambda row: (sign * (row.score or 0.0), row.video_id))
    generator = rows[0].generator if rows else None
    if not ordered:
        told = f"none of the scored {'fakes' if generator else 'real videos'} ({len(rows)}) is"
        problem = f"{told} {wanted}" if rows else "none: no such video has a score"
        return [Pick(fold=fold, kind=kind, generator=generator, problem=problem)]
    return [
        Pick(
            fold=fold,
            kind=kind,
            generator=generator,
            video_id=row.video_id,
            score=row.score,
            call=rule.call(row.label, row.score or 0.0),
        )
        for row in ordered[:count]
    ]


def _read_scores(
    folder: Path, one: FoldDetector, weights: str, opened: OpenRelease
) -> Sequence[Scored]:
    """Read the scores of a fold and make sure that they are this detector's on this release."""
    rows: Sequence[Scored]
    run: ScoringRecord
    path = folder / PREDICTIONS_FILE
    if path.is_file():
        found = read_predictions(path)
        rows, run = found.rows, found.run
    elif (path := folder / EXPLANATIONS_FILE).is_file():
        rows, run = read_explanations(path)
    else:
        raise ResultError(
            f"{folder} holds neither {PREDICTIONS_FILE} nor {EXPLANATIONS_FILE}: evaluate the"
            " detector first (thb evaluate), or explain the whole split"
        )
    wanted = describe_fold(one.fold, opened.release)
    other = wanted.differing(run) if isinstance(run, FoldRecord) else ["fold"]
    if run.detector.weights_sha256 != weights:
        other.append("weights")
    if other:
        raise ResultError(
            f"{path} holds scores of another run: {', '.join(other)} differ; evaluate this detector"
            " on this release first, with --overwrite where it was evaluated before"
        )
    return rows


def _show(
    picks: Sequence[Pick],
    one: FoldDetector,
    model: Detector,
    opened: OpenRelease,
    settings: GallerySettings,
) -> list[tuple[Pick, Image.Image | None]]:
    """Explain what was picked, draw each as soon as it is explained, and keep the drawings only."""
    from dataclasses import replace

    from thb.explanations.gallery_sheet import draw_crops

    known = {video.video_id: video for video in (*one.fold.test, *one.fold.extra)}
    names = list(dict.fromkeys(pick.video_id for pick in picks if pick.video_id in known))
    videos: list[Video] = [known[name] for name in names if name is not None]
    files = fetch_files(
        opened,
        videos,
        sound=model.config.clip_spec.listens,
        progress=settings.explaining.progress,
    )
    paths = {video.video_id: files.videos.get(video.video_id) for video in videos}
    drawn: dict[str, Image.Image] = {}
    problems: dict[str, str | None] = {}
    for name, found in explain_files(
        model, paths, settings=settings.explaining, sounds=files.sounds
    ):
        if isinstance(found, Explanation):
            drawn[name] = draw_crops(found)
        else:
            problems[name] = describe_failure(found, paths[name]).reason
    return [
        (
            replace(pick, problem=pick.problem or problems.get(pick.video_id or "")),
            drawn.get(pick.video_id or ""),
        )
        for pick in picks
    ]
