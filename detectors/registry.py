"""From the name of a detector to the detector itself.

:mod:`detectors.references` says in which ways a detector can be named.

Importing this module is cheap: torch, transformers and the detectors are imported on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from detectors.listing import DETECTORS, is_hub_id
from detectors.references import (
    explain_miss,
    is_class_path,
    read_reference,
    refuse_untrained,
)
from thb_dataset.errors import (
    DetectorError,
    SettingsError,
    THBError,
    first_line,
)
from thb_dataset.files import parse_json
from thb_dataset.wording import suggest

if TYPE_CHECKING:
    import torch

    from detectors.base import Detector
    from detectors.published import PublishedWeights


_SETTLED: Final = "{} has trained weights, whose settings cannot be changed: leave out config"


def register_detectors() -> None:
    """Import every detector, which registers it with the Auto classes of transformers.

    Examples:
        >>> from transformers import AutoConfig
        >>> detectors.register_detectors()
        >>> AutoConfig.for_model("thb_baseline").model_type
        'thb_baseline'
    """
    for listing in DETECTORS.values():
        _import_class(listing.detector)


def find_detector_class(reference: str) -> type[Detector]:
    """Return the class behind a registered name or ``module:Class``.

    Raises:
        DetectorError: No such class exists; similar names are suggested.
    """
    path = DETECTORS[reference].detector if reference in DETECTORS else reference
    if not is_class_path(path):
        raise DetectorError(explain_miss(reference))
    return _import_class(path)


def load_detector(
    reference: str | Path,
    *,
    device: str | torch.device | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    untrained: bool = False,
) -> Detector:
    """Load a detector in evaluation mode, its weights from safetensors only.

    Args:
        reference: A folder or a Hub id with trained weights, or ``module:Class@`` and one of the
            two for weights of your own class. Also the name of a detector whose authors' weights
            are on the Hub (``gend``), their repo, and a folder in their layout: those are converted
            into the Hub's cache first. With ``untrained`` any name of
            :data:`~detectors.listing.DETECTORS` or ``module:Class``.
        device: The device of the weights; the CPU by default.
        trust_remote_code: Run Python code that the folder or the Hub repo brings or names. Off by
            default, because such code can do anything that you can. A class that the reference
            itself names needs no such trust.
        seed: The seed of random weights; the same seed gives the same weights.
        config: Settings for random weights that differ from the class's defaults.
        untrained: Give random weights to a detector that is named without weights, for tests and
            for trainings of your own. Whatever it scores is marked.

    Raises:
        DetectorError: It cannot be found or loaded, or is named without weights; the message says
            what to do next.

    Examples:
        >>> detector = thb.detector("runs/baseline/p3-hallo")
        >>> detector.config.model_type, detector.config.trained_on_synthetic
        ('thb_baseline', True)
    """
    wanted = read_reference(reference)
    if wanted.published is not None and not (untrained and wanted.place is None):
        detector = _load_published(wanted.published, config)
    elif wanted.place is None:
        if not untrained:
            refuse_untrained(reference)
        detector_class = find_detector_class(str(reference))
        detector = create_detector(detector_class, seed=seed, config=config)
    elif config:
        raise DetectorError(_SETTLED.format(reference))
    elif wanted.class_name is not None:
        detector = _load_as(wanted.class_name, wanted.place)
    else:
        detector = _load_place(wanted.place, trust_remote_code=trust_remote_code)
    return detector if device is None else detector.to(device)  # type: ignore[arg-type] # untyped


def has_fresh_weights(reference: str | Path) -> bool:
    """Return whether a reference is a registered name or ``module:Class``."""
    return read_reference(reference).place is None


def _load_published(weights: PublishedWeights, config: Mapping[str, Any] | None) -> Detector:
    """Load weights of others that are on the Hub, by the name of their repo."""
    from detectors.fetching import fetch_published

    if config:
        raise DetectorError(_SETTLED.format(weights.repo))
    detector = _load_weights(str(fetch_published(weights)), trust_remote_code=False)
    detector.config.name_or_path = str(weights.repo)
    return detector


def _load_as(class_name: str, place: str) -> Detector:
    """Load weights of a class that the user names, and run no other code that comes with them.

    Raises:
        DetectorError: The class or the weights do not exist, or do not belong together.
    """
    detector_class = find_detector_class(class_name)
    detector = _load_place(place, trust_remote_code=False)
    if not isinstance(detector, detector_class):
        raise DetectorError(
            f"{place} holds a {type(detector).__name__}, not a {class_name}: name the class that"
            " was trained"
        )
    return detector


def _load_place(place: str, *, trust_remote_code: bool) -> Detector:
    """Load the weights of a folder or a Hub repo."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        foreign = _load_foreign(folder)
        if foreign is not None:
            return foreign
        return _load_weights(str(_check_folder(folder)), trust_remote_code=trust_remote_code)
    if is_hub_id(place):
        return _load_weights(place, trust_remote_code=trust_remote_code)
    if folder.is_file():
        advice = "the detector is named first, and then the videos"
        if (folder.parent / "config.json").is_file():
            advice = f"give its folder, {folder.parent}"
        raise DetectorError(f"{place} is a file, not a detector: {advice}")
    raise DetectorError(explain_miss(place))


