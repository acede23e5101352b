"""Both backends on real faces, against each other and against the libraries they wrap."""

from __future__ import annotations

import sys
import warnings
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.errors import FacePackError
from thb_dataset.faces.embedded_finder import fit_inside, one_opencv_thread
from thb_dataset.faces.finder import Face, FaceFinder, load_face_finder
from thb_dataset.faces.packs import EMBEDDED_SHA256, find_embedded_weights
from thb_dataset.faces.values import DETECTION_SIDES, overlap

Picture = npt.NDArray[np.uint8]


def read_picture(path: Path) -> Picture:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)


def eye_distance(face: Face) -> float:
    return float(np.linalg.norm(face.points[0] - face.points[1]))


@pytest.fixture(params=["embedded", "insightface"])
def finder(request: pytest.FixtureRequest, embedded_finder: FaceFinder) -> FaceFinder:
    if request.param == "embedded":
        return embedded_finder
    wrapped: FaceFinder = request.getfixturevalue("insightface_finder")
    return wrapped


def test_the_portrait_has_one_face_with_points_in_order(
    finder: FaceFinder, portrait: Picture
) -> None:
    (face,) = finder.find(portrait)
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert face.embedding is None
    assert 0.5 < face.score <= 1


def test_one_pixel_order_is_right(embedded_finder: FaceFinder, test_data: Path) -> None:
    """Exchanging red and blue changes the embedding; OpenCV's own crop gives the same one."""
    picture = read_picture(test_data / "faces" / "id10_1.jpg")
    (face,) = embedded_finder.find(picture, embed=True)
    weights = find_embedded_weights()
    recogniser = cv2.FaceRecognizerSF.create(
        str(weights["face_recognition_sface_2021dec_int8bq.onnx"]), ""
    )
    row = np.concatenate([face.box[:2], face.box[2:] - face.box[:2], face.points.reshape(-1), [1]])
    crop = recogniser.alignCrop(np.ascontiguousarray(picture[..., ::-1]), row.astype(np.float32))
    vector = np.asarray(recogniser.feature(crop), np.float32).reshape(-1)
    assert face.embedding is not None
    assert vector @ face.embedding / np.linalg.norm(vector) > 0.9999


def test_backends_agree_on_photos(
    embedded_finder: FaceFinder, insightface_finder: FaceFinder, test_data: Path
) -> None:
    shared, apart, alike = [], [], []
    for path in sorted((test_data / "faces").glob("id*.jpg")):
        picture = read_picture(path)
        ours = embedded_finder.find(picture, embed=True)[0]
        theirs = insightface_finder.find(picture, embed=True)[0]
        shared.append(overlap(ours.box, theirs.box))
        apart.append(np.abs(ours.points - theirs.points).mean() / eye_distance(ours))
        assert ours.embedding is not None
        assert theirs.embedding is not None
        alike.append(float(ours.embedding @ theirs.embedding))
    assert len(shared) == 28
    assert np.mean(shared) > 0.95
    assert min(shared) > 0.8
    assert max(apart) < 0.06
    assert min(alike) > 0.9


def test_insightface_embedding_equals_its_own_get(
    insightface_finder: FaceFinder, insightface_pack: Path, portrait: Picture
) -> None:
    from insightface.app import FaceAnalysis

    analysis = FaceAnalysis(name=str(insightface_pack), providers=["CPUExecutionProvider"])
    analysis.prepare(ctx_id=-1, det_size=(320, 320))
    bgr = np.ascontiguousarray(portrait[..., ::-1])
    (ours,) = insightface_finder.find(portrait, embed=True)
    boxes = [analysis.det_model.detect(bgr, input_size=(s, s))[0][0, :4] for s in DETECTION_SIDES]
    np.testing.assert_allclose(ours.box, np.mean(boxes, axis=0), atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        (theirs,) = analysis.get(bgr)
    np.testing.assert_allclose(ours.points, theirs.kps, atol=1e-3)
    assert ours.embedding is not None
    assert float(ours.embedding @ theirs.normed_embedding) > 0.9999


def test_the_same_people_are_more_alike_than_others(finder: FaceFinder, test_data: Path) -> None:
    pictures = sorted((test_data / "faces").glob("id*.jpg"))
    vectors = []
    for path in pictures:
        embedding = finder.find(read_picture(path), embed=True)[0].embedding
        assert embedding is not None
        vectors.append(embedding)
    same: list[float] = []
    other: list[float] = []
    for (a, one), (b, two) in combinations(zip(pictures, vectors, strict=True), 2):
        (same if a.name[:4] == b.name[:4] else other).append(float(one @ two))
    assert len(same) == 21
    assert min(same) > max(other) + 0.1


def test_pictures_without_a_face(embedded_finder: FaceFinder, test_data: Path) -> None:
    for name in ("noface_1.jpg", "noface_2.jpg"):
        assert embedded_finder.find(read_picture(test_data / "faces" / name)) == []
    assert embedded_finder.find(np.zeros((240, 320, 3), np.uint8)) == []


def test_several_faces_largest_first(finder: FaceFinder, test_data: Path) -> None:
    faces = finder.find(read_picture(test_data / "faces" / "multi_6.jpg"))
    assert len(faces) == 6
    assert [face.side for face in faces] == sorted((face.side for face in faces), reverse=True)


def test_a_small_face_in_a_large_frame_is_found_at_the_second_size(
    embedded_finder: FaceFinder, portrait: Picture
) -> None:
    frame = np.full((1080, 1920, 3), 90, np.uint8)
    small = cv2.resize(portrait, (180, 180), interpolation=cv2.INTER_AREA)
    frame[300:480, 900:1080] = small
    (face,) = embedded_finder.find(frame)
    assert 32 < face.side < 60
    assert 900 < face.points[2, 0] < 1080


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 900), (900, 3), (24, 24), (2160, 3840)])
def test_any_shape_is_taken(finder: FaceFinder, height: int, width: int) -> None:
    assert finder.find(np.zeros((height, width, 3), np.uint8)) == []


