"""Conversion of official checkpoints: strict, by name, and weights only."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetModel

from detectors.conversion import Dropped, pick_state, read_checkpoint, strip_wrappers
from detectors.key_maps import KeyMap, fake_minus_real, fill_model, map_resnet, translate
from thb_dataset.errors import DetectorError

KEYS = KeyMap(
    modules={"old": "new"},
    tensors={"bare": "named"},
    split={"qkv": ("q", "k", "v")},
    turned={"old.weight": torch.neg},
    ignorable={r"aux\.\d+\..*": "an auxiliary head"},
)


class Payload:
    """A hostile pickle, which creates a file when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched-by-pickle"),))


def test_keys_are_renamed_split_turned_and_left_behind() -> None:
    state = {
        "old.weight": torch.ones(2),
        "old.num_batches_tracked": torch.tensor(3),
        "bare": torch.zeros(1),
        "qkv.weight": torch.arange(6.0).view(6, 1),
        "aux.0.weight": torch.ones(9),
    }
    ours, ignored = translate(state, KEYS)
    assert ignored == {"aux.0.weight": "an auxiliary head"}
    assert ours["new.weight"].tolist() == [-1, -1]
    assert int(ours["new.num_batches_tracked"]) == 3
    assert [ours[f"{name}.weight"].flatten().tolist() for name in "qkv"] == [[0, 1], [2, 3], [4, 5]]
    assert set(ours) == {
        "new.weight", "new.num_batches_tracked", "named", "q.weight", "k.weight", "v.weight"
    }  # fmt: skip


def test_unknown_keys_are_named() -> None:
    state = {f"odd.{number}": torch.zeros(1) for number in range(12)}
    with pytest.raises(DetectorError, match=r"no rule knows: odd\.0, .* and 4 more"):
        translate(state, KEYS)


def test_missing_unexpected_and_misshapen_tensors_are_named_together() -> None:
    model = nn.Linear(2, 3)
    with pytest.raises(DetectorError) as caught:
        fill_model(model, {"weight": torch.zeros(3, 3), "scale": torch.zeros(1)})
    assert "missing: bias" in str(caught.value)
    assert "unexpected: scale" in str(caught.value)
    assert "weight is (3, 3), ours (3, 2)" in str(caught.value)


def test_wrappers_are_removed_however_nested() -> None:
    weight = torch.zeros(1)
    plain, removed = strip_wrappers({"module.model.a": weight, "module.model.b": weight})
    assert (set(plain), removed) == ({"a", "b"}, "module.model.")
    plain, removed = strip_wrappers({"_orig_mod.student.a": weight, "_orig_mod.student.b": weight})
    assert (set(plain), removed) == ({"a", "b"}, "_orig_mod.student.")
    # a prefix of some names only is not a wrapper
    plain, removed = strip_wrappers({"model.a": weight, "head": weight})
    assert (set(plain), removed) == ({"model.a", "head"}, "")


def test_difference_of_two_logits_is_the_same_probability() -> None:
    torch.manual_seed(0)
    head, features = nn.Linear(8, 2), torch.randn(5, 8)
    one = nn.Linear(8, 1)
    with torch.no_grad():
        one.weight.copy_(fake_minus_real(head.weight))
        one.bias.copy_(fake_minus_real(head.bias))
        wanted = head(features).softmax(dim=1)[:, 1]
    torch.testing.assert_close(one(features).sigmoid().squeeze(1), wanted)
    with pytest.raises(DetectorError, match="3 classes"):
        fake_minus_real(torch.zeros(3, 8))


@pytest.mark.parametrize(
    ("kind", "convolutions", "sizes"),
    [("basic", 2, [4, 8, 8, 8]), ("bottleneck", 3, [16, 16, 16, 16])],
)
def test_resnet_keys_cover_the_model(kind: str, convolutions: int, sizes: list[int]) -> None:
    depths = (3, 4, 6, 3)
    config = ResNetConfig(
        layer_type=kind, embedding_size=4, hidden_sizes=sizes, depths=list(depths)
    )
    keys = list(ResNetModel(config).state_dict())
    modules = map_resnet("", "", depths, convolutions).values()
    assert {key.rpartition(".")[0] for key in keys} <= set(modules)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 damaged zip"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(DetectorError, match=r"a\.pth: (an empty|a text|a damaged)"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(DetectorError, match="no such file"):
        read_checkpoint(tmp_path / "b.pth")