def _load_foreign(folder: Path) -> Detector | None:
    """Load a folder in the layout of a detector's authors; None for any other folder."""
    from detectors.fetching import convert_folder, find_foreign_type

    name = find_foreign_type(folder)
    if name is None:
        return None
    detector = _load_weights(str(convert_folder(folder, name)), trust_remote_code=False)
    detector.config.name_or_path = str(folder)
    return detector


def create_detector(
    detector_class: type[Detector], *, seed: int = 0, config: Mapping[str, Any] | None = None
) -> Detector:
    """Create a detector with fresh weights without touching the caller's random state.

    Args:
        detector_class: The class of the detector.
        seed: The same seed gives the same weights.
        config: Settings that differ from the class's defaults.

    Raises:
        SettingsError: A setting is unknown or of another type.
        DetectorError: A setting is impossible, or the backbone cannot be read.
    """
    import torch

    from detectors.typed_settings import convert_config
    from thb_dataset.hub.patience import limit_waiting

    config_class = detector_class.config_class
    given = convert_config(config_class, config or {})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            settings = config_class(**given)
            detector = detector_class(settings)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            if not given:
                raise
            # Types alone do not tell that a dropout of 2 or a network of 0 channels is impossible.
            raise SettingsError(
                f"{detector_class.__name__} cannot be made with {given}: {first_line(error)}"
            ) from error
        if settings.backbone_checkpoint is not None:
            limit_waiting()
            detector.load_backbone(settings.backbone_checkpoint)
    detector.config.untrained = True
    detector.eval()
    return detector


def _import_class(path: str) -> type[Detector]:
    """Import ``module:Class``, which must be a detector."""
    from detectors.base import Detector

    module_name, _, class_name = path.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise DetectorError(
            f"no module {module_name!r} for {path}: run thb in its folder, or add that folder to"
            " PYTHONPATH"
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        hint = suggest(class_name, dir(module), most=3)
        raise DetectorError(
            f"module {module_name!r} has no class {class_name!r}"
            + (f"; {hint}" if hint else f": name one that {module_name} defines")
        )
    if not (isinstance(found, type) and issubclass(found, Detector)):
        raise DetectorError(f"{path} is not a detector: subclass detectors.base.Detector")
    return found


def _check_folder(folder: Path) -> Path:
    if (folder / "config.json").is_file():
        return folder
    inside = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if inside:
        raise DetectorError(
            f"{folder} holds several detectors, one per fold; give one of them:"
            f" {', '.join(str(folder / name) for name in inside)}"
        )
    raise DetectorError(
        f"{folder} holds no config.json: give a folder that thb train or save_pretrained wrote"
    )


def _load_weights(source: str, *, trust_remote_code: bool) -> Detector:
    """Read config and safetensors from a folder or the Hub; no weight may be missing."""
    from transformers import AutoModelForVideoClassification

    from detectors.base import Detector
    from thb_dataset.hub.patience import limit_waiting

    limit_waiting()  # transformers reads from the Hub without any limit
    register_detectors()
    _import_own_class(source, trust_remote_code=trust_remote_code)
    try:
        model, report = AutoModelForVideoClassification.from_pretrained(
            source,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
    except THBError:
        raise
    except Exception as error:
        # What others wrote, code included, can fail in any way; THB_DEBUG=1 shows where.
        taken, advice = "", "a folder needs config.json and model.safetensors, as thb train writes"
        if is_hub_id(source):
            taken = "no such folder here, and as a Hub id: "
            advice = f"where the Hub answers, hf download {source} --local-dir DIR, then name DIR"
        raise DetectorError(
            f"cannot load {source}: {taken}{first_line(error)}; {advice}"
        ) from error
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
    """Import the third-party class that a folder's config names, if that is allowed."""
    file = Path(source) / "config.json"
    if not file.is_file():
        return
    try:
        settings = parse_json(file.read_bytes())
    except ValueError as error:
        raise DetectorError(f"{file} is not JSON: {error}") from error
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
            f"{source} is a {reference}, which is not imported: if that class is yours, name it as"
            f" {reference}@{source}; otherwise pass --trust-remote-code if you trust its code"
        )
    _import_class(reference)
