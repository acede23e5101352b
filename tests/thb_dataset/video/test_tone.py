"""HDR is shown as SDR: the curves of the standards, and every way of coding the same colour."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.reader import FramePolicy, VideoReader
from thb_dataset.video.tone import code_pq, compress, convert_picture, show_hlg, show_pq

HLG, PQ, SDR = 18, 16, 1
MATRICES = {9: (0.2627, 0.0593), 1: (0.2126, 0.0722)}
COLOURS = [(0, 0, 0), (60, 60, 60), (120, 70, 50), (40, 110, 30), (30, 40, 120)]
"""SDR colours that are dark enough to be left alone by the compression."""

RGB_TO_XYZ = {
    1: [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041]],
    9: [[0.6369580, 0.1446169, 0.1688810], [0.2627002, 0.6779981, 0.0593017],
        [0.0, 0.0280727, 1.0609851]],
}  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def test_the_curves_go_through_the_points_of_the_standards() -> None:
    """BT.2408: the white of a page, 203 cd/m2, is 75 % of HLG and 58 % of PQ."""
    assert show_hlg(np.array([0.0, 0.75, 1.0])) == pytest.approx([0, 203, 1000], abs=0.5)
    assert show_pq(np.array([0.0, 0.5081, 0.5807, 1.0])) == pytest.approx(
        [0, 100, 203, 10_000], rel=2e-3
    )
    light = np.array([0.01, 1.0, 100.0, 4000.0])
    assert show_pq(code_pq(light)) == pytest.approx(light, rel=1e-9)


def test_compression_leaves_the_dark_alone_and_ends_at_white() -> None:
    light = np.linspace(0.1, 1000, 500)
    shown = compress(light)
    assert (np.diff(shown) > 0).all()
    assert shown[-1] == pytest.approx(100)
    dark = light[light < 30]
    assert compress(dark) == pytest.approx(dark, rel=0.01)
    assert compress(np.array([4000.0])) == pytest.approx([100])


def test_grey_stays_grey_and_sdr_stays_itself() -> None:
    ramp = np.arange(0, 65_536, 257, dtype=np.uint16)
    grey = np.repeat(ramp[None, :, None], 3, axis=2)
    for transfer in ("hlg", "pq"):
        shown = convert_picture(grey, transfer, wide=True)
        assert np.abs(shown - shown.mean(axis=2, keepdims=True)).max() <= 1
        assert (np.diff(shown[0, :, 0].astype(int)) >= 0).all()
    assert np.abs(convert_picture(grey, "sdr", wide=True) - ramp[None, :, None] / 257).max() <= 1


def code(colour: tuple[int, ...], transfer: int, primaries: int) -> npt.NDArray[np.float64]:
    """Code the light of an SDR colour on a display of 100 cd/m2 as another RGB signal, 0 to 1."""
    light = 100 * (np.array(colour) / 255) ** 2.4
    to_own = np.linalg.inv(RGB_TO_XYZ[primaries]) @ RGB_TO_XYZ[1]
    light = np.maximum(to_own @ light, 0)
    if transfer == PQ:
        return np.asarray(code_pq(light))
    if transfer == SDR:
        return np.asarray((light / 100) ** (1 / 2.4))
    scene = (light / 1000) ** (1 / 1.2)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


def write_colours(path: Path, transfer: int, primaries: int, matrix: int, color_range: int) -> None:
    """Write one frame of 10-bit stripes that show ``COLOURS``."""
    kr, kb = MATRICES[matrix]
    planes = np.zeros((3, 64, 16 * len(COLOURS)))
    for place, colour in enumerate(COLOURS):
        red, green, blue = code(colour, transfer, primaries)
        luma = kr * red + (1 - kr - kb) * green + kb * blue
        chroma = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
        full = color_range == 2
        values = [luma * (1023 if full else 876) + (0 if full else 64)]
        values += [value * (1023 if full else 896) + 512 for value in chroma]
        planes[:, :, 16 * place : 16 * place + 16] = np.array(values)[:, None, None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = planes.shape[2], 64, "yuv444p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, color_range
        context.color_trc, context.color_primaries = transfer, primaries
        frame = av.VideoFrame(planes.shape[2], 64, "yuv444p10le")
        for plane, wanted in zip(frame.planes, planes, strict=True):
            rows = np.zeros((64, plane.line_size // 2), np.uint16)
            rows[:, : wanted.shape[1]] = np.rint(wanted)
            plane.update(rows.tobytes())
        frame.colorspace, frame.color_range = matrix, color_range
        frame.color_trc, frame.color_primaries = transfer, primaries
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("transfer", "primaries", "matrix", "color_range"),
    list(product((HLG, PQ, SDR), (9, 1), (9, 1), (1, 2))),
)
def test_one_colour_looks_the_same_however_it_is_coded(
    transfer: int,
    primaries: int,
    matrix: int,
    color_range: int,
    tmp_path: Path,
    reader: VideoReader,
) -> None:
    path = tmp_path / "colours.mkv"
    write_colours(path, transfer, primaries, matrix, color_range)
    frames = reader.read_frames(path, FramePolicy(frames=1))
    shown = frames.pixels[0, 32, 8::16].astype(int)
    assert np.abs(shown - np.array(COLOURS)).max() <= 4, shown.tolist()
    said = " ".join(frames.warnings)
    assert ("tone-mapped" in said) == (transfer != SDR)
    assert ("its score may differ from that of an SDR copy" in said) == (transfer != SDR)
    assert bool(said) == (transfer != SDR or primaries == 9)


def test_hdr_in_a_matrix_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, reader: VideoReader
) -> None:
    path = tmp_path / "colours.mkv"
    write_colours(path, PQ, 9, 9, 1)
    data = path.read_bytes()
    matrix = b"\x55\xb1\x81\x09"  # Matroska's MatrixCoefficients
    assert data.count(matrix) == 1
    path.write_bytes(data.replace(matrix, b"\x55\xb1\x81\x0e"))
    with pytest.raises(VideoDecodeError, match=r"HDR \(PQ\) in a colour matrix .*14.*to SDR"):
        reader.read_frames(path, FramePolicy(frames=1))


def test_a_real_clip_in_hlg_looks_like_its_sdr_twin(test_data: Path, reader: VideoReader) -> None:
    files = test_data / "found" / "files"
    if not files.is_dir():
        pytest.skip("needs found/files")
    policy = FramePolicy(frames=4)
    sdr = reader.read_frames(files / "hdr_pair_sdr.mp4", policy).pixels.astype(int)
    hlg = reader.read_frames(files / "hdr_pair_hlg.mp4", policy).pixels
    assert np.abs(sdr - hlg).mean() < 8
    dark = sdr.max(axis=-1) < 140
    assert np.abs(sdr - hlg)[dark].mean() < 4
