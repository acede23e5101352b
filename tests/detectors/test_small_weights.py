"""Detectors saved with what was tuned alone: the same scores, the same backbone, or a refusal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from detectors.gend import GenD
from detectors.registry import create_detector, load_detector
from detectors.tuning import choose_saved
from thb_dataset.errors import DetectorError, SettingsError

TINY = {**GenD.tiny, "hidden_size": 64, "layers": 3}
COMMIT = "0" * 40


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    vision: Any = create_detector(GenD, seed=11, config=TINY).vision
    vision.save_pretrained(folder)
    return folder


def make_tuned(backbone: Path, folder: Path, **config: Any) -> GenD:
    """Save a detector whose tuned weights are drawn, small, as a training would."""
    made = create_detector(GenD, config={**TINY, "backbone_checkpoint": str(backbone), **config})
    assert isinstance(made, GenD)
    made.config.saved = "small"
    made.prepare_training()
    torch.manual_seed(2)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.requires_grad:
                weight.add_(0.1 * torch.randn(weight.shape))
    made.finish_training()
    made.config.untrained = False
    made.save_pretrained(folder)
    (folder / "backbone").symlink_to(backbone)
    return made


def score(model: Any) -> Tensor:
    pixels = torch.randn(3, 1, 3, 56, 56, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        logits: Tensor = model(pixels).logits
    return logits


@pytest.mark.parametrize(
    ("config", "tensors"),
    [
        ({"tuned": "head"}, 2),
        ({"tuned": "layer_norms"}, 2 + 2 * (3 * 2 + 2)),
        ({"tuned": "layer_norms", "tuned_blocks": 1}, 2 + 2 * 3),
        ({"tuned": "lora", "lora_rank": 2}, 2 + 2 * 3 * 2),
    ],
)
def test_small_weights_are_the_whole_to_the_bit(
    backbone: Path, tmp_path: Path, config: dict[str, Any], tensors: int
) -> None:
    made = make_tuned(backbone, tmp_path / "small", **config)
    assert len(load_file(tmp_path / "small" / "model.safetensors")) == tensors
    loaded = load_detector(tmp_path / "small")
    assert {*loaded.state_dict()} == {*made.state_dict()}
    for name, weight in made.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert torch.equal(score(loaded), score(made))
    merged = "what LoRA changed before is merged into the backbone"
    assert isinstance(loaded, GenD)
    assert loaded.explain_whole() == (merged if config["tuned"] == "lora" else None)
    loaded.save_pretrained(tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        saved = [(tmp_path / folder / name).read_bytes() for folder in ("small", "again")]
        assert saved[0] == saved[1], name
    loaded.config.saved = "whole"
    loaded.save_pretrained(tmp_path / "whole")
    whole = load_detector(tmp_path / "whole")
    assert torch.equal(score(whole), score(made))


def test_another_backbone_is_refused_and_a_missing_one_named(
    backbone: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    make_tuned(backbone, small)
    (small / "backbone").unlink()
    with pytest.raises(DetectorError, match=r"put the folder of that backbone at .*small/backbone"):
        load_detector(small)
    shutil.copytree(backbone, small / "backbone")
    file = small / "backbone" / "model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if "fc1.weight" in name)
    save_file({**weights, name: weights[name] + 1e-6}, file, metadata={"format": "pt"})
    with pytest.raises(DetectorError, match="has other weights than the one that"):
        load_detector(small)


@pytest.mark.parametrize("config", [{}, {"tuned": "lora"}], ids=["norms", "lora"])
def test_tensors_that_lack_or_do_not_belong_are_named(
    backbone: Path, tmp_path: Path, config: dict[str, Any]
) -> None:
    small = tmp_path / "small"
    make_tuned(backbone, small, **config)
    tensors = load_file(small / "model.safetensors")
    lost = sorted(tensors)[-1]
    for changed, said in (
        ({name: each for name, each in tensors.items() if name != lost}, f"lacks {lost}"),
        ({**tensors, "stowaway": torch.zeros(1)}, "has an unknown stowaway"),
        ({**tensors, "classifier.bias": torch.zeros(2)}, "classifier.bias in another shape"),
    ):
        save_file(changed, small / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(DetectorError, match=said):
            load_detector(small)
    (small / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DetectorError, match=r"model\.safetensors is damaged"):
        load_detector(small)


def test_small_is_chosen_where_everybody_finds_the_backbone(backbone: Path) -> None:
    made: Any = create_detector(GenD, config={**TINY, "backbone_checkpoint": str(backbone)})
    assert choose_saved(made, None) == "whole", "a folder of this machine"
    assert choose_saved(made, "small") == "small"
    made.config.backbone_checkpoint = f"org/name@{COMMIT}"
    assert choose_saved(made, None) == "small"
    assert choose_saved(made, "whole") == "whole"
    made.config.tuned = "all"
    assert choose_saved(made, None) == "whole"
    with pytest.raises(SettingsError, match="--save small: tuned='all' leaves nothing"):
        choose_saved(made, "small")
    fresh = create_detector(GenD, config=TINY)
    with pytest.raises(SettingsError, match="did not begin with a pretrained backbone"):
        choose_saved(fresh, "small")
    whole = load_detector("baseline", untrained=True)
    with pytest.raises(SettingsError, match="is not tuned in part"):
        choose_saved(whole, "small")
