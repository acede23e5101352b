"""Every format shows the same numbers, and no name can harm what reads it."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.support.scored_detectors import OTHER, make_p1, make_p3
from thb.evaluation.cells import MEAN
from thb.evaluation.tables import TITLES
from thb.reports.tables.building import build_tables
from thb.reports.tables.paper_tables import PaperTables, make_paper_tables

Shown = dict[tuple[str, str, str, str], str]
"""Value, interval, figure and difference as one text, by detector, fold, column and metric."""

METRICS = {title: metric for metric, title in TITLES.items()}
LETTERS = "".join(map(chr, range(0xA1, 0x180))) + "Ωж脸"
HOSTILE = '=1+1|<script>x</script>\\input{x}"&_%$#^~{}**b**\x1b[31m'


@pytest.fixture(scope="module")
def tables() -> PaperTables:
    """One protocol with a detector of the paper, one with test-only generators; all rows."""
    own = make_p1("mine", model_type="thb_tall", strength=0.96, seed=1)
    others = [make_p1("plain", strength=0.8, seed=2), make_p3("mine", strength=0.9, n=20)]
    return make_paper_tables(build_tables([own, *others], published=True))


@pytest.fixture(scope="module")
def hostile() -> PaperTables:
    named = [make_p1(name, n=10, release=OTHER) for name in (HOSTILE, "[thb_baseline]", LETTERS)]
    return make_paper_tables(build_tables(named))


def join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def read_value(tables: PaperTables) -> Shown:
    """Return what the neutral value says; each number is formatted here anew."""
    shown: Shown = {}
    for table in json.loads(tables.to_json())["tables"]:
        for line in table["lines"]:
            name = f"{line['detector']} (paper)" if line["printed"] else line["detector"]
            for cell in line["cells"]:
                for metric in METRICS.values():
                    if metric in cell:
                        fold = line["fold"]
                        key = (f"{table['protocol']} {name}", fold, cell["column"], metric)
                        shown[key] = write_cell(cell[metric], line["printed"], cell["column"])
    return shown


def write_cell(cell: dict[str, Any], printed: bool, column: str) -> str:
    few = 3 if column == MEAN else 2
    value = f"{cell['value']:.{few if printed else 3}f}" + "†" * cell["below_resolution"]
    interval = ""
    if cell["low"] is not None:
        ends = [f"{cell[end]:.2f}".removeprefix("0") for end in ("low", "high")]
        interval = f"[{ends[0]}–{ends[1]}]"
    published = "" if cell["published"] is None else f"{cell['published']:.{few}f}"
    difference = "" if cell["difference"] is None else f"{cell['difference']:+.{few}f}"
    if difference and not float(difference):
        difference = f"±{difference[1:]}"
    return join(value, interval, published, difference.replace("-", "−"))


def read_csv(tables: PaperTables) -> Shown:
    shown: Shown = {}
    for row in csv.DictReader(io.StringIO(tables.to_csv())):
        paper = row["source"] == "paper"
        name = f"{row['detector']} (paper)" if paper else row["detector"]
        fold = row["fold"] if row["part"] == "extra" else ""
        numbers = ("value", "low", "high", "published", "difference")
        cell: dict[str, Any] = {key: float(row[key]) if row[key] else None for key in numbers}
        cell["below_resolution"] = row["below_resolution"] == "true"
        key = (f"{row['protocol']} {name}", fold, row["generator"], row["metric"])
        assert key not in shown, "one row for each number"
        shown[key] = write_cell(cell, paper, row["generator"])
    return shown


def read_markdown(tables: PaperTables) -> Shown:
    shown: Shown = {}
    for part in tables.to_markdown().split("\n\n**"):
        protocol = "p1" if "P1 (" in part else "p3"
        lines = [line for line in part.splitlines() if line.startswith("|")]
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        lead = 3 if head[1] == "fold" else 2
        name = fold = ""
        for row in rows:
            name = row[0] or name
            fold = (row[1] if row[0] else fold) if lead == 3 else ""
            if row[lead - 1] not in METRICS:
                continue
            for column, cell in zip(head[lead:], row[lead:], strict=True):
                if cell != "–":
                    text = re.sub(r"\*\*|;|paper |[()]", "", cell)
                    shown[f"{protocol} {name}", fold, column, METRICS[row[lead - 1]]] = text
    return shown


class _Page(HTMLParser):
    """The numbers of a page, and whether its tags are closed in order."""

    void = ("meta", "br", "wbr")

    def __init__(self, protocols: tuple[str, ...] = ("P1", "P3")) -> None:
        super().__init__()
        self.shown: Shown = {}
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.protocol = self.name = self.column = self.metric = self.below = ""
        self.protocols = protocols
        self.classes = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag not in self.void:
            self.open.append(tag)
        self.classes = given.get("class") or ""
        if tag == "th" and given.get("scope") == "row":
            self.name = self.below = ""
            self.classes = "name"
        if tag == "small":
            self.classes = "below"
        if tag == "td":
            self.column = given["data-column"] or ""
        if tag == "div" and "data-metric" in given:
            self.metric = given["data-metric"] or ""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.classes = ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "figcaption":
            self.protocol = next(name for name in self.protocols if f"{name} (" in data).lower()
        if self.classes == "name":
            self.name += data
        if self.classes == "below":
            self.below = data
        fold = next((part for part in self.below.split(", ") if part.startswith("p3-")), "")
        key = (f"{self.protocol} {self.name}", fold, self.column, self.metric)
        if self.classes.split(" ")[0] in ("thb-v", "thb-i", "thb-p"):
            text = re.sub(r"paper |[()]", "", data)
            self.shown[key] = join(self.shown.get(key, ""), text)


def read_html(tables: PaperTables) -> Shown:
    page = _Page()
    page.feed(tables.to_html())
    assert page.open == []
    return page.shown


def read_latex(tables: PaperTables) -> Shown:
    shown: Shown = {}
    for part in tables.to_latex().split("\\begin{table*}")[1:]:
        protocol = "p1" if "P1 (" in part else "p3"
        body = part.partition("\\toprule")[2].partition("\\bottomrule")[0]
        rows = [row.split(" & ") for row in body.splitlines() if " & " in row]
        head, *rows = [[strip_latex(cell) for cell in row] for row in rows]
        columns = [cell.split(" ")[0] for cell in head]
        lead = 3 if head[1] == "fold" else 2
        name = fold = ""
        for row in rows:
            name = re.sub(r" thb_\w+$", "", row[0]) or name
            fold = (row[1] if row[0] else fold) if lead == 3 else ""
            key = f"{protocol} {name}", fold
            for column, cell in zip(columns[lead:], row[lead:], strict=True):
                if cell != "–":
                    numbers = re.sub(r"paper |[()]", "", cell)
                    shown[*key, column, METRICS[row[lead - 1]]] = numbers
    return shown


def strip_latex(cell: str) -> str:
    """Return the text that LaTeX would set, on one line."""
    text = re.sub(r"\\cellcolor\{\w+\}|\\color\{white\}|\\thbpile(\[.\])?", "", cell)
    text = re.sub(r"\\\\|\\scriptsize|\\textbf", " ", text)
    for spelt, letter in (
        *(
            ("{[}", "["),
            ("{]}", "]"),
            ("$\\dagger$", "†"),
            ("$\\pm$", "±"),
            ("$-$", "−"),
            ("--", "–"),
        ),
        *(("$\\uparrow$", "↑"), ("$\\downarrow$", "↓"), ("\\_", "_")),
    ):
        text = text.replace(spelt, letter)
    return " ".join(re.sub(r"[{}]", " ", text).split())


def test_every_format_has_the_same_numbers(tables: PaperTables) -> None:
    shown = read_value(tables)
    assert len(shown) > 7 * 4 * 7
    assert shown["p1 mine", "", "Hallo", "t1"].startswith("0.958 [.91–.99] 0.99 −0.03")
    assert shown["p1 TALL (paper)", "", MEAN, "t1"] == "0.988"
    assert shown["p3 DeepFake-Adapter (paper)", "", MEAN, "t1"] == "0.908"
    assert read_csv(tables) == shown
    assert read_markdown(tables) == shown
    assert read_html(tables) == shown
    assert read_latex(tables) == shown


@pytest.mark.parametrize("width", [80, 200])
def test_a_terminal_shows_every_number_and_cuts_none_off(tables: PaperTables, width: int) -> None:
    stream = io.StringIO()
    tables.print(Console(file=stream, width=width))
    text = stream.getvalue()
    drawn = text.partition("\n\n".join(tables.notes[:1]))[0]
    for line in drawn.splitlines():
        assert len(line.rstrip()) <= width or line.startswith("Table")
    words = re.sub(r"\*", "", drawn).split()
    have = {word: words.count(word) for word in set(words)}
    wanted: dict[str, int] = {}
    for cell in read_value(tables).values():
        for word in cell.split():
            wanted[word] = wanted.get(word, 0) + 1
    assert {word: have.get(word, 0) for word in wanted} == wanted


def test_the_best_number_stands_out_in_every_format(tables: PaperTables) -> None:
    assert "**0.958**" in tables.to_markdown()
    assert "\\textbf{0.958}" in tables.to_latex()
    assert '<b class="thb-v thb-best">0.958</b>' in tables.to_html()
    rows = list(csv.DictReader(io.StringIO(tables.to_csv())))
    best = [row for row in rows if row["best"] == "true"]
    assert {(row["detector"], row["metric"], row["protocol"]) for row in best} == {
        ("mine", "t1", "p1")
    }
    assert tables.to_markdown().count("**0.958**") == len(best) == 7


def test_grades_are_words_and_colours(tables: PaperTables) -> None:
    for word in ("excellent", "good", "reasonable", "fair", "poor"):
        assert f'<span class="thb-grade thb-{word}">{word}</span>' in tables.to_html()
        assert f"\\cellcolor{{thb{word}}}" in tables.to_latex()
        assert f"\\definecolor{{thb{word}}}{{HTML}}" in tables.to_latex()
        assert f"\\colorbox{{thb{word}}}" in tables.to_latex(), "the caption says which is which"
        assert f" {word} |" in tables.to_markdown()


def test_a_page_stands_alone_and_a_fragment_keeps_to_itself(tables: PaperTables) -> None:
    page = tables.to_html()
    assert tables.to_html_fragment() in page
    assert "viewport" in page
    assert not re.search(r"https?:|url\(|@import|<script|<link|src=\"", page)
    style = tables.to_html_fragment().partition("<style>")[2].partition("</style>")[0]
    rules = re.sub(r"@(?:media|container)[^{]*\{|\s+", " ", style)
    selectors = [
        one.strip() for rule in re.findall(r"([^{}]+)\{", rules) for one in rule.split(",")
    ]
    assert {selector for selector in selectors if not selector.startswith(".thb-tables")} == set()


def test_no_name_does_harm(hostile: PaperTables) -> None:
    page = _Page()
    page.feed(hostile.to_html())
    assert page.open == []
    assert "script" not in page.tags
    for row in csv.DictReader(io.StringIO(hostile.to_csv())):
        assert row["detector"].startswith(("'=", "[thb", "¡¢"))
        assert not any(re.match(r"[=+@]|-[^\d]", value) for value in row.values())
    rows = [line for line in hostile.to_markdown().splitlines() if "| AUC" in line]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {10}
    assert not re.search(r"(?<!\\)<", hostile.to_markdown())
    assert re.sub(r"\\textbackslash", "", hostile.to_latex()).count("\\input") == 0
    stream = io.StringIO()
    hostile.print(Console(file=stream, width=80))
    for text in (stream.getvalue(), hostile.to_latex(), hostile.to_csv(), hostile.to_markdown()):
        assert "\x1b" not in text


def test_latex_compiles(tables: PaperTables, hostile: PaperTables, tmp_path: Path) -> None:
    for at, written in enumerate((tables.to_latex(), hostile.to_latex())):
        (tmp_path / f"{at}.tex").write_text(written, encoding="utf-8")
        plain = re.sub(r"\\\\|\\[{}%$]|%.*", "", written)
        depth = 0
        for letter in plain:
            depth += {"{": 1, "}": -1}.get(letter, 0)
            assert depth >= 0
        assert depth == 0
        assert written.count("\\begin{") == written.count("\\end{")
        assert plain.count("$") % 2 == 0
    compiler = shutil.which("pdflatex")
    if compiler is None:  # the braces were counted, which is what can be checked without it
        return
    lines = ["\\documentclass[twocolumn]{article}", "\\usepackage{booktabs,graphicx}"]
    lines += ["\\usepackage[table]{xcolor}", "\\begin{document}", "\\input{0}", "\\input{1}"]
    (tmp_path / "paper.tex").write_text("\n".join([*lines, "\\end{document}"]))
    subprocess.run(
        [compiler, "-interaction=batchmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_every_format_is_a_file(tables: PaperTables, tmp_path: Path) -> None:
    files = tables.save(tmp_path / "out")
    assert [file.name for file in files] == [
        *("tables.md", "tables.tex", "tables.csv", "tables.html", "tables.json")
    ]
    assert files[0].read_text(encoding="utf-8") == tables.to_markdown()
    assert json.loads(files[4].read_text(encoding="utf-8")) == tables.to_dict()
