"""Attacks on a results repo: each is found, named, and quoted without doing what it wants."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.support.command_line import Run
from tests.support.made_submissions import (
    FOLD,
    REVISION,
    edit,
    edit_rows,
    edit_training,
    make_rows,
    make_run,
    sign,
    submit_to,
    with_logit,
)
from thb.boards.checking import check_submissions
from thb.boards.findings import FindingKind, SubmissionsCheck
from thb.boards.submissions import RERUN_FILE, SUBMISSION_FILE, result_name
from thb.boards.trees import LARGEST_FILE
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import ScoredDetector
from thb.runs.record import RECORD_FILE, ReleaseRecord
from thb_dataset.errors import ResultError

KIND = FindingKind
Rows = list[Prediction]
ROWS_FILE = f"p1/{PREDICTIONS_FILE}"
RESULT = result_name("p1")
RECORD_NAME = f"p1/{RECORD_FILE}"


@dataclass(frozen=True)
class Attack:
    """What a cheat or a vandal does to the folder of a submission.

    Attributes:
        name: What it is called.
        kind: The kind of finding that it must give.
        says: A part of the message.
        do: Does it.
    """

    name: str
    kind: FindingKind
    says: str
    do: Callable[[Path], object]


def write_rows(change: Callable[[Rows], Rows]) -> Callable[[Path], None]:
    """Change the rows and leave the numbers as they are."""

    def do(folder: Path) -> None:
        made = make_rows()
        rows = tuple(change(list(made.rows)))
        detector = replace(made.run.detector, name="someone/detector")
        changed = Predictions(rows=rows, run=replace(made.run, detector=detector))
        write_predictions(folder / ROWS_FILE, changed)
        sign(folder)

    return do


def rows(change: Callable[[Rows], Rows], **run: Any) -> Callable[[Path], object]:
    return lambda folder: edit_rows(folder, change, **run)


def first(**values: Any) -> Callable[[Rows], Rows]:
    return lambda given: [replace(given[0], **values), *given[1:]]


def record(**values: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / SUBMISSION_FILE, lambda found: found.update(values))


def named(name: str) -> Callable[[Path], None]:
    """Give the detector a name, everywhere."""

    def do(folder: Path) -> None:
        edit(folder / SUBMISSION_FILE, lambda found: found.update(name=name))
        edit(folder / RESULT, lambda found: found.update(name=name))
        sign(folder)

    return do


def result(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        edit(folder / RESULT, change)
        sign(folder)

    return do


def raise_auc(found: dict[str, Any]) -> None:
    found["cells"][0]["measures"]["auc"]["value"] = 0.999


def raise_mean(found: dict[str, Any]) -> None:
    found["mean"]["t1"]["value"] = 1.0


def add(name: str, data: bytes = b"x") -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    return do


def link(name: str, target: str) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return do


def parquet(**columns: Any) -> Callable[[Path], None]:
    """Write the rows file with other columns: each is given the table and returns an array."""

    def do(folder: Path) -> None:
        import pyarrow.parquet as pq

        table = pq.ParquetFile(folder / ROWS_FILE).read()
        for name, make in columns.items():
            at = table.column_names.index(name) if name in table.column_names else None
            array = make(table)
            if at is None:
                table = table.append_column(name, array)
            else:
                table = table.set_column(at, table.schema.field(at), array)
        pq.write_table(table, folder / ROWS_FILE, compression="zstd")
        sign(folder)

    return do


def repeat_rows(folder: Path) -> None:
    """Twenty thousand rows and one more, in a small file."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(folder / ROWS_FILE).read().slice(0, 1)
    pq.write_table(table.take([0] * 20_001), folder / ROWS_FILE)
    sign(folder)


