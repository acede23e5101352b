"""Settings are typed by their annotations: what is used is what was asked for, or it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detectors.recipes import Augmentation, Recipe
from tests.support.command_line import Run
from thb.training.settings import TrainSettings, choose_settings
from thb_dataset.errors import DetectorError, SettingsError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flip", "False", False),
        ("flip", False, False),
        ("decay_vectors", "no", False),
        ("epochs", "3", 3),
        ("weight_decay", 0, 0.0),
        ("patience", None, None),
        ("schedule", "constant", "constant"),
        ("step_factors", [[1, 0.5]], ((1, 0.5),)),
        ("augmentations", [{"name": "flip"}], (Augmentation(name="flip"),)),
    ],
)
def test_a_setting_takes_the_type_of_its_annotation(name: str, text: Any, value: Any) -> None:
    settings = choose_settings(Recipe(), {name: text})
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": "0,001"}, "learning_rate='0,001' is not a number"),
        ({"learning_rate": "nan"}, "learning_rate='nan' is not a number"),
        ({"weight_decay": float("inf")}, "weight_decay=inf is not a number"),
        ({"flip": 1}, "flip=1 is not true or false"),
        ({"seed": 1.5}, "seed=1.5 is not a whole number"),
        ({"seed": True}, "seed=True is not a whole number"),
        ({"patience": "never"}, "patience='never' is not a whole number or null"),
        ({"keep": "first"}, "keep='first' is not one of best, last"),
        ({"step_factors": 1}, "step_factors=1 is not a list"),
        ({"step_factors": [[1, "x"]]}, "at 0.1, input should be a valid number"),
        ({"augmentations": "flip"}, "augmentations='flip' is not a list"),
        ({"augmentations": [{"name": "flip", "p": 1}]}, "at 0.p, unexpected keyword"),
        ({"augmentations": [{"name": "flip", "probability": 2}]}, "probability=2.0 of flip"),
        ({"learningrate": 1}, "no setting learningrate (did you mean learning_rate?)"),
    ],
)
def test_a_setting_of_the_wrong_type_is_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        choose_settings(Recipe(), given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_recipe_made_in_python_is_as_strict() -> None:
    wrong: dict[str, Any] = {"learning_rate": "x", "momentum": None, "flip": "False"}
    with pytest.raises(DetectorError) as raised:
        TrainSettings(**wrong)
    assert all(name in str(raised.value) for name in wrong)


@pytest.mark.parametrize("words", [("--set", "learning_rate=0,001"), ("--set", "flipp=true")])
def test_a_wrong_setting_is_a_usage_error(run_thb: Run, tmp_path: Path, words: Any) -> None:
    ended = run_thb("train", "baseline", "--protocol", "p3", "--out", tmp_path, *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1].startswith("error: training settings: ")
    assert not list(tmp_path.iterdir()), "refused before any work"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dropout": "x"}, "BaselineConfig: dropout='x' is not a number"),
        ({"clip": 3}, "clip=3 is not an object"),
        ({"clip": {"margin": "x"}}, "clip settings: margin='x' is not a number"),
        ({"clip": {"marign": 1}}, "did you mean margin?"),
    ],
)
def test_a_wrong_config_is_a_usage_error(
    run_thb: Run, tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    for tiny in ((), ("--tiny",)):
        out = tmp_path / "run"
        ended = run_thb(
            "train", "baseline", "--protocol", "p3", "--out", out, "--config", file, *tiny
        )
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err.splitlines()[-1]
    assert not (tmp_path / "run").exists()
