"""The list of detectors says what is true of each, and where weights are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from detectors.catalogue import list_detectors
from detectors.listing import CONVERTIBLE, DETECTORS, is_hub_id
from detectors.published import PUBLISHED, find_by_name
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from tests.support.command_line import Run


def test_parity_is_the_largest_difference_of_the_table() -> None:
    text = (ROOT / "benchmarks" / "parity.md").read_text("utf-8")
    largest: dict[str, float] = {}
    for row in re.findall(r"^\| (\w+) \| .* \| ([\d.e+-]+) \| [\d.e+–-]+ \|$", text, re.M):
        largest[row[0]] = max(float(row[1]), largest.get(row[0], 0.0))
    told = {name: listing.parity for name, listing in DETECTORS.items() if listing.parity}
    assert told == largest


def test_every_detector_with_a_converter_says_where_weights_are() -> None:
    assert {one.detector for one in PUBLISHED} == set(CONVERTIBLE)
    for one in PUBLISHED:
        assert one.licence, one
        assert one.trained_on, one
        assert one.repo is None or is_hub_id(one.repo), one
        assert one.source.startswith(("https://", "nowhere")), one
    names = [name for name in DETECTORS if find_by_name(name) is not None]
    assert names == ["gend"]


def test_inputs_in_words() -> None:
    entries = {entry.name: entry for entry in list_detectors()}
    assert next(iter(entries)) == "gend", "what can be used at once comes first"
    assert entries["gend"].input == "32 frames, each alone, aligned face, 224 x 224"
    assert entries["tall"].input == "8 x 4 frames, face, 112 x 112"
    assert entries["lipfd"].input == "10 x 5 frames, whole frame, 500 x 500"
    assert [name for name, entry in entries.items() if entry.needs_audio] == ["lipfd"]
    for entry in entries.values():
        assert (ROOT / entry.card).is_file()


def test_the_command_says_how_to_get_each(run_thb: Run) -> None:
    shown = run_thb("detectors").out
    assert "thb predict yermandy/GenD_CLIP_L_14 VIDEO; " in shown
    assert "https://huggingface.co/yermandy/GenD_CLIP_L_14 (1,216 MB)" in shown
    assert "fetch them by hand, then: thb convert lipfd ckpt.pth --out lipfd-official" in shown
    assert "weights  your own: thb train baseline" in shown
    assert max(map(len, shown.splitlines())) <= 100
    record = json.loads(run_thb("detectors", "--format", "json").out)
    tall = next(each for each in record["detectors"] if each["name"] == "tall")
    assert tall["weights"][0]["by_name"] is False
    assert tall["weights"][0]["licence"] == "CC-BY-NC-4.0"
    assert tall["clip_spec"]["size"] == 112