def repeat_text(folder: Path) -> None:
    """Ten thousand times the same megabyte, which is ten gigabytes, in a few kilobytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(folder / ROWS_FILE).read().slice(0, 1).take([0] * 10_000)
    at = table.column_names.index("reason")
    indices = pa.array([0] * 10_000, pa.int32())
    same = pa.DictionaryArray.from_arrays(indices, pa.array(["A" * 2**20]))
    small = table.set_column(at, pa.field("reason", same.type), same)
    # Without Arrow's own schema the column is read as the strings that it says.
    writer = pq.ParquetWriter(
        folder / ROWS_FILE, small.schema, compression="zstd", store_schema=False
    )
    with writer:
        writer.write_table(small)
    assert (folder / ROWS_FILE).stat().st_size < LARGEST_FILE
    sign(folder)


def long_list(table: Any) -> Any:
    import pyarrow as pa

    many = [[0.5] * 3_000_000, *[[] for _ in range(table.num_rows - 1)]]
    return pa.array(many, pa.list_(pa.float64()))


def other_folder(name: str) -> Callable[[Path], object]:
    return lambda folder: folder.rename(folder.with_name(name))


def detector(**values: Any) -> dict[str, Any]:
    known = {"name": "someone/detector", "model_type": "baseline", "weights_sha256": "d" * 64}
    return {"detector": ScoredDetector(**(known | values))}


def claim_p3(folder: Path) -> None:
    edit(folder / SUBMISSION_FILE, lambda found: found.update(protocols=["p1", "p3"]))


def nest(folder: Path) -> None:
    deep = '{"a":' * 100 + "1" + "}" * 100
    text = (folder / RESULT).read_text("utf-8")
    (folder / RESULT).write_text(text.replace("{", '{"deep": ' + deep + ",", 1), "utf-8")
    sign(folder)


def say_twice(folder: Path) -> None:
    """Write a key twice, of which readers take different ones."""
    text = (folder / RESULT).read_text("utf-8")
    (folder / RESULT).write_text(text.replace("{", '{"protocol": "p3",', 1), "utf-8")
    sign(folder)


def add_fold(folder: Path) -> None:
    """A fold that nobody asks for, with a bomb in it."""
    repeat_text(folder)
    (folder / "p1-more").mkdir()
    (folder / ROWS_FILE).rename(folder / "p1-more" / PREDICTIONS_FILE)
    write_rows(same)(folder)


def add_result(folder: Path) -> None:
    """Numbers without predictions, of a protocol that is not named."""
    (folder / result_name("p3")).write_bytes((folder / RESULT).read_bytes())
    sign(folder)


def same(given: Rows) -> Rows:
    return given


ATTACKS = [
    # figures
    Attack("a figure is raised", KIND.FIGURES, "0.999 is recorded", result(raise_auc)),
    Attack("the mean is raised", KIND.FIGURES, "mean.t1.value: 1.0", result(raise_mean)),
    Attack(
        "a figure is raised and not signed",
        KIND.DIGEST,
        "its sha256 is another",
        lambda folder: edit(folder / RESULT, raise_auc),
    ),
    Attack(
        "other rules",
        KIND.FIGURES,
        "not computed as every number",
        result(lambda found: found["settings"].update(no_face="as_real")),
    ),
    Attack(
        "endless resampling",
        KIND.FIGURES,
        "not computed as every number",
        result(lambda found: found["settings"].update(n_bootstrap=10**8)),
    ),
    Attack(
        "a version that is compared less",
        KIND.FIGURES,
        "not computed as every number",
        result(lambda found: found.update(schema_version=1)),
    ),
    Attack("a key twice", KIND.FIGURES, "canonical JSON", say_twice),
    Attack("a deep record", KIND.NAME, "nested too deeply", nest),
    Attack("no numbers", KIND.FIGURES, "is missing", lambda folder: (folder / RESULT).unlink()),
    Attack(
        "numbers that are no JSON", KIND.RECORD, "does not hold a result", add(RESULT, b"\xff{")
    ),
    # rows
    Attack("a row is missing", KIND.FIGURES, "n_real", write_rows(lambda given: given[1:])),
    Attack("a row is doubled", KIND.ROWS, "have several rows", write_rows(lambda g: [*g, g[0]])),
    Attack(
        "a row of no release",
        KIND.ROWS,
        "an id that no release gives",
        rows(first(video_id="../../etc/passwd")),
    ),
    Attack(
        "an id that is a formula",
        KIND.ROWS,
        "an id that no release gives",
        rows(first(video_id='=HYPERLINK("http://x")')),
    ),
    Attack(
        "a score without its logits", KIND.ROWS, "not what their logits", rows(first(score=0.0))
    ),
    Attack(
        "no logits at all",
        KIND.ROWS,
        "not what their logits",
        rows(lambda given: [replace(row, clip_logits=(), clips=0) for row in given]),
    ),
    Attack("a label is turned", KIND.ROWS, "neither a fake", rows(first(label=0))),
    Attack(
        "a generator of the author's own",
        KIND.ROWS,
        "does not test",
        rows(lambda g: [*g[:-1], replace(g[-1], generator="Mine")]),
    ),
    Attack(
        "an easy extra fake in the test",
        KIND.ROWS,
        "does not test",
        rows(lambda g: [replace(row, split="test") if row.split == "extra" else row for row in g]),
    ),
    Attack(
        "a reason with an escape",
        KIND.ROWS,
        "dangerous to show",
        rows(first(status=Status.ERROR, score=None, clip_logits=(), reason="\x1b]0;owned\x07")),
    ),
    Attack(
        "a warning with markup",
        KIND.ROWS,
        "dangerous to show",
        rows(first(warnings=("<img src=x onerror=alert(1)>",))),
    ),
    Attack(
        "a portrait that is a path",
        KIND.ROWS,
        "portrait or driver",
        rows(first(portrait="../../x")),
    ),
    # files that grow when they are read
    Attack("too many rows", KIND.SIZE, "20,001 rows", repeat_rows),
    Attack("a bomb of text", KIND.SIZE, "", repeat_text),
    Attack("a bomb of a list", KIND.SIZE, "values", parquet(clip_logits=long_list)),
    Attack(
        "a column more",
        KIND.SIZE,
        "other columns",
        parquet(evil=lambda table: table.column("video_id")),
    ),
    Attack("no Parquet", KIND.SIZE, "no Parquet file", add(ROWS_FILE)),
    Attack(
        "a large file",
        KIND.SIZE,
        "10 MiB",
        lambda folder: os.truncate(folder / RECORD_NAME, LARGEST_FILE + 1),
    ),
    # paths
    Attack("a link to a file", KIND.PATH, "is a link", link(RESULT, "/etc/passwd")),
    Attack("a link to a folder", KIND.PATH, "is a link", link("p2-hallo", "../../../..")),
    Attack("a program", KIND.PATH, "no file of a submission", add("setup.py")),
    Attack("a hidden file", KIND.PATH, "no file of a submission", add(".env")),
    Attack("a folder more", KIND.PATH, "no file of a submission", add("p1/x/run.json")),
    Attack("weights", KIND.PATH, "no file of a submission", add("p1/model.safetensors")),
    Attack("a name with markup", KIND.PATH, "no file", add("<img src=x>.json")),
    Attack("a name with an escape", KIND.PATH, "no file", add("\x1b[31mred.json")),
    Attack("a name that is code", KIND.PATH, "no file", add("``` @all [x](http://x).json")),
    Attack("a pipe", KIND.PATH, "neither a file", lambda folder: os.mkfifo(folder / "p1" / "x")),
    Attack("a branch for a commit", KIND.PATH, "40 hex digits", other_folder("main")),
    Attack("a short commit", KIND.PATH, "40 hex digits", other_folder(REVISION[:12])),
    # the record
    Attack("another revision", KIND.RECORD, "belongs into", record(revision="0" * 40)),
    Attack("another model", KIND.RECORD, "belongs into", record(model="other/detector")),
    Attack("a path for a model", KIND.RECORD, "not the name of a model", record(model="../x")),
    Attack(
        "no record", KIND.RECORD, "is missing", lambda folder: (folder / SUBMISSION_FILE).unlink()
    ),
    Attack("a damaged record", KIND.RECORD, "is not a", add(SUBMISSION_FILE, b"{")),
    Attack("no protocol", KIND.RECORD, "names no protocol", record(protocols=[])),
    Attack("folds are left out", KIND.FOLD, "every fold must be there", claim_p3),
    Attack("a fold that no protocol has", KIND.FOLD, "belongs to no protocol", add_fold),
    Attack("numbers without predictions", KIND.FOLD, "belongs to no protocol", add_result),
    Attack("a file that is not listed", KIND.DIGEST, "is not listed", add("p2-hallo/run.json")),
    Attack(
        "a hidden text",
        KIND.NAME,
        "a sign of markup",
        record(hidden={"note": "<script>alert(1)</script>"}),
    ),
    # names
    Attack("markup", KIND.NAME, "U+003C", named("<script>alert(1)</script>")),
    Attack("a link", KIND.NAME, "U+005B", named("[free](https://evil.example)")),
    Attack("a bare link", KIND.NAME, "link", named("www.evil.example")),
    Attack("a person", KIND.NAME, "U+0040", named("@everyone")),
    Attack("a formula", KIND.NAME, "U+003D", named('=HYPERLINK("http://evil.example")')),
    Attack("a formula that begins with -", KIND.NAME, "begin with", named("-1+1")),
    Attack("an escape", KIND.NAME, "U+001B", named("\x1b[2Jgone")),
    Attack("letters turned around", KIND.NAME, "U+202E", named("\u202ereal")),
    Attack("letters that look like others", KIND.NAME, "look like others", named("\uff21UC")),
    Attack("a table's bar", KIND.NAME, "U+007C", named("a | 1.000")),
    Attack("a long name", KIND.NAME, "1 to 80", named("a" * 81)),
    Attack("a script for a link", KIND.NAME, "https", record(links={"paper": "javascript:x"})),
    Attack("a link out of its place", KIND.NAME, "https", record(links={"code": "https://x/)[y"})),
    Attack("an unknown link", KIND.NAME, "paper and code", record(links={"buy": "https://x.org"})),
    Attack(
        "training data that are a formula",
        KIND.NAME,
        "formula",
        rows(same, **detector(training_data="=cmd|'/c calc'!A0")),
    ),
    Attack(
        "versions that are markup",
        KIND.NAME,
        "markup",
        result(lambda found: found["versions"].update(numpy="<b>1</b>")),
    ),
    # what may not stand on a board
    Attack(
        "another training",
        KIND.ADMISSION,
        "(‡)",
        rows(same, trained_on=replace(FOLD, protocol="p3", fold="p3-hallo", held_out="Hallo")),
    ),
    Attack("random weights", KIND.ADMISSION, "random", rows(same, **detector(untrained=True))),
    Attack(
        "a synthetic training",
        KIND.ADMISSION,
        "synthetic",
        rows(same, **detector(trained_on_synthetic=True)),
    ),
    Attack(
        "a synthetic release",
        KIND.ADMISSION,
        "synthetic",
        rows(same, release=ReleaseRecord(name="mini", revision="e" * 64, synthetic=True)),
    ),
    Attack(
        "another release",
        KIND.ADMISSION,
        "--other-release",
        rows(same, release=ReleaseRecord(name="x", revision="e" * 64, counts_agree=False)),
    ),
    Attack(
        "other splits",
        KIND.ADMISSION,
        "by driver",
        rows(same, split_by="driver", trained_on=replace(FOLD, split_by="driver")),
    ),
    Attack(
        "the scores of another detector",
        KIND.RECORD,
        "names the detector",
        rows(same, **detector(name="other/detector")),
    ),
    Attack(
        "a training of other weights",
        KIND.FOLD,
        "other weights",
        lambda folder: edit_training(folder, lambda run: replace(run, weights_sha256="e" * 64)),
    ),
    Attack(
        "a training on another fold",
        KIND.FOLD,
        "p3-hallo",
        lambda folder: edit_training(
            folder, lambda run: replace(run, protocol="p3", fold="p3-hallo", held_out="Hallo")
        ),
    ),
]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A results repo with one honest submission."""
    submit_to(tmp_path / "repo")
    return tmp_path / "repo"


