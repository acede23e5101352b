"""Hostile files, made from a seed: damaged, lying, disguised, or pointing to something else.

Each maker writes files into a folder and yields their paths; the same seed gives the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.support.disguises import make_disguised, make_links, make_pointers
from tests.support.video_files import number_picture, write_numbered, write_video
from tests.support.workshop import Workshop

CONTAINER_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"udta")
HUGE = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def make_truncated(shop: Workshop) -> Iterator[Path]:
    """Cut off a file of every format at 15 places, some of them near its head."""
    for name, data in shop.sources.items():
        near = shop.random.sample(range(1, 64), 3)
        far = shop.random.sample(range(64, len(data)), 12)
        for place in sorted(near + far):
            yield shop.write(f"cut_{place}_{name}", data[:place])


def make_flipped(shop: Workshop) -> Iterator[Path]:
    """Turn 1 to 400 single bits of a file of every format, 20 times."""
    for name, data in shop.sources.items():
        for number in range(20):
            changed = bytearray(data)
            for _ in range(round(400 ** (number / 19))):
                changed[shop.random.randrange(len(data))] ^= 1 << shop.random.randrange(8)
            yield shop.write(f"bits_{number}_{name}", bytes(changed))


def make_overwritten(shop: Workshop) -> Iterator[Path]:
    """Replace a stretch of a file of every format by zeros, ones, noise or another file's bytes."""
    others = list(shop.sources.values())
    for name, data in shop.sources.items():
        for number in range(8):
            start = shop.random.randrange(len(data))
            length = shop.random.randrange(1, 2000)
            filler = (
                bytes(length),
                b"\xff" * length,
                shop.random.randbytes(length),
                others[shop.random.randrange(len(others))][:length],
            )[number % 4]
            changed = data[:start] + filler + data[start + length :]
            yield shop.write(f"patch_{number}_{name}", changed)


