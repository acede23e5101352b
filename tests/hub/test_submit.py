"""Submissions: pull requests on the results repo and the model repo, each of them once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.hub_answers import Answer, RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.made_submissions import DETECTOR, FOLD, make_rows, make_run
from thb.boards.checking import check_submissions
from thb.exchange.eval_results import EVAL_RESULTS_FILE
from thb.prediction.predictions import Predictions
from thb.runs.record import ReleaseRecord

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

RESULTS = "board/results"
MODEL = "someone/detector"
PUBLISHED = ReleaseRecord(name="luchaoqi/TalkingHeadBench", revision="c" * 40, counts_agree=True)

DIES_AFTER_A_COMMIT = """
import os, signal, sys
from huggingface_hub import HfApi
send = HfApi.create_commit
def send_and_die(*arguments, **named):
    send(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
HfApi.create_commit = send_and_die
from thb.cli import main
main(sys.argv[1:])
"""


def make_published(folder: Path, *, seed: int = 0) -> Path:
    trained = replace(FOLD, release=PUBLISHED)
    rows = make_rows(seed=seed, release=PUBLISHED, trained_on=trained)
    return make_run(folder, rows, release=PUBLISHED)


@pytest.fixture
def run(tmp_path: Path, hub: LoopbackHub) -> Path:
    """A run on the published release; the results repo and the model repo are on the Hub."""
    made = make_published(tmp_path / "run")
    hub.create(RESULTS, {"README.md": b"how to submit"})
    hub.create(MODEL, {"p1/run.json": (made / "p1" / "run.json").read_bytes()})
    return made


def submit(run_client: RunClient, run: Path, *more: str) -> Answer:
    words = ["submit", str(run), "--repo", RESULTS, "--model", MODEL, "--format", "json"]
    return run_client("command", arguments=[*words, *more])


def read(answer: Answer) -> Any:
    assert answer.result == {"exit": 0}, answer.stderr
    return json.loads(answer.stdout)


def count_pulls(hub: LoopbackHub) -> tuple[int, int]:
    return len(hub.datasets[RESULTS].pulls), len(hub.datasets[MODEL].pulls)


def test_it_opens_a_pull_request_on_both_repos_and_says_before_what_it_sends(
    hub: LoopbackHub, run_client: RunClient, run: Path, tmp_path: Path
) -> None:
    answer = submit(run_client, run)
    sent = read(answer)
    commit = hub.datasets[MODEL].refs["main"]
    folder = f"results/someone__detector/{commit}"
    assert (sent["folder"], sent["revision"]) == (folder, commit)
    assert sent["results"]["pull_request"].endswith(f"/{RESULTS}/discussions/1")
    assert sent["entries"]["pull_request"].endswith(f"/{MODEL}/discussions/1")
    for path in sent["results"]["files"]:
        assert f"  {path}\n" in answer.stderr
    assert f"to the model repo {MODEL}, as a pull request: 1 files" in answer.stderr

    files = hub.files(RESULTS, "refs/pr/1")
    assert files.keys() == {"README.md", *sent["results"]["files"]}
    for path, data in files.items():
        target = tmp_path / "tree" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        assert b"/home/somebody" not in data
        assert str(tmp_path).encode() not in data
    assert check_submissions(tmp_path / "tree").findings == ()
    entries = yaml.safe_load(hub.files(MODEL, "refs/pr/1")[EVAL_RESULTS_FILE])
    assert entries[0]["dataset"]["id"] == PUBLISHED.name
    (result,) = [json.loads(data) for path, data in files.items() if path.endswith("-p1.json")]
    areas = [cell["measures"]["auc"]["value"] for cell in result["cells"] if cell["part"] == "test"]
    assert entries[0]["value"] == pytest.approx(sum(areas) / len(areas), abs=1e-6)


def test_again_it_sends_nothing_and_so_it_does_after_the_merge(
    hub: LoopbackHub, run_client: RunClient, run: Path
) -> None:
    first = read(submit(run_client, run))
    again = read(submit(run_client, run))
    assert (again["results"]["commit"], again["entries"]["commit"]) == (None, None)
    assert again["results"]["pull_request"] == first["results"]["pull_request"]
    assert count_pulls(hub) == (1, 1)
    revision = ["--revision", first["revision"]]
    for repo in (RESULTS, MODEL):
        hub.datasets[repo].merge(1)
        hub.datasets[repo].pulls.clear()
    merged = read(submit(run_client, run, *revision))
    assert (merged["results"]["commit"], merged["entries"]["commit"]) == (None, None)
    assert count_pulls(hub) == (0, 0)


def test_killed_between_the_two_it_opens_the_second_and_none_twice(
    hub: LoopbackHub, run_client: RunClient, run: Path, tmp_path: Path
) -> None:
    words = ["submit", str(run), "--repo", RESULTS, "--model", MODEL]
    killed = subprocess.run(
        [sys.executable, "-c", DIES_AFTER_A_COMMIT, *words],
        env=hub.environment(tmp_path / "home"),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert count_pulls(hub) == (1, 0)
    sent = read(submit(run_client, run))
    assert sent["results"]["commit"] is None
    assert sent["entries"]["commit"] is not None
    assert count_pulls(hub) == (1, 1)


def test_what_was_merged_stays_and_predictions_are_submitted_once(
    hub: LoopbackHub, run_client: RunClient, run: Path, tmp_path: Path
) -> None:
    commit = read(submit(run_client, run))["revision"]
    hub.datasets[RESULTS].merge(1)
    other = make_published(tmp_path / "other", seed=1)
    refused = submit(run_client, other, "--revision", commit)
    assert refused.result == {"exit": 3}
    assert "what was merged stays" in refused.stderr
    hub.change(MODEL, add={"README.md": b"new words, old weights"})
    refused = submit(run_client, run)
    assert refused.result == {"exit": 3}
    assert "holds the same p1/predictions.parquet already" in refused.stderr
    assert len(hub.datasets[RESULTS].pulls) == 1


def test_a_model_repo_with_other_weights_is_refused(
    hub: LoopbackHub, run_client: RunClient, run: Path
) -> None:
    record = json.loads((run / "p1" / "run.json").read_text())
    changed = json.dumps({**record, "weights_sha256": "e" * 64}).encode()
    hub.change(MODEL, add={"p1/run.json": changed})
    refused = submit(run_client, run)
    assert refused.result == {"exit": 3}
    assert "holds other weights than those that scored p1" in refused.stderr
    hub.change(MODEL, drop=["p1/run.json"])
    sent = read(submit(run_client, run))
    assert any("does not say which weights" in note for note in sent["notes"])


def test_a_dry_run_asks_no_hub_and_a_copy_of_the_repo_may_take_it(
    hub: LoopbackHub, run_client: RunClient, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "README.md").write_text("how to submit")
    words = ["--dry-run", str(tmp_path / "repo"), "--revision", "ab" * 20]
    sent = read(submit(run_client, run, *words))
    assert hub.requests == []
    assert sent["results"]["folder"] == str(tmp_path / "repo")
    assert (tmp_path / "repo-model-repo" / EVAL_RESULTS_FILE).is_file()
    assert check_submissions(tmp_path / "repo").checked == (sent["folder"],)
    again = submit(run_client, run, *words)
    assert again.result == {"exit": 3}
    assert "is there already" in again.stderr


def spoil_result(run: Path) -> None:
    (run / "result-p1.json").write_text("{}")


def spoil_rows(**values: Any) -> Callable[[Path], None]:
    def do(run: Path) -> None:
        made = make_rows(release=PUBLISHED, trained_on=replace(FOLD, release=PUBLISHED))
        make_run(run, Predictions(rows=made.rows, run=replace(made.run, **values)))

    return do


@pytest.mark.parametrize(
    ("spoil", "more", "code", "says"),
    [
        (lambda run: None, ["--repo", "results"], 2, "not the name of a repo"),
        (lambda run: None, ["--model", "detector"], 2, "must be ORG/NAME"),
        (lambda run: None, ["--revision", "main"], 2, "40 hex digits"),
        (lambda run: None, ["--name", "<b>best</b>"], 3, "U+003C"),
        (lambda run: None, ["--paper", "javascript:x"], 3, "https://"),
        (spoil_result, [], 3, "schema version"),
        (spoil_rows(detector=replace(DETECTOR, untrained=True)), [], 3, "random weights"),
        (spoil_rows(release=replace(PUBLISHED, counts_agree=False)), [], 3, "--other-release"),
    ],
    ids=["repo", "model", "revision", "name", "link", "result", "untrained", "release"],
)
def test_what_may_not_be_submitted_is_said_and_nothing_is_written(
    spoil: Callable[[Path], None],
    more: list[str],
    code: int,
    says: str,
    run_client: RunClient,
    run: Path,
    tmp_path: Path,
) -> None:
    spoil(run)
    words = ["--dry-run", str(tmp_path / "out"), "--revision", "ab" * 20, *more]
    refused = submit(run_client, run, *words)
    assert refused.result == {"exit": code}, refused.stderr
    assert says in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stdout == ""
    assert not (tmp_path / "out").exists()


def test_scores_without_a_model_are_refused(run_client: RunClient, run: Path) -> None:
    refused = run_client("command", arguments=["submit", str(run), "--repo", RESULTS])
    assert refused.result == {"exit": 2}
    assert "--model ORG/NAME" in refused.stderr


def test_a_rerun_takes_the_weights_of_the_submitted_commit(
    hub: LoopbackHub, run_client: RunClient, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    from detectors.registry import load_detector
    from thb.boards.rerun_records import read_rerun
    from thb.boards.submissions import make_submission
    from thb.evaluation.evaluate import EvaluateSettings, evaluate
    from thb.prediction.inference import PredictSettings

    config = {"clip": {"frames": 2, "size": 32}}
    load_detector("baseline", config=config, untrained=True).save_pretrained(tmp_path / "model")
    evaluate(
        tmp_path / "model",
        protocol="p1",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path / "run",
        settings=EvaluateSettings(n_bootstrap=0, scoring=PredictSettings(progress=False)),
    )
    commit = hub.create_from_folder(MODEL, tmp_path / "model")
    hub.change(MODEL, drop=["model.safetensors"])
    made = make_submission(tmp_path / "run", tmp_path / "repo", model=MODEL, revision=commit)
    where = ["--release", str(tiny_release.hub), "--real-root", str(tiny_release.real_root)]
    words = ["board", "rerun", str(made.folder), *where, "--n", "3", "-q"]
    answer = run_client("command", arguments=words)
    assert answer.result == {"exit": 0}, answer.stderr
    assert "scored again with the model repo" in answer.stdout
    assert read_rerun(made.folder).compared == 3
