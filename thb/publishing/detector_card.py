"""The model card of a published detector.

Every number comes from the run's own record and from results of the published weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from detectors.tuning import Tunable
from thb.evaluation.cells import METRICS, Cell, Measure
from thb.evaluation.tables import NOT_COMPARABLE
from thb.prediction.calls import SYNTHETIC_BANNER, UNTRAINED_BANNER
from thb.publishing.card_renditions import describe_renditions
from thb.publishing.remote_code import describe
from thb.releases.opening import DEFAULT_RELEASE
from thb.runs.provenance import FROM_SCRATCH
from thb.runs.record import ReleaseRecord, RunRecord

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.evaluation.result import Result
    from thb.prediction.calibration import Calibration

PLACEHOLDER = "ORG/NAME"
"""Stands in a card's examples for the repo of a detector that is not published."""

TAGS = ("deepfake-detection", "talking-head", "talkingheadbench")


def write_card(
    detector: Detector,
    repo: str,
    *,
    record: RunRecord | None,
    results: Sequence[tuple[str, Result]],
    calibration: Calibration | None = None,
    name: str | None = None,
) -> str:
    """Return the README.md of a detector's repo.

    Args:
        detector: The detector, with its config.
        repo: The repo that it is published in; :data:`PLACEHOLDER` for a detector that is not.
        record: The run's ``run.json``; None for weights that were not trained here.
        results: Pairs of a fold's name and a result of these weights that holds the fold.
        calibration: The threshold of these weights; None if it has not been set.
        name: The heading; None for the name of the repo.
    """
    is_on_benchmark = record is not None and _is_the_benchmark(record.release)
    parts = [
        _write_head(detector, is_on_benchmark=is_on_benchmark),
        f"# {name or repo.partition('/')[2]}",
        describe(type(detector)),
        _write_use(repo),
        _write_input(detector),
        _write_training(detector, record),
        _write_threshold(calibration),
        _write_results(results),
        _write_licences(detector),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _is_the_benchmark(release: ReleaseRecord) -> bool:
    """Return whether a release is the published one, by its counts or, if unknown, its name."""
    if release.counts_agree is None:
        return release.name == DEFAULT_RELEASE and not release.synthetic
    return release.counts_agree


def _write_head(detector: Detector, *, is_on_benchmark: bool) -> str:
    licence = detector.config.weights_licence
    head: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "video-classification",
        "license": licence.lower() if licence else "other",
        "tags": list(TAGS),
    }
    if is_on_benchmark:
        head["datasets"] = [DEFAULT_RELEASE]
    if not licence:
        head["license_name"] = "none"
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---"


def _write_use(repo: str) -> str:
    return f"""## Use
With the TalkingHeadBench toolkit, which also finds the faces and makes the clips:

```
thb predict {repo} clip.mp4
thb evaluate {repo} --protocol p3
```

The network also runs without it. transformers then runs the code beside the weights, so read
that code first:

```python
from transformers import AutoModelForVideoClassification

model = AutoModelForVideoClassification.from_pretrained("{repo}", trust_remote_code=True)
logits = model(pixel_values).logits  # (N,): one for each clip, higher = fake
```"""


def _write_input(detector: Detector) -> str:
    spec = detector.config.clip_spec.to_dict()
    rows = [f"| {name} | {value} |" for name, value in spec.items()]
    return "\n".join(
        [
            "## Input",
            f"`pixel_values` has the shape (N, {detector.config.clip_spec.pictures}, 3,"
            f" {spec['size']}, {spec['size']}). `config.json` says how the clips of a video are"
            " made:",
            "",
            "| setting | value |",
            "|---|---|",
            *rows,
        ]
    )