def find_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int]]:
    """Yield every box of an MP4 with the place of its content, depth first."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if size < 8:
            return
        yield kind, start + 8
        if kind in CONTAINER_BOXES:
            yield from find_boxes(data, start + 8, start + size)
        start += size


def make_lying_boxes(shop: Workshop) -> Iterator[Path]:
    """Make MP4 headers declare huge, zero or negative counts, sizes, durations and offsets."""
    data = shop.sources["h264_aac.mp4"]
    fields = {
        b"mvhd": (12, 16), b"tkhd": (20, 76, 80), b"mdhd": (12, 16), b"stts": (4, 8, 12),
        b"stsz": (4, 8, 12), b"stsc": (4, 8, 12, 16), b"stco": (4, 8), b"stss": (4, 8),
        b"ctts": (4, 8, 12), b"elst": (4, 8, 12), b"stsd": (4, 8, 40),
    }  # fmt: skip
    seen: dict[bytes, int] = {}
    for kind, place in find_boxes(data):
        seen[kind] = seen.get(kind, 0) + 1
        if kind not in fields or seen[kind] > 1:
            continue
        for offset in fields[kind]:
            for value in HUGE:
                changed = bytearray(data)
                struct.pack_into(">I", changed, place + offset, value)
                name = f"box_{kind.decode()}_{offset}_{value:x}.mp4"
                yield shop.write(name, bytes(changed))


def make_lying_lengths(shop: Workshop) -> Iterator[Path]:
    """Make boxes, EBML elements and RIFF chunks declare a wrong length."""
    data = shop.sources["h264_aac.mp4"]
    for kind in (b"moov", b"trak", b"stbl", b"mdat", b"avcC", b"ftyp"):
        place = data.index(kind) - 4
        for value in HUGE:
            changed = bytearray(data)
            struct.pack_into(">I", changed, place, value)
            yield shop.write(f"length_{kind.decode()}_{value:x}.mp4", bytes(changed))
    riff = shop.sources["mpeg4_mp3.avi"]
    for kind in (b"RIFF", b"hdrl", b"strf", b"movi", b"idx1"):
        changed = bytearray(riff)
        struct.pack_into("<I", changed, riff.index(kind) + 4, 0xFFFFFFFF)
        yield shop.write(f"length_{kind.decode()}.avi", bytes(changed))
    ebml = shop.sources["vp9_opus.webm"]
    for kind in (
        b"\x18\x53\x80\x67",
        b"\x16\x54\xae\x6b",
        b"\x1f\x43\xb6\x75",
        b"\x15\x49\xa9\x66",
    ):
        changed = bytearray(ebml)
        place = ebml.index(kind) + 4
        changed[place : place + 8] = b"\x01" + b"\xff" * 6 + b"\xfe"
        yield shop.write(f"length_{kind.hex()}.webm", bytes(changed))


def make_absurd_times(shop: Workshop) -> Iterator[Path]:
    """Make videos with absurd frame rates, time scales and time stamps."""
    for fps in (1, 240, 65_535):
        for extension in ("mp4", "mkv", "avi"):
            yield write_numbered(shop.folder / f"fps_{fps}.{extension}", 12, fps=fps, codec="mpeg4")
    spans = (1e-4, 60.0, 3600.0, 86_400.0 * 365, 4e7)
    for span in spans:
        for extension in ("mkv", "mov"):
            times = [span * place for place in range(12)]
            pictures = (number_picture(place) for place in range(12))
            yield write_video(
                shop.folder / f"gap_{span:g}.{extension}", pictures, codec="mjpeg",
                pixel_format="yuvj420p", times=times,
            )  # fmt: skip
    data = shop.sources["vp9_opus.webm"]
    place = data.index(b"\x2a\xd7\xb1") + 4
    for value in (b"\x00\x00\x00", b"\x00\x00\x01", b"\xff\xff\xff"):
        changed = data[:place] + value + data[place + 3 :]
        yield shop.write(f"timecode_scale_{value.hex()}.webm", changed)


def make_huge_pictures(shop: Workshop) -> Iterator[Path]:
    """Make pictures of up to 65,535 x 65,535, declared by the codec, the container, or both."""
    jpeg = shop.sources["mjpeg_pcm.mov"]
    sizes = ((65_500, 65_500), (65_535, 1), (16_384, 16_384), (1, 65_535), (0, 0), (4096, 2305))
    for width, height in sizes:
        changed = bytearray(jpeg)
        place = 0
        while (place := changed.find(b"\xff\xc0", place + 1)) > 0:
            struct.pack_into(">HH", changed, place + 5, height, width)
        yield shop.write(f"jpeg_{width}x{height}.mov", bytes(changed))
        both = bytearray(changed)
        struct.pack_into(">HH", both, both.index(b"jpeg", both.index(b"stsd")) + 28, width, height)
        yield shop.write(f"both_{width}x{height}.mov", bytes(both))
        riff = bytearray(shop.sources["mpeg4_mp3.avi"])
        place = riff.index(b"strf") + 12
        struct.pack_into("<II", riff, place, width, height)
        yield shop.write(f"riff_{width}x{height}.avi", bytes(riff))
    for width, height in sizes[:3]:
        path = shop.folder / f"png_{width}x{height}.mov"
        write_numbered(path, 2, codec="png", pixel_format="rgb24")
        picture = bytearray(path.read_bytes())
        place = 0
        while (place := picture.find(b"IHDR", place + 1)) > 0:
            struct.pack_into(">II", picture, place + 4, width, height)
        path.write_bytes(picture)
        yield path
    # Only the size of this one is wrong.
    large = [np.zeros((2400, 4096, 3), np.uint8)]
    yield write_video(
        shop.folder / "honest_4096x2400.mkv", large, codec="mjpeg", pixel_format="yuvj420p"
    )


def make_endless_edits(shop: Workshop) -> Iterator[Path]:
    """Grow the edit list of an MP4 to 100,000 entries that repeat it, skip it or point nowhere."""
    plain = shop.folder / "plain.mp4"
    data = write_numbered(plain, 100, options={"g": "100"}).read_bytes()
    plain.unlink()
    for duration, start in ((1, 0), (1, 101_376), (0, 0), (1000, -1), (4000, 0), (1, 10**6)):
        entry = struct.pack(">Iii", duration, start, 1 << 16)
        yield shop.write(f"edits_{duration}_{start}.mp4", grow_edit_list(data, entry, 100_000))


def grow_edit_list(data: bytes, entry: bytes, count: int) -> bytes:
    """Replace the edit list of an MP4, whose index is at its end, by many equal entries."""
    place = next(place for kind, place in find_boxes(data) if kind == b"elst")
    (size,) = struct.unpack_from(">I", data, place - 8)
    body = data[place - 4 : place + 4] + struct.pack(">I", count) + entry * count
    grown = bytearray(
        data[: place - 8] + struct.pack(">I", len(body) + 4) + body + data[place - 8 + size :]
    )
    for kind, inner in find_boxes(data):
        (length,) = struct.unpack_from(">I", data, inner - 8)
        if kind in CONTAINER_BOXES and inner < place < inner - 8 + length:
            struct.pack_into(">I", grown, inner - 8, length + len(body) + 4 - size)
    return bytes(grown)


def make_small_giants(shop: Workshop) -> Iterator[Path]:
    """Make videos of a few kilobytes and of the largest pictures that are decoded."""
    for width, height, frames in ((4096, 2304, 37), (5312, 2988, 16), (8192, 4320, 8)):
        path = shop.folder / f"giant_{width}x{height}.mp4"
        pictures = [np.zeros((height, width, 3), np.uint8)] * frames
        yield write_video(path, pictures, options={"preset": "ultrafast"})


def make_sparse_sounds(shop: Workshop) -> Iterator[Path]:
    """Make WAV files of up to 4 GB that take no room on the disk, within the limit and beyond."""
    kinds = ((48_000, 8, 1.3e9), (96_000, 8, 2.0e9), (22_050, 1, 7.9e7), (8000, 1, 4.29e9))
    for rate_hz, channels, size in kinds:
        width, sound_bytes = 2 * channels, int(size) // (2 * channels) * 2 * channels
        head = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + sound_bytes, b"WAVE", b"fmt ", 16, 1, channels, rate_hz),
            *(rate_hz * width, width, 16, b"data", sound_bytes),
        )
        path = shop.write(f"sparse_{rate_hz}_{channels}.wav", head)
        with path.open("r+b") as file:
            file.truncate(len(head) + sound_bytes)
        yield path


MAKERS: dict[str, tuple[Callable[[Workshop], Iterator[Path]], int]] = {
    "truncated": (make_truncated, 120),
    "flipped": (make_flipped, 160),
    "overwritten": (make_overwritten, 64),
    "lying_boxes": (make_lying_boxes, 150),
    "lying_lengths": (make_lying_lengths, 39),
    "absurd_times": (make_absurd_times, 22),
    "huge_pictures": (make_huge_pictures, 22),
    "endless_edits": (make_endless_edits, 6),
    "small_giants": (make_small_giants, 3),
    "disguised": (make_disguised, 33),
    "pointers": (make_pointers, 56),
    "links": (make_links, 18),
    "sparse_sounds": (make_sparse_sounds, 4),
}
"""The maker of each kind, and the number of files that it makes."""
