"""JSON that no reader may trip over, by what is wrong with it."""

from __future__ import annotations

DEEP = 100_000
BAD_JSON = {
    "empty": b"",
    "null": b"null",
    "number": b"7",
    "string": b'"text"',
    "list": b"[1, 2]",
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "not UTF-8": b'{"a": "\xff"}',
    "lone surrogate": b'{"Train": {"CelebV-HQ": ["a\\ud800.mp4"]}, "format": "\\ud800"}',
    "huge number": b'{"Train": ' + b"9" * 5000 + b"}",
    "not finite": b'{"Train": NaN, "target_fpr": Infinity}',
    "nulls": b'{"Train": {"CelebV-HQ": [null]}, "format": null, "files": null, "licence": 3}',
    "numbers": b'{"Train": {"CelebV-HQ": 3}, "format": 3, "model_type": 3, "licence": 3}',
}
