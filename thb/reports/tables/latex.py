"""Tables as LaTeX, for booktabs, with the five grades of the paper as colours of cells."""

from __future__ import annotations

import re
from typing import Final

from thb.evaluation.tables import TITLES
from thb.reports.tables.html import SHADES
from thb.reports.tables.table import GRADED, Entry, Line, Table, TableSet
from thb.runtime.text import printable

_ESCAPES: Final = {
    **{letter: f"\\{letter}" for letter in "{}$&#_%"},
    **{"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"},
    **{"–": "--", "−": "$-$", "±": r"$\pm$", "≥": r"$\ge$", "↑": r"$\uparrow$"},
    **{"↓": r"$\downarrow$", "†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}", "¶": r"\P{}"},
    **{"…": r"\ldots{}", "’": "'", "°": r"$^\circ$", "×": r"$\times$"},
}
_LATIN: Final = re.compile(r"[^\x20-\x7e\u00a1-\u017f]")
"""Letters that pdfTeX cannot set without a font for them."""
_HEAD: Final = r"""% Needs: \usepackage{booktabs,graphicx} \usepackage[table]{xcolor}
% The shade of a T1 is its grade; the caption of the first table says which is which.
"""


def write_latex(tables: TableSet) -> str:
    r"""Return the tables as ``table*`` environments, to be read by ``\input``.

    The notes stand as comments below, and as a list of sentences for a caption or an appendix.
    """
    colours = [
        f"\\definecolor{{thb{word}}}{{HTML}}{{{back[1:]}}}" for word, (back, _) in SHADES.items()
    ]
    notes = [f"% {escape_latex(note)}" for note in tables.notes]
    parts = [_draw_table(table) for table in tables.tables]
    return "\n".join([_HEAD + "\n".join(colours), *parts, "% Notes", *notes, ""])


def escape_latex(text: str) -> str:
    """Return a text that LaTeX sets as it is; letters that pdfTeX cannot set become ``?``."""
    spelt = "".join(_ESCAPES.get(letter, letter) for letter in printable(text))
    return _LATIN.sub("?", spelt)


def _draw_table(table: Table) -> str:
    extra = table.part == "extra"
    lead = ["detector", "fold", ""] if extra else ["detector", ""]
    heads = [
        *map(escape_latex, lead),
        *(_stack([name, *_split(table.counts.get(name, ""))]) for name in table.columns),
    ]
    rows = [" & ".join(heads) + r" \\", r"\midrule"]
    for at, line in enumerate(table.lines):
        if at:
            rows.append(r"\midrule")
        rows += _draw_line(table, line, with_fold=extra)
    label = f"{table.part}-{table.protocol}-{table.split_by}"
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering",
            f"\\caption{{{escape_latex(f'{table.label}: {table.title}.')}{_explain(table)}}}",
            f"\\label{{tab:thb-{label}}}",
            r"\resizebox{\textwidth}{!}{%",
            f"\\begin{{tabular}}{{{'l' * len(lead)}{'r' * len(table.columns)}}}",
            r"\toprule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}}",
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
    return f"\\shortstack[{align}]{{{first}{small}}}" if small else first


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
        return f"\\cellcolor{{thb{word}}}{ink}\\shortstack[r]{{{text}{small}}}"
    return f"\\shortstack[r]{{{text}{small}}}" if small else text