def test_fit_inside_keeps_proportions() -> None:
    canvas, scale = fit_inside(np.full((1000, 500, 3), 7, np.uint8), 320)
    assert canvas.shape == (320, 320, 3)
    assert scale == pytest.approx(0.32)
    assert (canvas[:, :160] == 7).all()
    assert (canvas[:, 160:] == 0).all()


def test_the_host_keeps_its_opencv_threads(embedded_finder: FaceFinder, portrait: Picture) -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        embedded_finder.find(portrait, embed=True)
        assert cv2.getNumThreads() == 2
        with one_opencv_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 2
        with pytest.raises(AttributeError):
            embedded_finder.find(None)  # type: ignore[arg-type] # it fails inside
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)


def test_packs_never_share_an_id(
    embedded_finder: FaceFinder, insightface_finder: FaceFinder
) -> None:
    assert embedded_finder.pack.pack_id != insightface_finder.pack.pack_id
    assert embedded_finder.pack.to_dict()["sha256s"] == dict(EMBEDDED_SHA256)
    assert insightface_finder.pack.licence == embedded_finder.pack.licence
    assert insightface_finder.pack.embedding_dim == embedded_finder.pack.embedding_dim == 128


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dict.fromkeys(EMBEDDED_SHA256, "0" * 64)
    monkeypatch.setattr("thb_dataset.faces.packs.EMBEDDED_SHA256", wrong)
    with pytest.raises(FacePackError, match=r"expected 0000"):
        load_face_finder("embedded")


def test_a_pack_folder_is_checked_before_insightface_sees_it(tmp_path: Path) -> None:
    with pytest.raises(FacePackError, match="neither 'embedded', 'buffalo_l' nor a folder"):
        load_face_finder(tmp_path / "absent")
    with pytest.raises(FacePackError, match=r"holds no \.onnx"):
        load_face_finder(tmp_path)
    pytest.importorskip("insightface", reason="needs the extra 'insightface'")
    (tmp_path / "det.onnx").write_bytes(b"an interrupted download")
    with pytest.raises(FacePackError, match="cannot be loaded"):
        load_face_finder(tmp_path)


def test_a_recogniser_alone_is_no_pack(insightface_pack: Path, tmp_path: Path) -> None:
    name = "w112_sface.onnx"
    (tmp_path / name).write_bytes((insightface_pack / name).read_bytes())
    with pytest.raises(FacePackError, match="cannot be loaded"):
        load_face_finder(tmp_path)


def test_a_detector_alone_finds_but_cannot_embed(
    insightface_pack: Path, tmp_path: Path, portrait: Picture
) -> None:
    name = "det_yunet.onnx"
    (tmp_path / name).write_bytes((insightface_pack / name).read_bytes())
    finder = load_face_finder(tmp_path)
    (face,) = finder.find(portrait)
    assert finder.pack.embedding_dim == 0
    with pytest.raises(FacePackError, match="no recognition model"):
        finder.embed(portrait, face)


def test_an_unknown_provider_is_an_error_not_a_fallback(insightface_pack: Path) -> None:
    from thb_dataset.faces.insightface_finder import InsightFaceFinder

    with pytest.raises(FacePackError, match="CUDAExecutionProvider"):
        InsightFaceFinder(insightface_pack, name="x", provider="CUDAExecutionProvider")


@pytest.mark.parametrize(
    "note", ["[1]", "{", '{"same_person": 2.0}', '{"licence": 3}', '{"same_person": "0.4"}']
)
def test_a_pack_note_is_checked(insightface_pack: Path, tmp_path: Path, note: str) -> None:
    name = "det_yunet.onnx"
    (tmp_path / name).write_bytes((insightface_pack / name).read_bytes())
    (tmp_path / "thb_pack.json").write_text(note)
    with pytest.raises(FacePackError, match=r"thb_pack\.json"):
        load_face_finder(tmp_path)


def test_buffalo_l_is_never_fetched_without_consent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("THB_ACCEPT_INSIGHTFACE_LICENCE", raising=False)
    with pytest.raises(FacePackError, match="non-commercial research only"):
        load_face_finder("buffalo_l")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("said_by", ["argument", "environment"])
def test_a_failed_download_shows_the_licence_and_is_one_error(
    said_by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    utils = pytest.importorskip("insightface.utils")
    import requests

    def fail(*_: object, **__: object) -> None:
        sys.stdout.write("download_path: where it would be\n")
        raise requests.ConnectionError("no network here")

    monkeypatch.setattr(utils, "ensure_available", fail)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("THB_ACCEPT_INSIGHTFACE_LICENCE", "1" if said_by == "environment" else "0")
    with pytest.raises(FacePackError, match="could not be downloaded: no network here"):
        load_face_finder("buffalo_l", accept_licence=said_by == "argument")
    written = capsys.readouterr()
    assert "non-commercial research only" in written.err
    assert written.out == ""


def test_a_half_unpacked_buffalo_l_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".insightface" / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    (folder / "det_10g.onnx").write_bytes(b"half of it")
    with pytest.raises(FacePackError, match=r"remove .* to download it again"):
        load_face_finder("buffalo_l")
