"""The demo in a real browser, as a visitor uses it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.demo_visits import LISTENER, TRAINED, Space, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from thb_dataset.mini.release import MiniRelease

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visit]

CHECKED = """() => {
  const facts = document.querySelector('#facts')
  return / pixels, with/.test(facts.innerText) || facts.querySelector('.thb-problem')
}"""
BEGUN = "() => !/^Done/.test(document.querySelector('#summary').innerText)"
DONE = "() => /^Done/.test(document.querySelector('#summary').innerText)"
PLAY = """() => {
  const video = document.querySelector('#overlay-0 video')
  video.muted = true
  void video.play()
}"""
HAS_PLAYED = "() => document.querySelector('#overlay-0 video').currentTime > 0.1"
PLAYED = """() => {
  const video = document.querySelector('#overlay-0 video')
  return {wide: video.videoWidth, error: video.error}
}"""
POLLING_MS = 100
"""Asked at every frame, which is the default, the page would draw without a pause."""
WIDTH = "() => document.documentElement.scrollWidth"
UNNAMED = """() => [...document.querySelectorAll('button, input, select, textarea')]
  .filter(one => one.getClientRects().length)
  .filter(one => !(one.innerText.trim() || one.getAttribute('aria-label') || one.title
    || (one.labels && one.labels.length) || one.getAttribute('aria-labelledby')))
  .map(control => control.outerHTML.slice(0, 200))"""

SCORE = "score"
REFUSED = "decode"
EXPECTED = {
    "truncated_moov_first.mp4": {SCORE},
    "truncated_moov_last.mp4": {REFUSED},
    "corrupt_middle.mp4": {SCORE, REFUSED},
    "zero_bytes.mp4": {REFUSED},
    "text_file.mp4": {REFUSED},
    "random_bytes.mp4": {REFUSED},
    "jpeg_renamed.mp4": {REFUSED, "too_short"},
    "no_face_colour_bars.mp4": {"no_face"},
    "black.mp4": {"no_face"},
    "frames_1.mp4": {"too_short"},
    "frames_3.mp4": {"too_short"},
    "frames_9.mp4": {SCORE},
    "rotated_pixels_no_matrix.mp4": {SCORE, "no_face"},
    "face_only_at_end.mp4": {"no_face"},
    "audio_only.mp4": {REFUSED},
    "tiny_24x24.mp4": {"no_face"},
    "no_extension": {SCORE, "not accepted"},
}
"""The possible answers to each file of the bad corpus; a file that is not here gets a score."""


def upload(page: Page, file: Path) -> None:
    page.set_input_files("#video input[type=file]", str(file))
    page.wait_for_function(CHECKED, polling=POLLING_MS)


def choose(page: Page, *, names: set[str], overlay: bool) -> None:
    for name in (TRAINED, LISTENER):
        page.get_by_label(name, exact=True).set_checked(name in names)
    page.locator("#with-overlay input").set_checked(overlay)


def judge(page: Page) -> None:
    page.click("#go")
    page.wait_for_function(BEGUN, polling=POLLING_MS)
    page.wait_for_function(DONE, polling=POLLING_MS)


def read_answer(page: Page, slot: int = 0) -> str:
    """Return ``score``, or the kind of problem that is shown."""
    answer = page.locator(f"#answer-{slot}")
    answer.locator(".thb-score, .thb-problem").first.wait_for()
    problem = answer.locator(".thb-problem")
    return str(problem.get_attribute("data-kind")) if problem.count() else SCORE


def check_result(page: Page, tmp_path: Path) -> dict[str, Any]:
    """Check everything that comes with a score; return the downloaded record."""
    assert read_answer(page) == SCORE
    shown = float(page.inner_text("#answer-0 .thb-score strong"))
    page.wait_for_selector("#timeline svg path", state="attached")
    assert page.locator("#timeline-table tbody tr").count() >= 2, "the curve as a table"
    page.wait_for_function(
        "() => (document.querySelector('#overlay-0 video') || {}).readyState >= 2",
        polling=POLLING_MS,
    )
    page.evaluate(PLAY)
    page.wait_for_function(HAS_PLAYED, polling=POLLING_MS)
    played = page.evaluate(PLAYED)
    assert played["error"] is None
    assert played["wide"] > 0
    assert page.locator("#track-0 img").count() >= 4
    assert page.evaluate("() => document.querySelector('#sheet-0 img').naturalWidth") > 0
    page.click("#card-0 button")
    page.wait_for_selector("#card-0 h4")
    card = page.inner_text("#card-0")
    assert "Known weaknesses" in card
    assert "synthetic" in card.lower()
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(tmp_path / "record.json")
    text = (tmp_path / "record.json").read_text("utf-8")
    assert "/tmp" not in text  # noqa: S108 - looked for, not used
    record: dict[str, Any] = json.loads(text)
    (judgement,) = record["judgements"]
    assert judgement["prediction"]["score"] == pytest.approx(shown, abs=5e-4)
    assert judgement["prediction"]["status"] == "ok"
    return record


def find_synthetic(release: MiniRelease) -> Path:
    return sorted((release.hub / "fake").rglob("*.mp4"))[0]


def test_a_synthetic_video_gets_all_that_is_promised(
    visit: Visitors, tiny_release: MiniRelease, tmp_path: Path, screenshots: Path
) -> None:
    page = visit().page
    assert page.evaluate("() => document.documentElement.lang") == "en"
    page.screenshot(path=screenshots / "desktop-start.png", full_page=True)
    upload(page, find_synthetic(tiny_release))
    choose(page, names={TRAINED}, overlay=True)
    judge(page)
    record = check_result(page, tmp_path)
    (judgement,) = record["judgements"]
    verdict, calibration = judgement["verdict"], judgement["calibration"]
    shown = page.inner_text("#answer-0")
    assert verdict["caveat"] in shown
    assert "trained on drawings" in verdict["caveat"]
    assert "trained on drawings" in page.inner_text("#banner").lower()
    if verdict["verdict"] == "none":
        assert "No verdict: " in shown
    else:
        called = judgement["prediction"]["score"] >= calibration["threshold"]
        assert verdict["verdict"] == ("called fake" if called else "not called fake")
        assert f"This video is {verdict['verdict']}." in shown
    if calibration is not None:
        page.click("#answer-0 summary")
        assert "too few to check" in page.inner_text("#answer-0"), "there are few real videos"
    page.screenshot(path=screenshots / "desktop-synthetic.png", full_page=True)


def test_a_real_video_and_two_detectors_side_by_side(
    visit: Visitors, test_data: Path, tmp_path: Path, screenshots: Path
) -> None:
    clips = sorted((test_data / "thb-sample" / "real_videos").rglob("*.mp4"))
    page = visit().page
    upload(page, clips[0])
    choose(page, names={TRAINED}, overlay=True)
    judge(page)
    check_result(page, tmp_path)
    upload_again(page, test_data / "bad" / "no_audio_track.mp4")
    choose(page, names={TRAINED, LISTENER}, overlay=True)
    judge(page)
    assert [read_answer(page, slot) for slot in (0, 1)] == [SCORE, "no_audio"]
    assert "takes" not in page.inner_text("#answer-1")
    boxes = [page.locator(f"#slot-{slot}").bounding_box() for slot in (0, 1)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=2), "side by side"
    page.screenshot(path=screenshots / "desktop-two-detectors.png", full_page=True)


def upload_again(page: Page, file: Path) -> None:
    """Remove the present video and upload another."""
    clear(page)
    upload(page, file)


def clear(page: Page) -> None:
    taken = page.locator("#video").get_by_label(re.compile("clear|remove", re.IGNORECASE))
    empty = page.locator("#facts").get_by_text("No video yet")
    waiting = 0
    for _ in range(600):
        if empty.count():
            return
        # Click rarely: each click is work, and a busy page that falls behind never catches up.
        waiting -= 1
        if waiting < 0 and taken.count():
            taken.first.dispatch_event("click")  # Gradio's spinner sometimes covers it
            waiting = 50
        page.wait_for_timeout(100)
    raise AssertionError("the video cannot be removed")


def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Visitors, screenshots: Path) -> None:
    page = visit(width=390, height=844).page
    assert page.evaluate(WIDTH) <= 390
    assert page.evaluate(UNNAMED) == [], "every control has a name for a screen reader"
    page.screenshot(path=screenshots / "phone-start.png", full_page=True)
    page.click("#go")
    page.locator(".toast-body").get_by_text("There is no video yet").wait_for()
    page.click("#example-1")
    page.wait_for_function(CHECKED, polling=POLLING_MS)
    judge(page)
    assert read_answer(page) == SCORE
    page.wait_for_selector("#timeline svg path", state="attached")
    assert page.evaluate(WIDTH) <= 390
    page.screenshot(path=screenshots / "phone-example.png", full_page=True)


@pytest.mark.timeout(600)
def test_every_bad_file_gets_its_message_or_its_score(
    visit: Visitors, test_data: Path, screenshots: Path
) -> None:
    page = visit().page
    choose(page, names={TRAINED}, overlay=False)
    found = {}
    for file in sorted((test_data / "bad").iterdir()):
        if not file.is_file() or file.suffix == ".md":
            continue
        found[file.name] = try_file(page, file)
        if found[file.name] == "not accepted":  # the message stays for a while
            page.reload()
            page.wait_for_selector("#video input[type=file]", state="attached")
            choose(page, names={TRAINED}, overlay=False)
        clear(page)
        if file.name == "no_face_colour_bars.mp4":
            page.screenshot(path=screenshots / "desktop-no-face.png", full_page=True)
    wrong = {name: kind for name, kind in found.items() if kind not in EXPECTED.get(name, {SCORE})}
    assert not wrong
    assert len(found) >= len(EXPECTED)
    assert "Traceback" not in page.content()


def try_file(page: Page, file: Path) -> str:
    """Return the answer to a file: ``score``, or the kind of a problem, which must have a hint."""
    page.set_input_files("#video input[type=file]", str(file))
    refused = page.get_by_text(re.compile("invalid file type", re.IGNORECASE))
    page.locator("#facts .thb-problem").or_(
        page.locator("#facts").get_by_text(" pixels, with")
    ).or_(refused).first.wait_for()
    if refused.count():
        assert "without an ending such as .mp4" in page.inner_text("#limits"), "Gradio has no hint"
        return "not accepted"
    problem = page.locator("#facts .thb-problem")
    if problem.count():
        assert "What you can do" in problem.inner_text()
        assert str(file.parent) not in problem.inner_text()
        return str(problem.get_attribute("data-kind"))
    judge(page)
    kind = read_answer(page)
    if kind != SCORE:
        assert "What you can do" in page.inner_text("#answer-0")
    return kind


def test_two_visitors_at_once(visit: Visitors, tiny_release: MiniRelease, space: Space) -> None:
    clips = sorted((tiny_release.hub / "fake").rglob("*.mp4"))[:2]
    pages = [visit().page for _ in clips]
    for page, clip in zip(pages, clips, strict=True):
        upload(page, clip)
        choose(page, names={TRAINED}, overlay=True)
    for page in pages:
        page.click("#go")
    for page, clip in zip(pages, clips, strict=True):
        page.wait_for_function(DONE, polling=POLLING_MS)
        assert read_answer(page) == SCORE
        page.wait_for_selector("#sheet-0 img")
        assert clip.name.partition("--")[0] in page.inner_text("#facts")
    wait_until_no_job_is_left(pages[0], space)


def test_a_reload_in_mid_work_starts_clean_and_leaves_nothing(
    visit: Visitors, tiny_release: MiniRelease, space: Space
) -> None:
    page = visit().page
    upload(page, find_synthetic(tiny_release))
    choose(page, names={TRAINED, LISTENER}, overlay=True)
    page.click("#go")
    page.wait_for_function("() => document.querySelector('#summary').innerText.length > 5")
    page.reload()
    page.wait_for_selector("#video input[type=file]", state="attached")
    assert not page.locator("#results").is_visible()
    assert "No video yet" in page.inner_text("#facts")
    upload(page, find_synthetic(tiny_release))
    choose(page, names={TRAINED}, overlay=False)
    judge(page)
    assert read_answer(page) == SCORE
    wait_until_no_job_is_left(page, space)


def wait_until_no_job_is_left(page: Page, space: Space) -> None:
    """Wait until every job's folder is removed, as it must be even if its visitor has left."""
    jobs = space.folder / "thb-space-jobs"
    for _ in range(200):
        if not any(jobs.iterdir()):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"left behind: {sorted(jobs.iterdir())}")
