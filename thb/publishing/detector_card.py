"""The model card of a published detector, and its entries for the Hub's leaderboards.

Every figure comes from the run's own record and from results of these very weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from thb.publishing.remote_code import describe
from thb.releases.opening import DEFAULT_RELEASE
from thb.runs.record import RunRecord
from thb_dataset.records import Generator

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

    from detectors.base import Detector
    from thb.evaluation.cells import Cell, Measure
    from thb.evaluation.result import Result
    from thb.prediction.calibration import Calibration

METRICS = ("auc", "t1", "t01", "brier")
TAGS = ("deepfake-detection", "talking-head", "talkingheadbench")


def write_card(
    model: Detector,
    repo: str,
    *,
    record: RunRecord | None,
    results: Sequence[tuple[str, Result]],
    calibration: Calibration | None = None,
) -> str:
    """Return the README.md of a detector's repo.

    Args:
        model: With its config.
        repo: Where it goes.
        record: The run's ``run.json``; None for weights that were not trained here.
        results: Pairs of a fold's name and a result that holds it, of these very weights.
        calibration: The threshold of these very weights; None where it has not been set.
    """
    parts = [
        _write_head(model, on_the_benchmark=record is not None and not record.release.synthetic),
        f"# {repo.partition('/')[2]}",
        describe(type(model)),
        _write_use(repo),
        _write_input(model),
        _write_training(model, record),
        _write_threshold(calibration),
        _write_figures(results),
        _write_licences(model),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _write_head(model: Detector, *, on_the_benchmark: bool) -> str:
    licence = model.config.weights_licence
    head: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "video-classification",
        "license": licence.lower() if licence else "other",
        "tags": list(TAGS),
    }
    if on_the_benchmark:
        head["datasets"] = [DEFAULT_RELEASE]
    if not licence:
        head["license_name"] = "none"
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---"


def _write_use(repo: str) -> str:
    return f"""## Use
With the TalkingHeadBench toolkit, which also finds the faces and cuts the clips:

```
thb predict {repo} clip.mp4
thb evaluate {repo} --protocol p3
```

Without it, the network alone: the code beside the weights is run, so read it first.

