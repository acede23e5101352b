"""From what a user calls a detector to the detector itself.

A detector may be named in four ways: a name from :data:`DETECTORS` (fresh weights), a folder, a
Hub id ``org/name`` (both with trained weights), or ``module:Class`` (fresh weights of a class of
your own). A folder that is called like a detector is reached as ``./name``.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    import torch

    from detectors.base import Detector

DETECTORS: dict[str, str] = {
    "baseline": "detectors.baseline.modeling:BaselineDetector",
    "caddm": "detectors.caddm.modeling:CADDM",
    "df_adapter": "detectors.df_adapter.modeling:DeepFakeAdapter",
    "lipfd": "detectors.lipfd.modeling:LipFD",
    "tall": "detectors.tall.modeling:TALL",
}
"""Name → ``module:Class``, imported when asked for."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def is_hub_id(reference: str | Path) -> bool:
    """Tell whether a detector is named by its Hub id, and not by a folder that is there."""
    if not isinstance(reference, str) or not _HUB_ID.fullmatch(reference):
        return False
    return not Path(reference).is_dir()


def register_detectors() -> None:
    """Import every detector, which registers it with transformers' Auto classes."""
    for reference in DETECTORS.values():
        _import_class(reference)


def find_detector_class(reference: str) -> type[Detector]:
    """Return the class behind a registered name or ``module:Class``.

    Raises:
        DetectorError: There is none; close names are suggested.
    """
    name = DETECTORS.get(reference, reference)
    if not _CLASS.fullmatch(name):
        raise DetectorError(_explain_miss(reference))
    return _import_class(name)


def load_detector(
    reference: str | Path,
    *,
    device: str | torch.device | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
) -> Detector:
    """Load a detector, ready to score: in evaluation mode, weights from safetensors only.

    Args:
        reference: A folder, a Hub id, ``module:Class``, or a name of :data:`DETECTORS`.
        device: Where its weights go; the CPU by default.
        trust_remote_code: Run Python code that the folder or the Hub repo brings or names. Off by
            default: such code can do anything that you can.
        seed: Of fresh weights; the same seed gives the same weights.
        config: Settings for fresh weights that differ from the class's defaults.

    Raises:
        DetectorError: It cannot be found or loaded; the message says what to do next.
    """
    name = str(reference)
    if isinstance(reference, str) and (name in DETECTORS or _CLASS.fullmatch(name)):
        detector = create_detector(find_detector_class(name), seed=seed, config=config)
    elif config:
        raise DetectorError(f"{name} has trained weights, whose settings cannot be changed")
    elif Path(name).expanduser().is_dir():
        folder = _check_folder(Path(name).expanduser())
        detector = _load_weights(str(folder), trust_remote_code=trust_remote_code)
    elif is_hub_id(reference):
        detector = _load_weights(name, trust_remote_code=trust_remote_code)
    else:
        raise DetectorError(_explain_miss(name))
    return detector if device is None else detector.to(device)  # type: ignore[arg-type] # untyped


def create_detector(
    detector_class: type[Detector], *, seed: int = 0, config: Mapping[str, Any] | None = None
) -> Detector:
    """Make a detector with fresh weights; the caller's random state is left alone.

    Args:
        detector_class: Which.
        seed: The same seed gives the same weights.
        config: Settings that differ from the class's defaults.

    Raises:
        DetectorError: A setting is unknown or impossible, or the backbone cannot be read.
    """
    import torch

    overrides = dict(config or {})
    config_class = detector_class.config_class
    known = {one.name for one in fields(config_class)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise DetectorError(
            f"{config_class.__name__} has no setting {', '.join(map(repr, unknown))};"
            f" its own are {', '.join(sorted(known - _common_settings()))}"
        )
    settings = config_class(**overrides)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        detector = detector_class(settings)
        if settings.backbone_checkpoint is not None:
            detector.load_backbone(settings.backbone_checkpoint)
    detector.eval()
    return detector


def _common_settings() -> set[str]:
    from transformers import PreTrainedConfig

    return {one.name for one in fields(PreTrainedConfig)}


def _import_class(reference: str) -> type[Detector]:
    from detectors.base import Detector

    module_name, _, class_name = reference.partition(":")
    if str(Path.cwd()) not in sys.path:
        # A console script does not look where it is run. Last: nothing there hides a library.
        sys.path.append(str(Path.cwd()))
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise DetectorError(
            f"no module {module_name!r} for {reference}: run where Python finds it, or set"
            " PYTHONPATH to its folder"
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        close = difflib.get_close_matches(class_name, dir(module), n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise DetectorError(f"module {module_name!r} has no class {class_name!r}{hint}")
    if not (isinstance(found, type) and issubclass(found, Detector)):
        raise DetectorError(f"{reference} is no detector: subclass detectors.base.Detector")
    return found


def _explain_miss(name: str) -> str:
    close = difflib.get_close_matches(name, DETECTORS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"no detector {name!r}: {hint}Give a folder with trained weights, a Hub id org/name,"
        f" module:Class, or one of {', '.join(sorted(DETECTORS))}"
    )


def _check_folder(folder: Path) -> Path:
    if (folder / "config.json").is_file():
        return folder
    inside = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if inside:
        raise DetectorError(
            f"{folder} holds several detectors, one a fold; give one of them:"
            f" {', '.join(str(folder / name) for name in inside)}"
        )
    raise DetectorError(
        f"{folder} holds no config.json: give a folder that thb train or save_pretrained wrote"
    )


def _load_weights(source: str, *, trust_remote_code: bool) -> Detector:
    """Read config and safetensors from a folder or the Hub; nothing may be missing."""
    from safetensors import SafetensorError
    from transformers import AutoModelForVideoClassification

    from detectors.base import Detector

    _import_own_class(source, trust_remote_code=trust_remote_code)
    try:
        model, report = AutoModelForVideoClassification.from_pretrained(
            source,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        taken = "no such folder here, and as a Hub id: " if is_hub_id(source) else ""
        raise DetectorError(f"cannot load {source}: {taken}{_first_line(error)}") from error
    if not isinstance(model, Detector):
        raise DetectorError(
            f"{source} is a {type(model).__name__}, not a detector: it must subclass"
            " detectors.base.Detector (one logit per clip, clip settings in its config)"
        )
    faults = {kind: sorted(map(str, keys)) for kind, keys in report.items() if keys}
    if faults:
        raise DetectorError(
            f"the weights in {source} do not fit {type(model).__name__}: "
            + "; ".join(f"{kind}: {', '.join(keys[:5])}" for kind, keys in faults.items())
        )
    model.eval()
    return model


def _import_own_class(source: str, *, trust_remote_code: bool) -> None:
    """Import the class outside of ours that a folder's config names, if that is allowed."""
    file = Path(source) / "config.json"
    if not file.is_file():
        return
    try:
        settings = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise DetectorError(f"{file} is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise DetectorError(f"{file} holds no settings")
    from transformers import CONFIG_MAPPING

    reference = settings.get("detector_class")
    if "auto_map" in settings and trust_remote_code:
        return  # the folder brings the code itself, and transformers runs that
    if settings.get("model_type") in CONFIG_MAPPING or not isinstance(reference, str):
        return
    if not trust_remote_code:
        raise DetectorError(
            f"{source} is a {reference}, which is not imported: import its module first, or"
            " allow that with --trust-remote-code if you trust it"
        )
    _import_class(reference)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
