"""A child that a hostile file has taken over may answer anything; the parent refuses nonsense."""

from __future__ import annotations

from typing import Any

import pytest

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.answers import Conversation, Refusal
from thb_dataset.video.reader import Limits


class Liar:
    """Stands in for a child and gives any answer."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)

    def receive(self, deadline: float) -> dict[str, Any]:
        return self._messages.pop(0)

    def receive_into(self, buffer: memoryview, deadline: float) -> None:
        buffer[:] = bytes(len(buffer))


INFO = dict.fromkeys(
    ("rotation_degrees", "mirrored", "stored_width", "stored_height", "sample_aspect_ratio",
     "codec", "pixel_format", "fps", "seconds", "declared_frames", "has_audio"), 0
) | {"width": 64, "height": 64}  # fmt: skip
BEGIN = {"kind": "begin", "payload": 0, "count": 2, "info": INFO}
FRAME = {"kind": "frame", "payload": 64 * 64 * 3, "place": 0, "index": 0, "seconds": 0.0}


@pytest.mark.parametrize(
    "messages",
    [
        [{"kind": "end", "payload": 0}],
        [{"payload": 0}],
        [BEGIN, FRAME | {"payload": 10}],
        [BEGIN, FRAME | {"place": 2}],
        [BEGIN, FRAME | {"place": "first"}],
        [BEGIN, {"kind": "audio", "payload": 0}],
        [BEGIN | {"count": -5}],
        [BEGIN | {"count": 10**12}],
        [BEGIN | {"info": {}}],
        [BEGIN | {"info": INFO | {"surprise": 1}}],
        [{"kind": "error", "payload": 0}],
    ],
)
def test_answers_that_make_no_sense_are_refused(messages: list[dict[str, Any]]) -> None:
    liar: Any = Liar(*messages)
    with pytest.raises((KeyError, TypeError, ValueError, IndexError, Refusal)):
        Conversation(liar, 0.0, Limits()).receive_frames()


def test_an_error_of_an_unknown_name_is_a_decode_error() -> None:
    liar: Any = Liar(
        {"kind": "error", "payload": 0, "error": "SystemExit", "message": "x", "fit": True}
    )
    with pytest.raises(Refusal) as caught:
        Conversation(liar, 0.0, Limits()).receive_info()
    assert caught.value.error_class is VideoDecodeError
