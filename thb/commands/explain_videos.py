"""Video files explained one by one, for ``thb explain``: an overlay, a sheet and a map each."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from thb.commands.output import escape, write_json, write_line
from thb.runtime.console import EXIT_DATA, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.base import Detector
    from thb.explanations.explain import ExplainSettings
    from thb.explanations.explanation import Explanation

VIDEO_ENDING = ".mp4"
DEFAULT_OUT = Path("explanations")


def explain_videos(
    detector: str,
    videos: list[Path],
    *,
    out: Path | None,
    settings: ExplainSettings,
    as_json: bool,
    trust_remote_code: bool,
) -> None:
    """Write what explains each video, and tell it on stdout as soon as it is there.

    Args:
        detector: A folder, a Hub id or ``module:Class``.
        videos: The files.
        out: An ``.mp4`` for one video, or a folder; None for ``explanations``.
        settings: How to go about it.
        as_json: Write one JSON document at the end, and no lines.
        trust_remote_code: Run Python code that the detector brings.

    Raises:
        typer.BadParameter: One file was named for several videos.
        typer.Exit: A video could not be judged; code 3.
        DetectorError: The detector cannot be loaded or explained, or Grad-CAM is not installed.
        OSError: A file cannot be written.
    """
    from detectors.registry import load_detector

    places = _choose_places(videos, out or DEFAULT_OUT)
    model = load_detector(detector, trust_remote_code=trust_remote_code)
    records = []
    for record in _explain_each(model, places, settings):
        records.append(record)
        if not as_json:
            _write_lines(record)
    if as_json:
        write_json({"videos": records})
    failed = [record for record in records if record["reason"]]
    if failed:
        say(f"error: {len(failed)} of {len(records)} videos could not be judged")
        raise typer.Exit(EXIT_DATA)


def _choose_places(videos: list[Path], out: Path) -> dict[Path, Path]:
    """Return where the overlay of each video goes; videos of one name get numbers.

    Raises:
        typer.BadParameter: One file for several videos, or a video would be written over.
    """
    once = list(dict.fromkeys(videos))
    if out.suffix == VIDEO_ENDING and not out.is_dir():
        if len(once) > 1:
            raise typer.BadParameter(
                f"{out} is one video, and {len(once)} were given: name a folder", param_hint="--out"
            )
        places = {once[0]: out}
    else:
        places = {}
        for video in once:
            names = chain([video.stem], (f"{video.stem}-{n}" for n in count(2)))
            free = (out / f"{name}{VIDEO_ENDING}" for name in names)
            places[video] = next(place for place in free if place not in places.values())
    given = {video.resolve() for video in once}
    for place in places.values():
        if place.resolve() in given:
            raise typer.BadParameter(
                f"{place} is one of the videos, and would be written over: name another place",
                param_hint="--out",
            )
    return places


def _explain_each(
    model: Detector, places: dict[Path, Path], settings: ExplainSettings
) -> Iterator[dict[str, Any]]:
    """Yield the record of each video once its files are written."""
    from thb.explanations.explain import explain_files
    from thb.explanations.explanation import Explanation
    from thb.prediction.inference import describe_failure

    names: dict[str, Path | None] = {str(video): video for video in places}
    for name, found in explain_files(model, names, settings=settings):
        if isinstance(found, Explanation):
            yield _save(found, places[Path(name)])
        else:
            outcome = describe_failure(found, Path(name))
            yield {
                "video_id": name,
                "status": outcome.status.value,
                "reason": outcome.reason,
                "score": None,
                "files": [],
            }


def _save(found: Explanation, place: Path) -> dict[str, Any]:
    from thb.explanations.face_regions import measure_regions

    files = found.save_all(place)
    shares = measure_regions(found)
    return {
        **found.to_dict(),
        "status": "ok",
        "reason": None,
        "energy": None if shares is None else shares.energy,
        "area": None if shares is None else shares.area,
        "files": [str(file) for file in files],
    }


def _write_lines(record: dict[str, Any]) -> None:
    if record["reason"]:
        write_line(f"{escape(record['video_id'])}: {record['status']} ({escape(record['reason'])})")
        return
    write_line(f"{escape(record['video_id'])}: P(fake) {record['score']:.4f}")
    write_line(f"  heat for {record['target']}: {_describe_shares(record)}")
    for file in record["files"]:
        write_line(f"  {escape(file)}")


def _describe_shares(record: dict[str, Any]) -> str:
    if record["area"] is None:
        return "no face can be followed, so its regions are unknown"
    if record["energy"] is None:
        return "none, all heat speaks against it"
    shares = record["energy"].items()
    return ", ".join(f"{name.replace('_', ' and ')} {share:.0%}" for name, share in shares)
