"""The errors: one tree, as their module draws it, each on the facade and with an exit code."""

from __future__ import annotations

import re

import pytest

import thb
from metrics.talking_head_detection.roc import MetricError
from thb.runtime.console import exit_code_of
from thb_dataset import errors
from thb_dataset.errors import THBError

ALL = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, THBError)
]
FINDING, USAGE, DATA, MODEL = 1, 2, 3, 4
EXIT_CODES = {
    "ClipTooShortError": DATA,
    "DetectorError": MODEL,
    "FacePackError": MODEL,
    "HubUnreachableError": DATA,
    "IncompletePredictionsError": DATA,
    "NoAudioError": DATA,
    "NoFaceError": DATA,
    "ProtocolError": DATA,
    "ReleaseError": DATA,
    "ResultError": DATA,
    "SettingsError": USAGE,
    "THBError": DATA,
    "VideoDecodeError": DATA,
    "VideoError": DATA,
    "VideoTimeoutError": DATA,
    "VideoTooLargeError": DATA,
}
"""What a script can rely on; a new error is added here with the code that it ends a command by."""


def test_every_error_ends_a_command_with_its_code() -> None:
    assert {error.__name__: exit_code_of(error("text")) for error in ALL} == EXIT_CODES
    assert exit_code_of(MetricError("text")) == DATA


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_is_on_the_facade_and_documented(error: type[THBError]) -> None:
    assert error.__name__ in thb.__all__
    assert getattr(thb, error.__name__) is error
    assert error.__doc__


def test_the_tree_is_the_one_that_is_drawn() -> None:
    assert errors.__doc__
    drawn: dict[str, str] = {}
    branch: list[str] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^ {4}(?P<bars>[ │├└─]*)(?P<name>\w+Error)\b", line)
        if found:
            depth = len(found["bars"]) // 4
            branch[depth:] = [found["name"]]
            drawn[found["name"]] = branch[depth - 1] if depth else "Exception"
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in ALL}
