"""The messages between a video reader and its child process, which contain no pickle.

A message is a 4-byte big-endian length, a JSON object of that many bytes, and as many raw bytes
as the object's ``payload`` says. Neither side can make the other run code.

A request holds a ``verb`` (probe, metadata, render, pictures, frames, audio or wav), a ``path``,
``limits`` and what the verb needs.

The child answers ``ready`` once at the start. It then answers each request in one of these ways:

- ``error`` with a class name of the exception tree, a message, and whether the child can go on;
- ``info``, or ``metadata``;
- ``rendered``, with the file as raw bytes;
- ``audio`` or ``silence``;
- ``begin`` (facts, number and size of the frames), a ``frame`` for each frame (place, index,
  pixels), and ``end`` (number of frames, warnings, and as raw bytes the seconds of each frame). A
  second ``begin`` withdraws the frames sent before it: the file then holds fewer frames than
  packets.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEAD = struct.Struct(">I")
MAX_JSON_BYTES = 1 << 20


def pack_message(message: dict[str, Any], payload: memoryview | bytes = b"") -> bytes:
    """Return what is sent before the raw bytes: the length, and the JSON with their size."""
    body = json.dumps({**message, "payload": memoryview(payload).nbytes}).encode("ascii")
    return HEAD.pack(len(body)) + body


def unpack_length(head: bytes) -> int:
    """Return the length of the JSON that follows.

    Raises:
        ValueError: The length is larger than that of any message of ours.
    """
    (length,) = HEAD.unpack(head)
    if length > MAX_JSON_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return int(length)


def unpack_message(body: bytes) -> dict[str, Any]:
    """Return the JSON object of one message.

    Raises:
        ValueError: The bytes are not a JSON object with a valid ``payload``.
    """
    message = json.loads(body)
    if not isinstance(message, dict) or not isinstance(message.get("payload"), int):
        raise ValueError("not a message")
    if message["payload"] < 0:
        raise ValueError("a payload of negative size")
    return message


class Answers:
    """The pipe from the child to its parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, payload: memoryview | bytes = b"", **values: object) -> None:
        """Send one message with its raw bytes, if it has any."""
        self._write(pack_message({"kind": kind, **values}, payload))
        self._write(payload)

    def _write(self, data: memoryview | bytes) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self._descriptor, view) :]
