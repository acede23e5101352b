"""The words between a video reader and its child process: length, JSON, raw bytes; no pickle.

A message is a 4-byte big-endian length, a JSON object of that many bytes, then as many raw bytes
as the object's ``payload`` says. Neither side can make the other run code.

Request: ``verb`` (probe, frames or audio), ``path``, ``limits`` and what the verb needs.
Answers: ``ready`` once at the start. Then, per request, either ``error`` (class name of the
exception tree, message, whether the child is fit to go on); or ``info``; or ``audio`` or
``silence``; or ``begin`` (facts, number of frames), a
``frame`` for each (place, index, seconds, pixels) and ``end``. A second ``begin`` withdraws the
frames sent before it: the file holds fewer frames than it has packets.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEAD = struct.Struct(">I")
MAX_JSON_BYTES = 1 << 20


def pack_message(message: dict[str, Any], payload: memoryview | bytes = b"") -> bytes:
    """Build what goes before the raw bytes: length and JSON, the payload's size included."""
    body = json.dumps({**message, "payload": memoryview(payload).nbytes}).encode("ascii")
    return HEAD.pack(len(body)) + body


def unpack_length(head: bytes) -> int:
    """Read the length of the JSON that follows.

    Raises:
        ValueError: It is longer than any message of ours.
    """
    (length,) = HEAD.unpack(head)
    if length > MAX_JSON_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return int(length)


def unpack_message(body: bytes) -> dict[str, Any]:
    """Read the JSON of one message.

    Raises:
        ValueError: It is not a JSON object with a sane ``payload``.
    """
    message = json.loads(body)
    if not isinstance(message, dict) or not isinstance(message.get("payload"), int):
        raise ValueError("not a message")
    if message["payload"] < 0:
        raise ValueError("a payload of negative size")
    return message


class Answers:
    """The child's way back to its parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, payload: memoryview | bytes = b"", **values: object) -> None:
        """Send one message, with its raw bytes where there are any."""
        self._write(pack_message({"kind": kind, **values}, payload))
        self._write(payload)

    def _write(self, data: memoryview | bytes) -> None:
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self._descriptor, view) :]
