"""Write the leak report as one HTML page with the faces of every pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.html_page import embed_picture, write_page
from thb_dataset.identity.leakage import LeakReport, Pair, PairVerdict

MAX_ROWS: Final = 200
JPEG_QUALITY: Final = 85

MEANINGS: Final = {
    PairVerdict.LEAK: "possibly the same person under different names",
    PairVerdict.REVIEW: "somewhat alike: look at both",
    PairVerdict.NAMED: "the same portrait or source by name",
    PairVerdict.DRIVER: "a fake and its own driver",
}
"""What each verdict means, in words. A cosine alone never proves that two people are one."""

_STYLE: Final = """\
.pairs { display: grid; gap: 1rem; padding: 0; list-style: none;
grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)) }
.pair { border: 1px solid #bbb; border-radius: .5rem; padding: .8rem }
.pair p { margin: 0 0 .5rem }
.faces { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; font-size: .85rem }
.faces img { width: 112px; display: block }
.leak b { color: #a40000 }
@media (prefers-color-scheme: dark) { .leak b { color: #ff9c8f } }
"""

_BODY: Final = """\
<h1>Leak check</h1>
<p>A detector must not be tested on a person whom it was trained on. This page shows the pairs of
videos in different splits whose faces are alike, as <code>thb leak-check</code> found them. The
cosine says how alike two faces are to the face pack, from -1 to 1. Different people can reach a
high cosine, and drawn faces do so more often: look at the pictures before you call it a leak.</p>
{folds}"""

_FOLD: Final = """<h2>{name}</h2>
<ul>
{summary}
</ul>
<ul class="pairs">
{rows}
</ul>
{rest}
"""

_ROW: Final = (
    '<li class="pair {verdict}"><p><b>{meaning}</b><br>cosine {similarity:.3f} '
    "(middle frames {middle:.3f}); by name: {relation}</p>"
    '<div class="faces">{a}{b}</div></li>'
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
    return write_page("Leak check", _BODY.format(folds="\n".join(folds)), style=_STYLE)


def _write_fold(
    name: str, report: LeakReport, picture_of: Callable[[str], npt.NDArray[np.uint8] | None]
) -> str:
    shown = report.pairs[:MAX_ROWS]
    total = sum(report.counts.values())
    rest = f"<p>{total - len(shown)} more pairs are in the JSON report.</p>"
    return _FOLD.format(
        name=escape(name),
        summary="\n".join(f"<li>{escape(sentence)}</li>" for sentence in summarise(report)),
        rows="\n".join(_write_row(pair, picture_of) for pair in shown),
        rest=rest if total > len(shown) else "",
    )


def summarise(report: LeakReport) -> list[str]:
    """Return sentences that say what was compared and what was found."""
    videos = ", ".join(f"{count} {split}" for split, count in report.videos.items())
    sentences = [
        f"{report.compared} pairs of videos in different splits ({videos}) were compared by the "
        f"face pack {report.pack.get('name')} ({report.measure} embedding). Two faces count as one "
        f"person from a cosine of {report.threshold:.2f}.",
        *(
            f"{report.counts[verdict]} pairs: {meaning}"
            + (f" (from {report.review_from:.2f})." if verdict is PairVerdict.REVIEW else ".")
            for verdict, meaning in MEANINGS.items()
        ),
        f"{len(report.groups)} people are in several splits, by face or by name.",
    ]
    if report.several:
        sentences.append(f"{report.several} videos were compared by several faces.")
    if report.unread:
        sentences.append(f"{len(report.unread)} videos could not be compared.")
    if report.unrelated:
        sentences.append(
            f"{report.flagged_share:.4%} of the {report.unrelated} pairs with different names "
            "were flagged as one person."
        )
    return sentences


def _write_row(pair: Pair, picture_of: Callable[[str], npt.NDArray[np.uint8] | None]) -> str:
    sides = [
        f"<figure>{_write_picture(picture_of(name), name)}"
        f"<figcaption>{escape(name)}<br>{escape(split)}"
        + ("<br>another face of this video, not the one pictured" if face else "")
        + "</figcaption></figure>"
        for name, split, face in zip((pair.a, pair.b), pair.splits, pair.faces, strict=True)
    ]
    return _ROW.format(
        verdict=pair.verdict.value,
        meaning=escape(MEANINGS[pair.verdict]),
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
    return embed_picture(jpeg.tobytes(), "jpeg", alt=f"face in {name}")