def get_folder(repo: Path) -> Path:
    return repo / "results" / "someone__detector" / REVISION


def find_kinds(check: SubmissionsCheck, kind: FindingKind) -> str:
    return "\n".join(found.message for found in check.findings if found.kind is kind)


def test_an_honest_submission_passes(repo: Path) -> None:
    check = check_submissions(repo)
    assert check.findings == ()
    assert check.passed
    assert check.checked == (f"results/someone__detector/{REVISION}",)


def test_what_the_hubs_client_keeps_passes_and_nothing_hides_beside_it(repo: Path) -> None:
    own = ".cache/huggingface/download/results/x/result-p1.json"
    for name in (f"{own}.metadata", f"{own}.lock", ".cache/huggingface/.gitignore"):
        add(name)(repo)
    assert check_submissions(repo).findings == ()
    for name in (own, ".cache/x.json", "x/.cache/huggingface/download/y.metadata"):
        add(name)(repo)
    assert find_kinds(check_submissions(repo), FindingKind.PATH).count("\n") == 2


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_found_and_its_comment_renders_nothing_of_it(
    attack: Attack, repo: Path
) -> None:
    attack.do(get_folder(repo))
    check = check_submissions(repo)
    assert attack.says in find_kinds(check, attack.kind), check.findings
    assert not check.passed
    comment = check.to_markdown()
    assert "".join(comment.split("\n")).isprintable()
    assert json.loads(json.dumps(check.to_dict()))["passed"] is False
    assert find_rendered(comment) <= {"strong_open", "code_inline", "text", "strong_close"}


