"""Tables as HTML: a fragment for other pages, and a page that stands alone."""

from __future__ import annotations

from typing import Final

from thb.evaluation.cells import MEAN
from thb.evaluation.tables import TITLES
from thb.reports.tables.shades import SHADES
from thb.reports.tables.table import GRADED, Entry, Line, Table, TableSet
from thb.runtime.text import plain, printable
from thb_dataset import html_page

_STYLE: Final = """
.thb-tables{container-type:inline-size;font-size:14px;line-height:1.4;
 font-variant-numeric:tabular-nums}
.thb-tables *{box-sizing:border-box}
.thb-tables figure{margin:0 0 2rem}
.thb-tables figcaption{font-weight:600;margin:0 0 .5rem}
.thb-tables .thb-scroll{overflow-x:auto;position:relative}
.thb-tables table{border-collapse:collapse;width:100%;border-top:2px solid;border-bottom:2px solid}
.thb-tables th,.thb-tables td{padding:.35rem .3rem;text-align:left;vertical-align:top;
 font-weight:400;border:0}
.thb-tables thead th{border-bottom:1px solid;font-weight:600;vertical-align:bottom;
 overflow-wrap:normal}
.thb-tables tbody tr+tr>*{border-top:1px solid rgb(128 128 128/.35)}
.thb-tables tbody th{font-weight:600;overflow-wrap:anywhere;min-width:6rem}
.thb-tables small{display:block;font-size:11.5px;font-weight:400;opacity:.75}
.thb-tables .thb-printed>*{background:rgb(128 128 128/.1)}
.thb-tables .thb-m{display:grid;grid-template-columns:2.9rem auto 1fr;column-gap:.25rem;
 font-size:12.5px;white-space:nowrap}
.thb-tables .thb-k,.thb-tables .thb-i,.thb-tables .thb-p{opacity:.75}
.thb-tables .thb-i{font-size:11px;align-self:center}
.thb-tables .thb-p{grid-column:1/-1;font-size:11.5px;padding-left:.6rem}
.thb-tables .thb-v{font-weight:400}
.thb-tables .thb-best{font-weight:800;text-decoration:underline;text-underline-offset:2px}
.thb-tables .thb-grade{grid-column:2/-1;justify-self:start;padding:0 .4rem;border-radius:3px;
 font-size:11.5px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.thb-tables .thb-notes{margin:0;padding:0 0 0 1.1rem;font-size:12.5px;max-width:52rem;
 overflow-wrap:anywhere}
.thb-tables .thb-notes li{margin:.15rem 0}
@container (max-width:76rem) and (min-width:60rem){
.thb-tables .thb-i{grid-column:2/-1}
}
@container (max-width:60rem){
.thb-tables thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.thb-tables table,.thb-tables tbody,.thb-tables tr,.thb-tables tbody th,
.thb-tables td{display:block}
.thb-tables tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr))}
.thb-tables tbody th{grid-column:1/-1;font-size:16px}
.thb-tables tbody tr+tr{border-top:2px solid}
.thb-tables tbody tr+tr>*{border-top:0}
.thb-tables td[data-column]::before{content:attr(data-column);font-weight:600;display:block;
 border-top:1px solid rgb(128 128 128/.35);padding-top:.25rem}
.thb-tables td[data-videos]::after{content:attr(data-videos);opacity:.75;font-size:11.5px}
}
@media print{.thb-tables tr{break-inside:avoid}}
"""


def write_fragment(tables: TableSet) -> str:
    """Return tables and notes as one ``<section>`` for another page, with a style of its own.

    Every rule of the style begins with ``.thb-tables``, the class of the section. Letters and
    background are those of the page around it, light or dark, and nothing is loaded from
    elsewhere. Where the section is narrow, each detector is a card instead of a row.
    """
    shades = "\n".join(
        f".thb-tables .thb-{word}{{background:{back};color:{letters}}}"
        for word, (back, letters) in SHADES.items()
    )
    notes = "\n".join(f"<li>{plain(note)}</li>" for note in tables.notes)
    return "\n".join(
        [
            '<section class="thb-tables">',
            f"<style>{_STYLE}{shades}\n</style>",
            *map(_draw_table, tables.tables),
            f'<ul class="thb-notes">\n{notes}\n</ul>' if notes else "",
            "</section>",
            "",
        ]
    )


def write_page(tables: TableSet) -> str:
    """Return the tables as a page that stands alone."""
    labels = ", ".join(dict.fromkeys(f"{t.label} ({t.protocol.upper()})" for t in tables.tables))
    return html_page.write_page(
        printable(f"TalkingHeadBench: {labels}"),
        write_fragment(tables),
        style="body { max-width: 90rem }\n",
    )


def _draw_table(table: Table) -> str:
    heading = f"{table.label}: {table.title}"
    names = [
        plain(name).replace("AniPortrait", "AniPortrait<wbr>") + _small(table.counts.get(name, ""))
        for name in table.columns
    ]
    columns = "".join(f'<th role="columnheader" scope="col">{name}</th>' for name in names)
    rows = "\n".join(_draw_line(table, line) for line in table.lines)
    return (
        f"<figure>\n<figcaption>{plain(heading)}</figcaption>\n"
        f'<div class="thb-scroll" tabindex="0" role="region" aria-label="{plain(heading)}">\n'
        # A narrow page lays the table out anew, and the roles keep it a table for screen readers.
        '<table role="table">\n<thead role="rowgroup"><tr role="row">'
        f'<th role="columnheader" scope="col">detector</th>{columns}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody>\n</table>\n</div>\n</figure>'
    )


def _small(text: str) -> str:
    return f"<small>{plain(text)}</small>" if text else ""


def _draw_line(table: Table, line: Line) -> str:
    kind = "" if line.kind == line.detector else line.kind
    below = ", ".join(text for text in (kind, line.fold) if text)
    cells = "".join(_draw_cell(table, line, column) for column in table.columns)
    mark = ' class="thb-printed"' if line.printed else ""
    name = plain(line.name) + _small(below)
    return f'<tr role="row"{mark}><th role="rowheader" scope="row">{name}</th>{cells}</tr>'


def _draw_cell(table: Table, line: Line, column: str) -> str:
    videos = line.videos.get(column)
    counts = videos.text if videos and column != MEAN else ""
    attributes = f' data-column="{plain(column)}"'
    if counts:
        attributes += f' data-videos="{plain(counts)}"'
    numbers = "".join(
        _draw_entry(metric, entry)
        for metric in table.metrics
        if (entry := line.find(column, metric)) is not None
    )
    return f'<td role="cell"{attributes}>{numbers or "–"}</td>'


def _draw_entry(metric: str, entry: Entry) -> str:
    number = entry.number
    best = " thb-best" if entry.best else ""
    tag = "b" if entry.best else "span"
    parts = [
        f'<span class="thb-k">{TITLES[metric]}</span>',
        f'<{tag} class="thb-v{best}">{number.value}</{tag}>',
        f'<span class="thb-i">{number.interval}</span>',
    ]
    if metric == GRADED and entry.grade:
        parts.append(f'<span class="thb-grade thb-{entry.grade}">{entry.grade}</span>')
    if entry.published is not None:
        difference = f" ({entry.difference_text})" if entry.difference_text else ""
        parts.append(f'<span class="thb-p">paper {entry.published_text}{difference}</span>')
    return f'<div class="thb-m" data-metric="{metric}">{" ".join(parts)}</div>'
