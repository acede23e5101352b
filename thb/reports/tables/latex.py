"""Tables as LaTeX, for booktabs, with the five grades of the paper as colours of cells."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from thb.evaluation.tables import TITLES
from thb.reports.tables.shades import SHADES
from thb.reports.tables.table import GRADED, Entry, Line, Table, TableSet
from thb.runtime.text import printable

_ESCAPES: Final = {
    **{letter: f"\\{letter}" for letter in "{}$&#_%"},
    **{"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"},
    **{letter: f"{{{letter}}}" for letter in "[]*"},  # after a row's end they would be options
    **{"–": "--", "−": "$-$", "±": r"$\pm$", "≥": r"$\ge$", "↑": r"$\uparrow$"},
    **{
        "↓": r"$\downarrow$",
        "†": r"$\dagger$",
        "‡": r"$\ddagger$",
        "§": r"\S{}",
        "¶": r"\P{}",
        "‖": r"$\|$",
        "※": r"$\ast$",
        "◇": r"$\diamond$",
    },
    **{"…": r"\ldots{}", "’": "'", "°": r"$^\circ$", "×": r"$\times$"},
}
_UNSET: Final = re.compile("[^\x20-\x7e\xa1-\u017f]|[«»ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ]")
"""Letters that pdfTeX cannot set with its own fonts."""
_ROWS: Final = 100
"""Rows of text in a wide table, which is scaled down; more would not fit on a page."""
_FEW: Final = 4
"""Columns of a table that is not wide, and is set in its own size."""
_HEAD: Final = r"""% Needs: \usepackage{booktabs,graphicx} \usepackage[table]{xcolor}
% The shade of a T1 is its grade, by the paper's five words. Other shades: change the colours.
\providecommand{\thbpile}[2][r]{\begin{tabular}[t]{@{}#1@{}}#2\end{tabular}}
"""


def write_latex(tables: TableSet) -> str:
    r"""Return the tables as ``table*`` environments, to be read by ``\input``.

    The notes stand below them in small letters, a paragraph each.
    """
    colours = [
        f"\\definecolor{{thb{word}}}{{HTML}}{{{back[1:]}}}" for word, (back, _) in SHADES.items()
    ]
    notes = [rf"\noindent {escape_latex(note)}\par" for note in tables.notes]
    parts = [
        _draw_table(part, at)
        for at, part in enumerate((part for table in tables.tables for part in _cut(table)), 1)
    ]
    return "\n".join(
        [_HEAD + "\n".join(colours), *parts, r"\begingroup\footnotesize", *notes, r"\endgroup", ""]
    )


def escape_latex(text: str) -> str:
    """Return a text that LaTeX sets as it is; letters that pdfTeX cannot set become ``?``."""
    spelt = "".join(_ESCAPES.get(letter, letter) for letter in printable(text))
    return _UNSET.sub("?", spelt)


def _cut(table: Table) -> list[Table]:
    """Return a table in parts, each of which fits on a page."""
    most = _ROWS if len(table.columns) > _FEW else _ROWS // 2
    parts: list[list[Line]] = [[]]
    height = 0
    for line in table.lines:
        rows = _count_rows(line)
        if parts[-1] and height + rows > most:
            parts.append([])
            height = 0
        parts[-1].append(line)
        height += rows
    return [replace(table, lines=tuple(part)) for part in parts]


def _count_rows(line: Line) -> int:
    """Return how many rows of text a line has: each number, its interval, the paper's figure."""
    heights: dict[str, int] = {}
    for entries in line.entries.values():
        for metric, entry in entries.items():
            own = 1 + bool(entry.number.interval) + bool(entry.published_text)
            heights[metric] = max(own, heights.get(metric, 0))
    return sum(heights.values())


def _draw_table(table: Table, place: int) -> str:
    folded = table.folded
    lead = ["detector", "fold", ""] if folded else ["detector", ""]
    heads = [
        *map(escape_latex, lead),
        *(_stack([name, *_split(table.counts.get(name, ""))]) for name in table.columns),
    ]
    rows = [" & ".join(heads) + r" \\", r"\midrule"]
    for at, line in enumerate(table.lines):
        if at:
            rows.append(r"\midrule")
        rows += _draw_line(table, line, with_fold=folded)
    source = f", after {table.label} of TalkingHeadBench" if table.of_paper else ", a diagnostic"
    caption = f"{table.title}{source}."
    wide = len(table.columns) > _FEW
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\small",
            f"\\caption{{{escape_latex(caption[0].upper() + caption[1:])}{_explain(table)}}}",
            f"\\label{{tab:thb-{place}-{table.protocol}-{table.part}}}",
            *([r"\resizebox{\textwidth}{!}{%"] if wide else []),
            f"\\begin{{tabular}}{{{'l' * len(lead)}{'r' * len(table.columns)}}}",
            r"\toprule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}" + ("}" if wide else ""),
            r"\end{table*}",
        ]
    )


def _explain(table: Table) -> str:
    """Return the key of the colours, if there are any."""
    if not table.graded:
        return ""
    key = ", ".join(_shade(word, word) for word in SHADES)
    return f" Shades of T1: {key}."


def _shade(word: str, text: str) -> str:
    return f"\\colorbox{{thb{word}}}{{{_ink(word, text)}}}"


def _ink(word: str, text: str) -> str:
    return f"\\textcolor{{white}}{{{text}}}" if SHADES[word][1] == "#FFFFFF" else text


def _split(counts: str) -> list[str]:
    return counts.split(", ") if counts else []


def _stack(lines: list[str], align: str = "r") -> str:
    """Return lines one below the other; those after the first are small."""
    first, *others = (escape_latex(line) for line in lines if line)
    small = "".join(rf"\\{{\scriptsize {line}}}" for line in others)
    return f"\\thbpile[{align}]{{{first}{small}}}" if small else first


def _draw_line(table: Table, line: Line, *, with_fold: bool) -> list[str]:
    kind = "" if line.kind == line.detector else line.kind
    rows = []
    for at, metric in enumerate(table.metrics):
        names = [_stack([line.name, kind], "l"), *([escape_latex(line.fold)] if with_fold else [])]
        lead = names if at == 0 else [""] * len(names)
        cells = [_draw_entry(metric, line.find(column, metric)) for column in table.columns]
        rows.append(" & ".join([*lead, escape_latex(TITLES[metric]), *cells]) + r" \\")
    return rows


def _draw_entry(metric: str, entry: Entry | None) -> str:
    if entry is None:
        return "--"
    number = entry.number
    beside = entry.published_text and f"paper {entry.published_text}"
    if entry.difference_text:
        beside += f" ({entry.difference_text})"
    value = escape_latex(number.value)
    small = "".join(
        rf"\\{{\scriptsize {escape_latex(text)}}}" for text in (number.interval, beside) if text
    )
    text = f"\\textbf{{{value}}}" if entry.best else value
    word = entry.grade if metric == GRADED else None
    if word:
        colour = SHADES[word][1] == "#FFFFFF"
        ink = r"\color{white}" if colour else ""
        return f"\\cellcolor{{thb{word}}}{ink}{_pile(text, small)}"
    return _pile(text, small)


def _pile(text: str, small: str) -> str:
    return f"\\thbpile{{{text}{small}}}" if small else text
