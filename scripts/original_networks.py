"""The original networks, built from the user's checkouts, for the parity check.

Nothing here is needed to use the toolkit. Each builder imports the original's own modules from its
folder, makes the network without downloading weights, and says how it is called.
"""

from __future__ import annotations

import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import packaging.version
import torch
from torch import Tensor, nn

from scripts.drawn_weights import CADDM_REGIONS, Original, fingerprint, importing_from
from scripts.original_gend import NAMES, build_gend


def build_caddm(folder: Path, variant: str, *, tiny: bool) -> Original:
    """Build CADDM of megvii-research; a tiny one has the same classes with fewer channels."""
    with importing_from(folder):
        loss = import_module("detection_layers.modules.multibox_loss")
        boxes = import_module("detection_layers.box_utils")
        caddm = import_module("backbones.caddm")
        resnet = import_module("backbones.resnet")
        efficient = import_module("backbones.efficientnet_pytorch")
        config = _shrink_caddm(caddm, resnet, efficient, variant) if tiny else {}
        if not tiny:
            vars(caddm)["resnet34"] = lambda pretrained: resnet.resnet34(pretrained=False)
            caddm.EfficientNet.from_pretrained = efficient.EfficientNet.from_name
        network = caddm.CADDM(2, backbone=variant)

    def score(network: nn.Module, pixel_values: Tensor) -> Tensor:
        # Its own evaluation mode answers softmax; only the outermost flag is asked for that.
        network.training = True
        logits: Tensor = network(pixel_values.squeeze(1))[2]
        return logits

    def answer_more(network: nn.Module, pixel_values: Tensor) -> dict[str, list[float]]:
        offsets, confidences, _ = network(pixel_values.squeeze(1))
        answers = {"offsets": fingerprint(offsets), "confidences": fingerprint(confidences)}
        return answers | _answer_caddm_loss(loss, boxes, offsets, confidences)

    return Original(
        network=network,
        wrap=lambda state: {"network": state, "opt_state": {}, "epoch": 3},
        score=score,
        shape=(1, 3, 224, 224),
        scale=255.0,
        gain=1.3 if tiny and variant != "resnet34" else 1.0,
        config=config,
        answer_more=answer_more,
    )