```python
from transformers import AutoModelForVideoClassification

model = AutoModelForVideoClassification.from_pretrained("{repo}", trust_remote_code=True)
logits = model(pixel_values).logits  # (N,), one per clip, higher = fake
```"""


def _write_input(model: Detector) -> str:
    spec = model.config.clip_spec.to_dict()
    rows = [f"| {name} | {value} |" for name, value in spec.items()]
    return "\n".join(
        [
            "## Input",
            f"`pixel_values` is (N, {model.config.clip_spec.pictures}, 3, {spec['size']},"
            f" {spec['size']}). The clips of a video, as `config.json` says them:",
            "",
            "| setting | value |",
            "|---|---|",
            *rows,
        ]
    )


def _write_training(model: Detector, record: RunRecord | None) -> str:
    parameters = sum(weight.numel() for weight in model.parameters())
    lines = ["## Training", f"{parameters:,} parameters, `{type(model).__qualname__}`."]
    if record is None:
        lines.append(f"Trained on: {model.config.training_data or 'not recorded'}.")
        if model.config.source_checksum:
            lines.append(f"Converted from the checkpoint {model.config.source_checksum} (sha256).")
        return " ".join(lines).replace("## Training ", "## Training\n")
    settings, kept, used = record.settings, record.kept, record.videos.train.used
    area = kept.validation_auc
    lines.append(
        f"{model.config.training_data}: {used.real} real and {used.fake} fake videos,"
        f" {len(record.videos.train.no_face)} without a face left out. Seed"
        f" {settings.seed}; epoch {kept.epoch} of {settings.epochs} is kept"
        f" (validation AUC {'none' if area is None else format(area, '.3f')})."
    )
    if record.release.synthetic:
        lines.append("**The release is synthetic: these weights are for tests only.**")
    recipe = ", ".join(_write_setting(name, value) for name, value in settings.to_dict().items())
    return f"{lines[0]}\n{' '.join(lines[1:])}\n\nRecipe: {recipe}."


def _write_setting(name: str, value: Any) -> str:  # noqa: ANN401 — a JSON value
    if isinstance(value, float):
        return f"{name} {value:.6g}"
    if name == "augmentations":
        parts = [f"{one['name']} ({one['probability']:g})" for one in value]
        return f"{name} {', '.join(parts) or 'none'}"
    return f"{name} {value}"


def _write_threshold(calibration: Calibration | None) -> str:
    if calibration is None:
        return ""
    synthetic = " of the synthetic release" if calibration.release.synthetic else ""
    return (
        f"## Threshold\nOn the validation videos of fold {calibration.fold}{synthetic}, none of"
        f" them of Test: {calibration}. `thresholds.json` holds it, for exactly these weights."
    )


def _write_figures(results: Iterable[tuple[str, Result]]) -> str:
    lines = ["## Figures"]
    for fold, result in results:
        synthetic = "SYNTHETIC " if result.release.synthetic else ""
        revision = (result.release.revision or "")[:12]
        lines += [
            "",
            f"Fold {fold} of {synthetic}{result.release.name} {revision}, splits by"
            f" {result.split_by}; predictions {result.predictions_sha256[fold][:12]} (sha256). In"
            " brackets 95 % intervals.",
            "",
            "| generator | part | fakes | reals | AUC | TPR at FPR 1 % | at 0.1 % | Brier |",
            "|---|---|---:|---:|---:|---:|---:|---:|",
            *(_write_row(cell) for cell in result.cells if cell.fold == fold),
        ]
    if len(lines) == 1:
        lines.append("No result of these very weights was found beside them.")
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


def _write_licences(model: Detector) -> str:
    config = model.config
    weights = config.weights_licence or "nobody has licensed them"
    return (
        "## Licences and limits\n"
        f"Code: {config.code_licence}. Weights: {weights}. A score is the model's opinion of a"
        " video, not a proof; on generators, compression and people that it was not tested on it"
        " may be wrong in either direction."
    )


def make_entries(
    results: Iterable[tuple[str, Result]], *, dataset: str | None
) -> list[EvalResultEntry]:
    """Return what ``.eval_results`` says of a detector: an AUC per fold, for P1 the mean.

    Args:
        results: As :func:`write_card` takes them.
        dataset: The repo that the results are of; None: of each the repo that it names itself,
            and nothing for a folder. A synthetic release's results are never entered.
    """
    from huggingface_hub import EvalResultEntry

    entries = []
    for fold, result in results:
        name = result.release.name
        target = dataset or (name if name == DEFAULT_RELEASE else None)
        value = _find_auc(fold, result)
        if target is None or result.release.synthetic or value is None:
            continue
        revision = result.release.revision or ""
        entries.append(
            EvalResultEntry(
                dataset_id=target,
                task_id=_name_task(fold),
                value=round(value, 6),
                dataset_revision=revision if name == target and len(revision) == 40 else None,
                notes=f"AUC, fold {fold}, splits by {result.split_by}; "
                + ("mean over generators" if fold == "p1" else "its held-out generator"),
            )
        )
    return entries


def _name_task(fold: str) -> str:
    """Return the task of ``eval.yaml`` that a fold answers: ``p1_overall``, ``p3_hallo``."""
    protocol, _, generator = fold.partition("-")
    return f"{protocol}_{Generator.parse(generator).slug if generator else 'overall'}"


def _find_auc(fold: str, result: Result) -> float | None:
    cells = [cell for cell in result.cells if cell.fold == fold and cell.part == "test"]
    values = [cell.measures["auc"].value for cell in cells if "auc" in cell.measures]
    return sum(values) / len(values) if values else None