def test_nothing_that_a_checkpoint_says_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"network": {"a": torch.zeros(1)}, "extra": Payload()}
    torch.save(content, "zip.pth")
    torch.save(content, "plain.pkl", _use_new_zipfile_serialization=False)
    for name in ("plain.pkl", "zip.pth"):
        with pytest.raises(DetectorError, match="not read as weights only"):
            read_checkpoint(Path(name))
    assert not Path("touched-by-pickle").exists()


def test_only_named_classes_are_harmless(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save({"model": {"a": torch.zeros(1)}, "args": argparse.Namespace(epochs=3)}, file)
    with pytest.raises(DetectorError, match="not read as weights only"):
        read_checkpoint(file)
    content = read_checkpoint(file, harmless=("argparse.Namespace",))
    assert isinstance(content["args"], Dropped), "its class is neither imported nor made"
    assert set(pick_state(content, ("model",), file)) == {"a"}
    # the class was admitted for that call only
    with pytest.raises(DetectorError, match="not read as weights only"):
        read_checkpoint(file)


def test_a_file_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    torch.save([torch.zeros(1)], file)
    with pytest.raises(DetectorError, match="holds a list"):
        read_checkpoint(file)
    with pytest.raises(DetectorError, match="not tensors: epoch"):
        pick_state({"epoch": 3, "weights": torch.zeros(1)}, ("model",), file)
    with pytest.raises(DetectorError, match="the file is empty"):
        pick_state({}, ("model",), file)


def test_the_usual_names_of_other_trainers_are_found(tmp_path: Path) -> None:
    for name in ("network", "state_dict", "model_state_dict"):
        found = pick_state({name: {"a": torch.zeros(1)}, "epoch": 3}, ("network",), tmp_path)
        assert set(found) == {"a"}


@pytest.mark.parametrize("tensor", [torch.zeros(2, 2).to_sparse(), torch.zeros(2, device="meta")])
def test_tensors_without_plain_numbers_are_no_weights(tensor: torch.Tensor, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="not tensors: a"):
        pick_state({"a": tensor}, ("model",), tmp_path)


def test_names_that_are_no_text_or_speak_to_the_terminal_are_spelt_out(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="not tensors: 3, x"):
        pick_state({3: torch.zeros(1), "x": None}, ("model",), tmp_path)  # type: ignore[dict-item]
    with pytest.raises(DetectorError, match=r"knows: \\x1b\[31mred") as caught:
        translate({"\x1b[31mred": torch.zeros(1)}, KEYS)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float8_e5m2])
def test_weights_that_are_no_numbers_are_refused(value: float, kind: torch.dtype) -> None:
    broken = torch.full((3, 2), value).to(kind)
    with pytest.raises(DetectorError, match="NaN or infinity in: weight"):
        fill_model(nn.Linear(2, 3), {"weight": broken, "bias": torch.zeros(3)})


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.complex64])
def test_weights_of_another_kind_of_number_are_refused(kind: torch.dtype) -> None:
    with pytest.raises(DetectorError, match="kinds of numbers: weight is torch"):
        fill_model(
            nn.Linear(2, 3), {"weight": torch.zeros(3, 2, dtype=kind), "bias": torch.zeros(3)}
        )


@pytest.mark.parametrize("shape", [(), (0, 2), (4, 2)])
def test_tensors_that_cannot_be_cut_or_subtracted_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DetectorError, match="cannot be cut into 3"):
        translate({"qkv.weight": torch.zeros(shape)}, KEYS)
    with pytest.raises(DetectorError, match=r"has [04] classes"):
        fake_minus_real(torch.zeros(shape))