def _write_training(detector: Detector, record: RunRecord | None) -> str:
    config = detector.config
    parameters = sum(weight.numel() for weight in detector.parameters())
    heading = f"## Training\n{parameters:,} parameters, `{type(detector).__qualname__}`."
    if config.untrained:
        return f"{heading} **{UNTRAINED_BANNER}**"
    if record is None:
        lines = [heading, f"Trained on: {config.training_data or 'not recorded'}."]
        if config.trained_on_synthetic:
            lines.append(f"**{SYNTHETIC_BANNER}**")
        if config.source_checksum:
            lines.append(f"Converted from the checkpoint with the sha256 {config.source_checksum}.")
        return " ".join(lines)
    settings, kept, videos = record.settings, record.kept, record.videos.train
    area = kept.validation_auc
    lines = [
        f"Trained on {config.training_data}: {videos.used.real} real and {videos.used.fake} fake"
        f" videos; {len(videos.no_face)} without a face were left out. The random seed is"
        f" {settings.seed}. Epoch {kept.epoch} of {settings.epochs} was kept (validation AUC"
        f" {'none' if area is None else format(area, '.3f')})."
    ]
    if record.detector.from_scratch:
        lines.append(f"**{FROM_SCRATCH.sentence}**")
    elif record.detector.backbone is not None:
        lines.append(f"It began with the pretrained backbone {record.detector.backbone}.")
    lines += _describe_tuning(detector)
    if record.release.synthetic:
        lines.append(f"**{SYNTHETIC_BANNER}**")
    lines += describe_renditions(record)
    recipe = ", ".join(_write_setting(name, value) for name, value in settings.to_dict().items())
    return f"{heading}\n{' '.join(lines)}\n\nRecipe: {recipe}."


def _describe_tuning(detector: Detector) -> list[str]:
    """Return sentences about what was tuned, of a detector that may be tuned in part."""
    if not isinstance(detector, Tunable):
        return []
    config = detector.config
    blocks = (
        f", in the last {config.tuned_blocks} blocks" if config.tuned_blocks is not None else ""
    )
    lines = [f"Tuned: {config.tuned}{blocks}."]
    if config.saved == "small":
        lines.append(
            "`model.safetensors` holds only that: loading it fetches the backbone, whose weights"
            f" must have the sha256 {config.backbone_sha256}."
        )
    return lines


def _write_setting(name: str, value: Any) -> str:  # noqa: ANN401 — a JSON value
    if isinstance(value, float):
        return f"{name} {value:.6g}"
    if name == "augmentations":
        steps = [f"{step['name']} ({step['probability']:g})" for step in value]
        return f"{name} {', '.join(steps) or 'none'}"
    return f"{name} {value}"


def _write_threshold(calibration: Calibration | None) -> str:
    if calibration is None:
        return ""
    if calibration.reals_only:
        return (
            f"## Threshold\nSet on the real videos of the folder {calibration.release.name}."
            f" {calibration} `thresholds.json` has it, for these weights only."
        )
    synthetic = " of the synthetic release" if calibration.release.synthetic else ""
    return (
        f"## Threshold\nSet on the validation videos of fold {calibration.fold}{synthetic}, none of"
        f" which are test videos. {calibration} `thresholds.json` has it, for these weights only."
    )


def _write_results(results: Iterable[tuple[str, Result]]) -> str:
    lines = ["## Results"]
    for fold, result in results:
        synthetic = "SYNTHETIC " if result.release.synthetic else ""
        revision = (result.release.revision or "")[:12]
        differs = f", {NOT_COMPARABLE}" if result.release.differs else ""
        lines += [
            "",
            f"Fold {fold} of {synthetic}{result.release.name} {revision}{differs}, split by"
            f" {result.split_by}; predictions {result.predictions_sha256[fold][:12]} (sha256). The"
            " brackets hold 95 % intervals.",
            "",
            "| generator | part | fakes | reals | AUC | TPR at FPR 1 % | at 0.1 % | Brier |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
            *(_write_row(cell) for cell in result.cells if cell.fold == fold),
            *(f"\n{mark.symbol} {mark.sentence}" for mark in result.marks.get(fold, ())),
        ]
    if len(lines) == 1:
        lines.append("No result of these weights was found beside them.")
    return "\n".join(lines)


def _write_row(cell: Cell) -> str:
    values = [_write_measure(cell.measures.get(metric)) for metric in METRICS]
    start = [cell.generator, cell.part, str(cell.n_fake), str(cell.n_real)]
    return f"| {' | '.join([*start, *values])} |"


def _write_measure(measure: Measure | None) -> str:
    if measure is None:
        return "–"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.3f}"
    return f"{measure.value:.3f} ({measure.low:.3f}–{measure.high:.3f})"


def _write_licences(detector: Detector) -> str:
    config = detector.config
    weights = config.weights_licence or "no licence has been given"
    return (
        "## Licences and limits\n"
        f"Code: {config.code_licence}. Weights: {weights}. A score is the detector's opinion of a"
        " video, not a proof. It may be wrong in either direction, above all on generators,"
        " compression and people that the detector was not tested on."
    )
