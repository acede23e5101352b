"""Hostile files that are not videos: other files in disguise, or pointers to something else."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.support.video_files import write_numbered, write_video
from tests.support.workshop import Workshop


def make_disguised(shop: Workshop) -> Iterator[Path]:
    """Make files of other kinds that bear a video's name."""
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
    """Make playlists, scripts and reference movies that lead to a file, a device or a server."""
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
    """Return a QuickTime movie that consists of a link."""
    link = target.encode() + b"\0"
    reference = _box(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(link)), link)
    return _box(b"moov", _box(b"rmra", _box(b"rmda", reference)))


def _outside_media(movie: bytes, target: str) -> bytes:
    """Return a movie with its index, which says that its media lie in another file."""
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
    """Make links, pipes, sockets and folders that bear a video's name."""
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
