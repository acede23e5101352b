"""``thb explain``: where a detector looked in video files."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from thb.commands.given_videos import find_videos
from thb.commands.options import (
    DETECTOR_HELP,
    EXPLAIN_BATCH_SIZE,
    FACE_PACK,
    FORMAT,
    MAX_PIXELS,
    MAX_SECONDS,
    TARGET,
    VIDEOS_HELP,
    ExplainBatchSizeOption,
    FacePackOption,
    FormatOption,
    MaxPixelsOption,
    MaxSecondsOption,
    OutputFormat,
    QuietOption,
    TargetOption,
    TrustOption,
    UntrainedOption,
    WorkersOption,
)
from thb.commands.out_places import is_file_place
from thb.commands.output import CALL_KEYS, escape, say_grounds, write_json, write_line
from thb.runtime.console import EXIT_DATA, quiet_transformers, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.base import Detector
    from thb.explanations.explain import ExplainSettings
    from thb.explanations.explanation import Explanation

VIDEO_ENDING: Final = ".mp4"
OUT: Final = Path("explanations")


def explain(  # noqa: PLR0913 — one parameter per option
    *,
    detector: Annotated[str, typer.Argument(metavar="DETECTOR", help=DETECTOR_HELP)],
    videos: Annotated[list[str], typer.Argument(metavar="VIDEO", help=VIDEOS_HELP)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE|DIR",
            help="The overlay of a single video (.mp4), or a folder for any number of videos. The "
            "sheet and the map are written beside the overlay.",
        ),
    ] = OUT,
    target: TargetOption = TARGET,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            metavar="NAME",
            help="The layer whose cells are shown. (default: the one that the detector declares)",
        ),
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep-layers",
            help="Also write a sheet (-layers.png) with a row for each of the last layers, whose "
            "maps can differ much.",
        ),
    ] = False,
    output: FormatOption = FORMAT,
    batch_size: ExplainBatchSizeOption = EXPLAIN_BATCH_SIZE,
    workers: WorkersOption = None,
    face_pack: FacePackOption = FACE_PACK,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    max_seconds: MaxSecondsOption = MAX_SECONDS,
    trust_remote_code: TrustOption = False,
    untrained: UntrainedOption = False,
    quiet: QuietOption = False,
) -> None:
    """Show where a detector looked in video files.

    Each video gets an overlay (H.264), a contact sheet (PNG) and the raw map (.npz). Orange speaks
    for the target class and blue against it. All heat of a video adds up to the distance of its
    score from the detector's alarm threshold. Without a threshold the colours only compare places
    of one video, and the legend says so. Exit code 3: a video could not be judged.

    JSON: videos, each with video_id, score, verdict, verdict_sentence, caveat, threshold, status,
    reason and files; those that were explained also have detector, layer, target, zero, margin,
    complete, clip_logits, warnings, frame_index, seconds, heat_shape, scale, and energy and area,
    the shares of the heat and of the face by region.

    Examples:
        thb explain runs/baseline/p3-hallo clip.mp4 --out cam.mp4
        thb explain ORG/NAME *.mp4 --out explanations --target real
    """
    from detectors.registry import load_detector
    from thb.explanations.explain import ExplainSettings
    from thb.prediction.calls import Grounds

    quiet_transformers()
    settings = ExplainSettings(
        target=target,
        layer=layer,
        batch_size=batch_size,
        workers=workers,
        face_pack=face_pack,
        max_pixels=max_pixels,
        max_seconds=max_seconds,
        progress=not quiet,
    )
    places = _choose_places(find_videos(videos), out)
    model = load_detector(detector, trust_remote_code=trust_remote_code, untrained=untrained)
    records = []
    for record in _explain_each(model, places, settings, sweep=sweep):
        records.append(record)
        if output is OutputFormat.TEXT:
            _write_lines(record)
    if output is OutputFormat.JSON:
        write_json({"videos": records})
    say_grounds(Grounds.find(model))
    failed = [record for record in records if record["reason"]]
    if failed:
        say(f"error: {len(failed)} of {len(records)} videos could not be judged")
        raise typer.Exit(EXIT_DATA)


def _choose_places(videos: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return the place of each video's overlay; videos of the same name get numbers.

    Raises:
        typer.BadParameter: One file for several videos, a file of another ending, or a video that
            would be overwritten.
    """
    once = list(dict.fromkeys(videos))
    if is_file_place(out, VIDEO_ENDING):
        if len(once) > 1:
            raise typer.BadParameter(
                f"{out} is one video, but {len(once)} were given; name a folder", param_hint="--out"
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
                f"{place} is one of the videos and would be overwritten; name another place",
                param_hint="--out",
            )
    return places


def _explain_each(
    model: Detector, places: dict[Path, Path], settings: ExplainSettings, *, sweep: bool
) -> Iterator[dict[str, Any]]:
    """Yield the record of each video as soon as its files are written."""
    from thb.explanations.explain import explain_files, save_layers, sweep_layers
    from thb.explanations.explanation import Explanation
    from thb.prediction.inference import describe_failure

    names: dict[str, Path | None] = {str(video): video for video in places}
    for name, found in explain_files(model, names, settings=settings):
        if isinstance(found, Explanation):
            files = list(found.save_all(places[Path(name)]))
            if sweep:
                sheet = places[Path(name)].with_suffix(".png")
                layers = sweep_layers(model, found, settings)
                files.append(save_layers(layers, sheet.with_stem(f"{sheet.stem}-layers")))
            yield _describe(found, files)
        else:
            outcome = describe_failure(found, Path(name))
            yield {
                "video_id": name,
                "score": None,
                **dict.fromkeys(CALL_KEYS),
                "status": outcome.status.value,
                "reason": outcome.reason,
                "files": [],
            }


def _describe(found: Explanation, files: Sequence[Path]) -> dict[str, Any]:
    from thb.explanations.face_regions import measure_regions

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
    name = escape(record["video_id"])
    if record["reason"]:
        write_line(f"{name}: {record['status']} ({escape(record['reason'])})")
        return
    write_line(f"{name}: {record['verdict_sentence']} {record['caveat']}")
    write_line(f"  layer {record['layer']}; no colour is the {record['zero']}")
    write_line(f"  heat for {record['target']}: {_describe_shares(record)}")
    for file in record["files"]:
        write_line(f"  {escape(file)}")


def _describe_shares(record: dict[str, Any]) -> str:
    if record["area"] is None:
        return "no face could be followed, so its regions are unknown"
    if record["energy"] is None:
        return "none, no cell speaks for it more than its blurred picture"
    shares = record["energy"].items()
    return ", ".join(f"{name.replace('_', ' and ')} {share:.0%}" for name, share in shares)