def find_rendered(comment: str) -> set[str]:
    """Return the kinds of what a renderer of Markdown makes inside the lines of a comment."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(comment)
    blocks = {token.type for token in tokens if not token.type.endswith(("_open", "_close"))}
    assert blocks == {"inline"}
    inner = [child for token in tokens for child in token.children or ()]
    said = [child.content for child in inner if child.type == "text"]
    assert not any("evil" in text or "@" in text or "\x1b" in text for text in said)
    return {child.type for child in inner} - {"softbreak"}


def test_the_oracle_of_comments_sees_markup() -> None:
    assert "link_open" in find_rendered("- [x](https://x.org)\n")
    assert "html_inline" in find_rendered("- a <b>x</b>\n")


def test_another_release_is_accepted_where_it_is_asked_for_and_noted(repo: Path) -> None:
    other = ReleaseRecord(name="x", revision="e" * 64, counts_agree=False)
    edit_rows(get_folder(repo), same, release=other, trained_on=replace(FOLD, release=other))
    edit_training(get_folder(repo), lambda run: replace(run, release=other))
    assert not check_submissions(repo).passed
    check = check_submissions(repo, other_release=True)
    assert check.findings == ()
    assert any("accepted and marked" in note for note in check.notes)


def test_what_was_merged_stays(repo: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for place in (repo, tree):
        (place / "README.md").parent.mkdir(exist_ok=True)
        (place / "README.md").write_text("rules")
    submit_to(tree, run=make_run(tmp_path / "a"))
    assert check_submissions(tree, base=repo).findings == ()
    assert check_submissions(tree, base=repo).checked == ()

    edit(get_folder(tree) / SUBMISSION_FILE, lambda found: found.update(name="Best"))
    (tree / "README.md").write_text("no rules")
    (tree / ".github" / "workflows").mkdir(parents=True)
    (tree / ".github" / "workflows" / "check.yml").write_text("evil")
    (get_folder(tree) / RECORD_NAME).unlink()
    (get_folder(tree) / RERUN_FILE).write_text("{}")
    check = check_submissions(tree, base=repo)
    assert {found.kind for found in check.findings} == {FindingKind.MERGED}
    changes = {found.place.rpartition("/")[2]: found.message for found in check.findings}
    assert changes.keys() == {SUBMISSION_FILE, "README.md", "check.yml", RECORD_FILE, RERUN_FILE}
    assert changes[RECORD_FILE].startswith("is deleted")
    assert changes[RERUN_FILE].startswith("is added to a submission that was merged")


def test_scores_are_submitted_once_and_on_the_same_videos(repo: Path, tmp_path: Path) -> None:
    def check_beside(rows: Predictions) -> SubmissionsCheck:
        tree = tmp_path / f"tree-{len(list(tmp_path.iterdir()))}"
        submit_to(tree, run=make_run(tree.with_name(f"{tree.name}-a")))
        run = make_run(tree.with_name(f"{tree.name}-b"), rows)
        submit_to(tree, model="thief/detector", run=run)
        return check_submissions(tree, base=repo)

    copied = check_beside(make_rows())
    assert "has exactly the scores of results/someone__detector" in find_kinds(
        copied, KIND.DUPLICATE
    )
    own = check_beside(make_rows(seed=1))
    assert own.findings == ()
    assert own.checked == (f"results/thief__detector/{REVISION}",)
    assert own.unchanged == 1
    made = make_rows(seed=1)
    fewer = check_beside(replace(made, rows=made.rows[1:]))
    assert "was tested on other videos than results/someone__detector" in find_kinds(
        fewer, KIND.ROWS
    )


def test_a_pull_request_brings_no_rerun(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (get_folder(repo) / RERUN_FILE).write_text("{}")
    check = check_submissions(repo, base=tmp_path / "empty")
    assert "written by maintainers" in find_kinds(check, KIND.RECORD)
    assert "is not a thb-rerun/1 record" in find_kinds(check_submissions(repo), KIND.RECORD)


def test_a_cheat_who_invents_logits_is_left_to_the_rerun(repo: Path) -> None:
    """Rows that agree with themselves pass: only the weights can tell that they are invented."""
    edit_rows(
        get_folder(repo),
        lambda given: [with_logit(row, 0.99 if row.label else 0.01) for row in given],
    )
    assert check_submissions(repo).passed


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="there is no folder"):
        check_submissions(tmp_path / "absent")
    empty = check_submissions(tmp_path)
    assert empty.summary == "0 submissions checked: nothing new, and nothing is wrong"
    (note,) = empty.notes
    assert "a folder of its own below results/" in note


def test_the_command_answers_by_its_exit_code(repo: Path, run_thb: Run, tmp_path: Path) -> None:
    fine = run_thb("board", "check", repo)
    assert (fine.code, fine.err) == (0, "")
    assert fine.out.startswith("### 1 submission checked: nothing is wrong\n")
    named("<b>x</b>")(get_folder(repo))
    wrong = run_thb("board", "check", repo, "--format", "json")
    assert wrong.code == 1
    assert {found["kind"] for found in json.loads(wrong.out)["findings"]} == {"name"}
    assert wrong.err.startswith("1 submission checked: ")
    absent = run_thb("board", "check", tmp_path / "absent")
    assert (absent.code, absent.out) == (3, "")
