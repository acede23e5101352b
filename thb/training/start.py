"""The detector that every fold of a training starts from, with its pretrained backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from detectors.base import Detector
from detectors.pretrained import PublishedBackbone
from detectors.recipes import Recipe
from detectors.registry import find_detector_class, has_fresh_weights, load_detector
from detectors.typed_settings import convert_config
from thb.runtime.console import say
from thb.training.settings import TrainOptions, TrainSettings, choose_settings, suit_device
from thb_dataset.errors import DetectorError, ReleaseError, SettingsError
from thb_dataset.hub.errors import explained_hub_errors

if TYPE_CHECKING:
    from accelerate import Accelerator

FILES: Final = ("config.json", "model.safetensors")
"""What is downloaded of a backbone. No other format is read, because the others run code."""


def check_start(
    detector: Detector | str | Path,
    settings: TrainSettings | Mapping[str, Any] | None,
    options: TrainOptions,
) -> None:
    """Refuse wrong settings and contradicting options before anything is downloaded or written.

    Raises:
        SettingsError: A setting has an unknown name or a wrong type, or options contradict.
    """
    choose_settings(Recipe(), settings)
    asked = options.from_scratch or options.backbone is not None
    if isinstance(detector, Detector) or not has_fresh_weights(detector):
        if asked:
            raise SettingsError(
                f"{_name(detector)} has weights already: --backbone and --from-scratch are for a"
                " fresh detector, so leave them out"
            )
        return
    given = convert_config(find_detector_class(str(detector)).config_class, options.config or {})
    if options.from_scratch and options.backbone is not None:
        raise SettingsError("--from-scratch begins without a backbone: leave out one of the two")
    if asked and given.get("backbone_checkpoint") is not None:
        raise SettingsError(
            "the config names a backbone_checkpoint already: leave out --backbone and"
            " --from-scratch, or the setting"
        )


def load_start(
    detector: Detector | str | Path,
    settings: TrainSettings | Mapping[str, Any] | None,
    options: TrainOptions,
    accelerator: Accelerator,
) -> tuple[Detector, TrainSettings]:
    """Return the detector that every fold starts from, and the settings for this device.

    A fresh detector of a published size begins with the backbone of the published training, which
    is downloaded from the Hub if need be.

    Args:
        detector: The detector, as :func:`thb.training.train.train` takes it.
        settings: The recipe, as that function takes it.
        options: Everything that is not part of the recipe.
        accelerator: The processes; the first one downloads.

    Raises:
        DetectorError: The detector or its backbone cannot be loaded, or a setting is unknown or
            impossible.
    """
    if isinstance(detector, Detector):
        start = detector
    else:
        config = options.config
        if has_fresh_weights(detector):
            with accelerator.main_process_first():
                config = _choose_config(
                    str(detector), options, shown=options.progress and accelerator.is_main_process
                )
        start = load_detector(
            detector,
            trust_remote_code=options.trust_remote_code,
            seed=choose_settings(Recipe(), settings).seed,
            config=config,
            untrained=True,
        )
        folder = Path(options.backbone or "").expanduser()
        if options.backbone is not None and folder.is_dir():
            # The place of the folder is this machine's, and the config will be published.
            start.config.backbone_checkpoint = folder.resolve().name
    recipe = suit_device(type(start).recipe, accelerator.device)
    return start, choose_settings(recipe, settings)


def _choose_config(name: str, options: TrainOptions, *, shown: bool) -> dict[str, Any]:
    """Return the settings of a fresh detector, among them the backbone that it begins with."""
    detector_class = find_detector_class(name)
    config = dict(convert_config(detector_class.config_class, options.config or {}))
    if options.tiny:
        clip = {**detector_class.tiny.get("clip", {}), **(config.get("clip") or {})}
        config = {**detector_class.tiny, **config, **({"clip": clip} if clip else {})}
    if options.backbone is not None:
        config["backbone_checkpoint"] = str(Path(options.backbone).expanduser())
    if config.get("backbone_checkpoint") is not None:
        return config
    published = _find_published(detector_class, config)
    if published is not None and not (options.from_scratch or config.get("from_scratch")):
        fetch_backbone(published, name, progress=shown)
        return {**config, "backbone_checkpoint": published.checkpoint}
    if detector_class.backbones:
        config["from_scratch"] = True
    return config


def _find_published(
    detector_class: type[Detector], config: Mapping[str, Any]
) -> PublishedBackbone | None:
    """Return the backbone of the published training; None if this network has another size."""
    if not detector_class.backbones:
        return None
    made = detector_class.config_class(**config)
    return next((one for one in detector_class.backbones if one.fits(made)), None)


def fetch_backbone(published: PublishedBackbone, name: str, *, progress: bool = True) -> None:
    """Download a backbone into the Hub's cache unless it is there; say first what it is.

    Args:
        published: The backbone.
        name: The detector, for the messages.
        progress: Show the bar of the Hub's client.

    Raises:
        DetectorError: It cannot be had; the message holds the command that gets it.
    """
    begins = f"the published training of {name} begins with pretrained weights"
    if published.repo is None:
        raise DetectorError(
            f"{begins} ({published.weights}), and no repo of the Hub is known that holds them as"
            " safetensors: give a folder in the layout of transformers (--backbone DIR), or begin"
            " without them (--from-scratch)"
        )
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    from thb_dataset.hub.release import quiet_bar

    repo, commit = published.repo, published.revision
    cached = all(
        isinstance(try_to_load_from_cache(repo, file, revision=commit), str) for file in FILES
    )
    if progress:
        place = "in the Hub's cache" if cached else f"{published.megabytes} MB from the Hub"
        say(
            f"{name} begins with {published.weights}: {repo} at {commit[:12]}, {place}, licence"
            f" {published.licence}"
        )
    if cached:
        return
    try:
        with explained_hub_errors(repo, commit, repo_type="model"):
            for file in FILES:
                bar = None if progress else quiet_bar()
                hf_hub_download(repo, file, revision=commit, tqdm_class=bar)
    except ReleaseError as error:
        raise DetectorError(
            f"{begins} ({published.weights}), but {error}. Where the Hub answers, run\n"
            f"  hf download {repo} {' '.join(FILES)} --revision {commit} --local-dir backbone\n"
            "and train with --backbone backbone; or begin without them with --from-scratch"
        ) from error


def _name(detector: Detector | str | Path) -> str:
    return type(detector).__qualname__ if isinstance(detector, Detector) else str(detector)
