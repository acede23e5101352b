"""Write the leak report as one HTML page with the faces of every pair."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.identity.leakage import LeakReport, Pair, PairVerdict

MAX_ROWS: Final = 200
JPEG_QUALITY: Final = 85

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Leak check</title>
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
color: #222; background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ padding: .4rem .6rem; border-bottom: 1px solid #ddd; text-align: left;
vertical-align: top }}
img {{ width: 112px; height: 112px; display: block }}
.leak {{ color: #a40000; font-weight: 600 }}
</style></head><body>
<h1>Leak check</h1>
{folds}
</body></html>
"""

_FOLD: Final = """<h2>{name}</h2>
<p>{summary}</p>
<table><thead><tr><th scope="col">Verdict</th><th scope="col">Cosine</th>
<th scope="col">First video</th><th scope="col">Second video</th><th scope="col">By name</th>
</tr></thead>
<tbody>
{rows}
</tbody></table>
{rest}
"""

_ROW: Final = (
    '<tr><td class="{verdict}">{verdict}</td><td>{similarity:.3f}<br>middle {middle:.3f}</td>'
    "<td>{a}</td><td>{b}</td><td>{relation}</td></tr>"
)


def write_leak_sheet(
    reports: Mapping[str, LeakReport],
    picture_of: Callable[[str], npt.NDArray[np.uint8] | None],
) -> str:
    """Write the page.

    Args:
        reports: The report of each fold, by the name of the fold.
        picture_of: Returns the face of a video, uint8 (H, W, 3) RGB; None if there is none.

    Returns:
        One self-contained page, which runs no script and fetches nothing; every name is escaped.
    """
    folds = [_write_fold(name, report, picture_of) for name, report in reports.items()]
    return _PAGE.format(folds="\n".join(folds))


def _write_fold(
    name: str, report: LeakReport, picture_of: Callable[[str], npt.NDArray[np.uint8] | None]
) -> str:
    shown = report.pairs[:MAX_ROWS]
    total = sum(report.counts.values())
    rest = f"<p>{total - len(shown)} more pairs are in the JSON report.</p>"
    return _FOLD.format(
        name=escape(name),
        summary=escape(summarise(report)),
        rows="\n".join(_write_row(pair, picture_of) for pair in shown),
        rest=rest if total > len(shown) else "",
    )


def summarise(report: LeakReport) -> str:
    """Return a few sentences that say what was compared and found."""
    videos = ", ".join(f"{count} {split}" for split, count in report.videos.items())
    counts = report.counts
    return (
        f"{report.compared} pairs of videos in different splits ({videos}) were compared by "
        f"{report.pack.get('name')} ({report.measure}), {report.several} videos by several faces. "
        f"Pairs found at a cosine of "
        f"{report.threshold:.2f}: {counts[PairVerdict.LEAK]} of one person under different names; "
        f"{counts[PairVerdict.REVIEW]} more, from {report.review_from:.2f} on, to look at; "
        f"{counts[PairVerdict.NAMED]} with the same portrait or source by name; "
        f"{counts[PairVerdict.DRIVER]} of a fake and its own driver. "
        f"People in several splits, by face or by name: {len(report.groups)}. "
        f"Videos that could not be compared: {len(report.unread)}. "
        f"Of {report.unrelated} pairs of different people by name, "
        f"{report.flagged_share:.4%} are flagged."
    )


def _write_row(pair: Pair, picture_of: Callable[[str], npt.NDArray[np.uint8] | None]) -> str:
    sides = [
        f"{_write_picture(picture_of(name), name)}{escape(name)}<br>{escape(split)}"
        + ("<br>another face of this video, not the one pictured" if face else "")
        for name, split, face in zip((pair.a, pair.b), pair.splits, pair.faces, strict=True)
    ]
    return _ROW.format(
        verdict=pair.verdict.value,
        similarity=pair.similarity,
        middle=pair.middle_similarity,
        a=sides[0],
        b=sides[1],
        relation=escape(pair.relation.value),
    )


def _write_picture(picture: npt.NDArray[np.uint8] | None, name: str) -> str:
    import cv2

    if picture is None:
        return ""
    bgr = np.ascontiguousarray(picture[..., ::-1])
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return f'<img alt="face in {escape(name)}" src="data:image/jpeg;base64,{data}">'