def _answer_caddm_loss(
    loss: ModuleType, boxes: ModuleType, offsets: Tensor, confidences: Tensor
) -> dict[str, list[float]]:
    """Return the original's anchor loss of a picture with two swapped regions and a real one."""
    from detectors.caddm.anchors import make_anchors

    anchors = make_anchors().to(offsets)
    wanted, classes = torch.zeros_like(offsets), torch.zeros(confidences.shape[:2]).long()
    regions = torch.tensor(CADDM_REGIONS).to(offsets)
    labels = torch.zeros(len(regions))
    boxes.match(0.5, regions, anchors, [0.1, 0.2], labels, wanted, classes, 0)
    criterion = loss.MultiBoxLoss(2, 0.5, True, 0, True, 2, 0.5, False, use_gpu=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        terms = criterion((offsets / 10, confidences / 10), classes, wanted)
    return {"anchor_loss": [float(term) for term in terms]}


def _shrink_caddm(
    caddm: ModuleType, resnet: ModuleType, efficient: ModuleType, variant: str
) -> dict[str, Any]:
    """Make CADDM build a small backbone of the same class; return our settings for it."""
    if variant == "resnet34":
        make_layer = resnet.ResNet._make_layer

        def make_thin(
            self: nn.Module, block: type[nn.Module], planes: int, blocks: int, stride: int = 1
        ) -> nn.Module:
            made: nn.Module = make_layer(self, block, planes // 16, blocks, stride)
            return made

        def make_resnet(pretrained: bool) -> nn.Module:
            resnet.ResNet._make_layer = make_thin
            made: nn.Module = resnet.ResNet(resnet.BasicBlock, [1, 2, 1, 1])
            vars(made)["out_num_features"] = 32
            return made

        vars(caddm)["resnet34"] = make_resnet
        return {"backbone": "resnet", "widths": [4, 8, 16, 32], "depths": [1, 2, 1, 1]}
    width = 0.1 if variant == "efficientnet-b3" else 0.15
    coefficients = {"width_coefficient": width, "depth_coefficient": width * 4}

    def make_efficient(name: str, out_size: list[int]) -> nn.Module:
        blocks, settings = efficient.utils.get_model_params(name, coefficients)
        made: nn.Module = efficient.EfficientNet(blocks, settings, out_size)
        return made

    caddm.EfficientNet.from_pretrained = make_efficient
    return {"backbone": "efficientnet", "hidden_dim": int(1280 * width), **coefficients}


TINY_SWIN: dict[str, Any] = {"embed_dim": 8, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 4, 4]}
"""A Swin whose windows of 4 tokens shift in the first two stages, on a thumbnail of 64 pixels."""


def build_tall(folder: Path, variant: str, *, tiny: bool) -> Original:
    """Build TALL-Swin of its authors, or of DeepfakeBench."""
    size = 64 if tiny else 224
    settings: dict[str, Any] = {
        "embed_dim": 128,
        "depths": [2, 2, 18, 2],
        "num_heads": [4, 8, 16, 32],
    }
    settings |= {"window_size": [4, 4, 4, 2] if tiny else [14, 14, 14, 7]}
    settings |= TINY_SWIN if tiny else {}
    with importing_from(folder), on_the_cpu():
        if variant == "official":
            module = import_module("my_models.tall_swin")
        else:
            module = _import_bench_tall(folder / "training" / "detectors")
        swin = module.SwinTransformer(
            duration=4, img_size=size, patch_size=4, num_classes=2, ape=True, thumbnail_rows=2,
            drop_path_rate=0.1, **settings,
        )  # fmt: skip

    def score(network: nn.Module, pixel_values: Tensor) -> Tensor:
        with on_the_cpu():
            logits: Tensor = network(pixel_values.flatten(1, 2))
        return logits

    def wrap(state: dict[str, Tensor]) -> dict[str, Any]:
        if variant == "official":
            return {"model": state, "epoch": 3, "args": Namespace(duration=4)}
        return {f"module.model.{key}": value for key, value in state.items()}

    side = size // 2 if variant == "official" else size
    return Original(
        network=swin,
        wrap=wrap,
        score=score,
        shape=(4, 3, side, side),
        scale=4.0,
        config={"image_size": size, "window": 4, **TINY_SWIN} if tiny else {},
    )


def _import_bench_tall(folder: Path) -> ModuleType:
    """Import only DeepfakeBench's TALL; its package would import 36 detectors and their needs."""
    registry = SimpleNamespace(register_module=lambda module_name: lambda cls: cls)
    stubs: dict[str, dict[str, Any]] = {
        "detectors": {"__path__": [str(folder)], "DETECTOR": registry},
        "loss": {"LOSSFUNC": {}},
        "metrics": {"__path__": []},
        "metrics.base_metrics_class": {"calculate_metrics_for_train": None},
    }
    ours = {name: sys.modules.get(name) for name in stubs}
    try:
        for name, contents in stubs.items():
            sys.modules[name] = ModuleType(name)
            vars(sys.modules[name]).update(contents)
        return import_module("detectors.tall_detector")
    finally:
        for name, module in ours.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


@contextmanager
def on_the_cpu() -> Iterator[None]:
    """Keep code on the CPU that calls ``.cuda()``."""
    moved, Tensor.cuda = Tensor.cuda, lambda self, *_, **__: self  # type: ignore[method-assign]
    try:
        yield
    finally:
        Tensor.cuda = moved  # type: ignore[method-assign]


TINY_VIT: dict[str, Any] = {"hidden_size": 24, "layers": 4, "heads": 2, "intermediate_size": 48}
"""A ViT of four blocks with two exchanges, on 64 pixels."""


def build_df_adapter(folder: Path, variant: str, *, tiny: bool) -> Original:
    """Build DeepFake-Adapter with its published tuning settings."""
    tuning = SimpleNamespace(
        ffn_adapt=True, ffn_adapt_method="bottleneck", ffn_option="parallel", ffn_num=64,
        ffn_adapter_drop=0.0, ffn_adapter_init_option="lora", d_model=24 if tiny else 768,
        ffn_adapter_scalar="learnable_scalar", ffn_adapter_layernorm_option="none",
        use_learnable_pos_emb=True, vpt_on=False, num_heads_spatial_adapter=2 if tiny else 6,
        interaction_indexes=[[0, 1], [2, 3]] if tiny else [[0, 3], [4, 7], [8, 11]],
    )  # fmt: skip
    shape: dict[str, Any] = {"img_size": 224, "embed_dim": 768, "depth": 12, "num_heads": 12}
    shape |= {"mlp_ratio": 4}
    if tiny:
        shape = {"img_size": 64, "embed_dim": 24, "depth": 4, "num_heads": 2, "mlp_ratio": 2}
    with importing_from(folder):
        module = import_module("models.vit")
        network: nn.Module = module.VisionTransformer_spatial(
            num_classes=2, tuning_config=tuning, **shape
        )
    norm = nn.BatchNorm1d(shape["embed_dim"], affine=False, eps=1e-6)
    network.head = nn.Sequential(norm, network.get_submodule("head"))

    def score(network: nn.Module, pixel_values: Tensor) -> Tensor:
        logits: Tensor = network(pixel_values.squeeze(1))
        return logits

    config = {"image_size": 64, "interactions": 2, "interaction_heads": 2, **TINY_VIT}
    return Original(
        network=_without_sync(network),
        wrap=lambda state: {"best_val_auc": 0.5, "best_state_dict": state},
        score=score,
        shape=(1, 3, shape["img_size"], shape["img_size"]),
        scale=2.0,
        config=config if tiny else {},
    )


TINY_CLIP: dict[str, Any] = {"patch_size": 56, "hidden_size": 128, "layers": 2, "heads": 2}
TINY_CLIP |= {"intermediate_size": 512, "projection_size": 16}
"""A CLIP image tower with 4 x 4 patches; its channels are a multiple of a head's 64."""


def build_lipfd(folder: Path, variant: str, *, tiny: bool) -> Original:
    """Build LipFD with its own dataset class, which lays the canvas out and crops it."""
    for name in ("ftfy", "regex", "pkg_resources"):
        # Its tokeniser and a version check import them, but nothing calls them.
        sys.modules.setdefault(name, ModuleType(name))
    vars(sys.modules["pkg_resources"]).setdefault("packaging", packaging)
    with importing_from(folder):
        clip, lipfd = import_module("models.clip.model"), import_module("models.LipFD")
        data = import_module("data.datasets")
        shape = [16, 224, 2, 128, 56, 8, 20, 16, 2, 1]
        clip_model = clip.CLIP(
            *(shape if tiny else [768, 224, 24, 1024, 14, 77, 49408, 768, 12, 12])
        )
        vars(lipfd.clip)["load"] = lambda name, device: (clip_model, None)
        regions = import_module("models.region_awareness")
        vars(lipfd)["get_backbone"] = lambda: _make_lipfd_regions(regions, tiny=tiny)
        network: nn.Module = lipfd.LipFD("CLIP")
    # The original computes in float32 whatever it is given, which would spoil float64 answers.
    clip.LayerNorm.forward = nn.LayerNorm.forward
    resize = data.transforms.Resize
    # torchvision resized tensors without antialiasing when the published weights were made.
    data.transforms.Resize = lambda size: resize(size, antialias=False)

    def score(network: nn.Module, pixel_values: Tensor) -> Tensor:
        samples = [_load_lipfd_sample(data, each) for each in pixel_values]
        images = torch.stack([sample[0] for sample in samples]).to(pixel_values)
        crops = [
            [torch.stack([s[1][scale][n] for s in samples]).to(pixel_values) for n in range(5)]
            for scale in range(3)
        ]
        caller: Any = network
        logits: Tensor = caller(crops, caller.get_features(images))[0]
        return logits

    return Original(
        network=network,
        wrap=lambda state: {"model": state, "optimizer": {}, "total_steps": 7},
        score=score,
        shape=(10, 3, 500, 500),
        scale=4.0 if tiny else 255.0,
        config={**TINY_CLIP, "widths": [16, 32, 64, 128], "depths": [1, 1, 1, 1]} if tiny else {},
    )


def _make_lipfd_regions(regions: ModuleType, *, tiny: bool) -> nn.Module:
    """Make the ResNet-50 of the region branch, or one with a 16th of its channels and layers."""
    if not tiny:
        made: nn.Module = regions.get_backbone()
        return made
    make_layer = regions.ResNet._make_layer

    def make_thin(
        self: nn.Module,
        block: type[nn.Module],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Module:
        layer: nn.Module = make_layer(self, block, planes // 16, blocks, stride, dilate)
        return layer

    regions.ResNet._make_layer = make_thin
    thin: nn.Module = regions.ResNet(regions.Bottleneck, [1, 1, 1, 1])
    thin.get_weight = nn.Sequential(nn.Linear(128 + 16, 1), nn.Sigmoid())
    thin.fc = nn.Linear(128 + 16, 1)
    return thin


def _load_lipfd_sample(data: ModuleType, pictures: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
    """Pass a canvas to the original's dataset as if it were the PNG that it reads."""
    rows = pictures.unflatten(0, (2, 5)).permute(0, 3, 1, 4, 2).reshape(1000, 2500, 3)
    data.cv2.imread = lambda path: rows.float().numpy()
    dataset = data.AVLip.__new__(data.AVLip)
    dataset.total_list, dataset.label_dict = ["canvas"], {"canvas": 1}
    image, crops, _ = dataset[0]
    return image, crops


def _without_sync(network: nn.Module) -> nn.Module:
    """Replace synchronised batch normalisation, which only trains on GPUs, by the plain one."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.SyncBatchNorm):
            parent, _, leaf = name.rpartition(".")
            plain = nn.BatchNorm2d(module.num_features, eps=module.eps)
            setattr(network.get_submodule(parent), leaf, plain)
    return network


BUILDERS: dict[str, tuple[dict[str, str], Callable[..., Original]]] = {
    "caddm": (
        {variant: "CADDM" for variant in ("resnet34", "efficientnet-b3", "efficientnet-b4")},
        build_caddm,
    ),
    "tall": ({"official": "TALL4Deepfake", "deepfakebench": "DeepfakeBench"}, build_tall),
    "df_adapter": ({"vit-base": "DeepFake-Adapter"}, build_df_adapter),
    "lipfd": ({"vit-l-14": "LipFD"}, build_lipfd),
    "gend": (dict.fromkeys(NAMES, "GenD"), build_gend),
}
"""Detector -> its variants, each with the end of its checkout's name, and the builder."""
