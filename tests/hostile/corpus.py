"""Hostile files, made from a seed: damaged, lying, disguised, or pointing at something else.

Every maker writes files into a folder and yields their paths; the same seed gives the same bytes.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.video_files import number_picture, write_numbered, write_video

CONTAINER_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"mvex", b"udta")
HUGE = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True)
class Workshop:
    """What the makers need: a folder, healthy sources in several formats, and a server's address.

    Attributes:
        folder: Where files are written.
        sources: Names and bytes of small healthy videos.
        victim: A healthy video that playlists point at.
        url: Address of a server that nobody may call.
        random: The seeded source of chance.
    """

    folder: Path
    sources: dict[str, bytes]
    victim: Path
    url: str
    random: random.Random

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


def open_workshop(folder: Path, url: str, seed: str) -> Workshop:
    """Encode the sources and gather the tools; ``seed`` fixes all chance."""
    sound = np.sin(np.arange(38_400) / 20).astype(np.float32)
    wanted = {
        "h264_aac.mp4": ("libx264", "aac", {"g": "8"}, {"movflags": "faststart"}),
        "fragmented.mp4": ("libx264", "aac", {"g": "8"}, {"movflags": "frag_keyframe+empty_moov"}),
        "hevc_flac.mkv": ("libx265", "flac", {"x265-params": "log-level=none"}, {}),
        "vp9_opus.webm": ("libvpx-vp9", "libopus", {}, {}),
        "mpeg4_mp3.avi": ("mpeg4", "libmp3lame", {"g": "8"}, {}),
        "h264_aac.ts": ("libx264", "aac", {"g": "8"}, {}),
        "flv1_mp3.flv": ("flv", "libmp3lame", {}, {}),
        "mjpeg_pcm.mov": ("mjpeg", "pcm_s16le", {}, {}),
    }
    sources = {}
    for name, (codec, voice, options, container_options) in wanted.items():
        path = write_numbered(
            folder / name,
            20,
            codec=codec,
            pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
            options=options,
            container_options={**container_options, "fflags": "+bitexact"},
            sound=sound,
            sound_codec=voice,
            sound_rate_hz=44_100 if codec == "flv" else 48_000,
        )
        sources[name] = path.read_bytes()
    return Workshop(folder, sources, folder / "h264_aac.mp4", url, random.Random(seed))


def make_truncated(shop: Workshop) -> Iterator[Path]:
    """Every format, cut off at 15 places, near the head and anywhere."""
    for name, data in shop.sources.items():
        near = shop.random.sample(range(1, 64), 3)
        far = shop.random.sample(range(64, len(data)), 12)
        for place in sorted(near + far):
            yield shop.write(f"cut_{place}_{name}", data[:place])


def make_flipped(shop: Workshop) -> Iterator[Path]:
    """Every format with 1 to 400 single bits turned, 20 times."""
    for name, data in shop.sources.items():
        for number in range(20):
            changed = bytearray(data)
            for _ in range(round(400 ** (number / 19))):
                changed[shop.random.randrange(len(data))] ^= 1 << shop.random.randrange(8)
            yield shop.write(f"bits_{number}_{name}", bytes(changed))


def make_overwritten(shop: Workshop) -> Iterator[Path]:
    """Every format with a stretch replaced by zeros, ones, noise or another file's bytes."""
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
    """Every box of an MP4 with the place of its content, depth first."""
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
    """MP4 headers that declare huge, zero or negative counts, sizes, durations and offsets."""
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
    """Boxes, EBML elements and RIFF chunks that say they are longer or shorter than they are."""
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
    """Frame rates, time scales and time stamps that no clock shows."""
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
    """Pictures of up to 65,535 x 65,535, declared by the codec, by the container, or by both."""
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
    # Nothing is wrong with this one but its size.
    large = [np.zeros((2400, 4096, 3), np.uint8)]
    yield write_video(
        shop.folder / "honest_4096x2400.mkv", large, codec="mjpeg", pixel_format="yuvj420p"
    )


def make_disguised(shop: Workshop) -> Iterator[Path]:
    """Other kinds of files under a video's name."""
    plain = {
        "empty": b"", "byte": b"\0", "text": b"not a video\n" * 100, "json": b'{"frames": 9}',
        "html": b"<html><video src='x.mp4'></video></html>", "pdf": b"%PDF-1.7\n" + bytes(500),
        "zip": b"PK\3\4" + bytes(500), "gzip": b"\x1f\x8b\x08" + bytes(500),
        "elf": b"\x7fELF\2\1\1" + bytes(500), "script": b"#!/bin/sh\necho no\n",
        "bmp": b"BM" + bytes(500), "wasm": b"\0asm\1\0\0\0", "sqlite": b"SQLite format 3\0",
        "srt": b"1\n00:00:01,000 --> 00:00:02,000\nHi\n", "vtt": b"WEBVTT\n\n00:01.0 --> 00:02.0\n",
        "ass": b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Start, End, Text\n",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        "y4m": b"YUV4MPEG2 W64 H64 F25:1 Ip A1:1\nFRAME\n" + bytes(6144),
        "metadata": b";FFMETADATA1\ntitle=x\n", "only_ftyp": b"\0\0\0\x10ftypisom\0\0\0\0",
        "lyrics": b"[00:01.00]la\n", "noise": shop.random.randbytes(5000), "zeros": bytes(5000),
        "ones": b"\xff" * 5000, "ebml_only": b"\x1a\x45\xdf\xa3" + bytes(100),
        "riff_only": b"RIFF\xff\xff\xff\xffAVI LIST", "ogg_only": b"OggS" + bytes(100),
        "flv_only": b"FLV\1\5\0\0\0\x09", "asf_only": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    }  # fmt: skip
    for name, data in plain.items():
        yield shop.write(f"{name}.mp4", data)
    for codec, extension, pixel_format in [
        ("gif", "gif", "rgb8"), ("apng", "apng", "rgb24"), ("libx264", "h264", "yuv420p"),
    ]:  # fmt: skip
        path = shop.folder / f"plain.{extension}"
        write_numbered(path, 3, codec=codec, pixel_format=pixel_format)
        yield path.rename(shop.folder / f"{extension}.mp4")
    song = write_video(
        shop.folder / "song.wav", [], sound=np.zeros(4800, np.float32), sound_codec="pcm_s16le"
    )
    yield song.rename(shop.folder / "song.mp4")


def make_pointers(shop: Workshop) -> Iterator[Path]:
    """Playlists, scripts and reference movies that lead to a file, a device or a server."""
    for number, target in enumerate([str(shop.victim), "/etc/passwd", "/dev/zero", shop.url]):
        texts = {
            "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
            "key.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-KEY:METHOD=AES-128,"
            f'URI="{target}"\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n',
            "concat.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nconcat:{target}|"
            f"{target}\n#EXT-X-ENDLIST\n",
            "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
            "mpd": "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'"
            " mediaPresentationDuration='PT9S'><Period><AdaptationSet mimeType='video/mp4'>"
            f"<Representation id='0' bandwidth='9'><BaseURL>{target}</BaseURL></Representation>"
            "</AdaptationSet></Period></MPD>",
            "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns={target}\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            "asx": f"<asx version='3.0'><entry><ref href='{target}'/></entry></asx>",
            "ism": f"<SmoothStreamingMedia><StreamIndex Url='{target}'/></SmoothStreamingMedia>",
            "pls": f"[playlist]\nFile1={target}\n",
            "rt": f"rtsptextRTSP://{target}\n",
            "asf_ref": f"[Reference]\nRef1={target}\n",
            "avs": f'FFVideoSource("{target}")\n',
        }
        for extension, text in texts.items():
            yield shop.write(f"pointer_{number}.{extension}", text.encode())
        yield shop.write(f"reference_{number}.mov", _reference_movie(target))
        yield shop.write(
            f"dref_{number}.mov", _outside_media(shop.sources["mjpeg_pcm.mov"], target)
        )


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _reference_movie(target: str) -> bytes:
    """A QuickTime movie that is nothing but a link."""
    link = target.encode() + b"\0"
    reference = _box(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(link)), link)
    return _box(b"moov", _box(b"rmra", _box(b"rmda", reference)))


def _outside_media(movie: bytes, target: str) -> bytes:
    """A movie with its index, whose media lie in another file by its own word."""
    place = movie.index(b"dref") - 4
    size = struct.unpack_from(">I", movie, place)[0]
    link = _box(b"url ", struct.pack(">I", 0), target.encode() + b"\0")
    padding = max(size - 16 - len(link), 0)
    changed = _box(b"dref", struct.pack(">II", 0, 1), link, bytes(padding))[:size]
    media = movie.index(b"mdat") + 4
    length = struct.unpack_from(">I", movie, media - 8)[0] - 8
    blank = bytearray(movie)
    blank[media : media + length] = bytes(length)
    blank[place : place + len(changed)] = changed
    return bytes(blank)


def make_links(shop: Workshop) -> Iterator[Path]:
    """Names that lead to what is no video file at all."""
    targets = {
        "passwd": "/etc/passwd", "null": "/dev/null", "zero": "/dev/zero", "random": "/dev/urandom",
        "full": "/dev/full", "terminal": "/dev/tty", "memory": "/proc/self/mem", "maps":
        "/proc/self/maps", "environment": "/proc/self/environ", "stdin": "/dev/stdin", "top": "/",
        "nowhere": "does/not/exist", "loop": "link_loop.mp4", "proc": "/proc/self/fd/0",
    }  # fmt: skip
    for name, target in targets.items():
        link = shop.folder / f"link_{name}.mp4"
        link.symlink_to(target)
        yield link
    pipe = shop.folder / "pipe.mp4"
    os.mkfifo(pipe)
    yield pipe
    chain = shop.folder / "chain.mp4"
    chain.symlink_to(pipe.name)
    yield chain
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(shop.folder)  # the names of sockets are short
        try:
            server.bind("socket.mp4")
        finally:
            os.chdir(here)
    yield shop.folder / "socket.mp4"
    (shop.folder / "folder.mp4").mkdir()
    yield shop.folder / "folder.mp4"


MAKERS: dict[str, tuple[Callable[[Workshop], Iterator[Path]], int]] = {
    "truncated": (make_truncated, 120),
    "flipped": (make_flipped, 160),
    "overwritten": (make_overwritten, 64),
    "lying_boxes": (make_lying_boxes, 150),
    "lying_lengths": (make_lying_lengths, 39),
    "absurd_times": (make_absurd_times, 22),
    "huge_pictures": (make_huge_pictures, 22),
    "disguised": (make_disguised, 33),
    "pointers": (make_pointers, 56),
    "links": (make_links, 18),
}
"""Each kind with its maker and how many files it makes."""
