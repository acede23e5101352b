"""The page's fixed texts."""

from __future__ import annotations

from typing import Final

TITLE: Final = "TalkingHeadBench: the boards"
INTRODUCTION: Final = f"""# {TITLE}
Which detectors find fake talking heads, and which generators are hardest to detect. Every number
but the paper's is computed from submitted predictions, and anybody can compute it again. A rank is
an interval: «2 (1–4)» is second place, and the data leave the first to the fourth possible.
Detectors that share a letter cannot be separated."""
SUBMIT: Final = """## Submit a detector

1. Score every fold of a protocol:
   `thb evaluate RUN --protocol p3 --real-root DIR`. RUN is a folder that `thb train` wrote, or an
   id of a model repo.
2. Put the weights into a model repo on the Hub, for instance with `thb publish detector`.
3. See what would be sent. This writes it to a folder and sends nothing:
   `thb submit RUN --repo ORG/RESULTS --model ORG/MODEL --revision COMMIT --dry-run out`.
4. Check it as the maintainers' tests will:
   `thb board check out`.
5. Send it: `thb submit RUN --repo ORG/RESULTS --model ORG/MODEL`. This opens a pull request.

The predictions are the submission: one row for every test video, with the raw score. Every figure
is computed from them. When the pull request is merged, a maintainer runs `thb board build`, and the
detector is on this page. A maintainer may score some videos again with the same weights
(`thb board rerun`); if the scores agree, the tier is «re-run».

## Propose a generator

1. Make talking heads with it, from portraits and driving videos that you may use.
2. Look for shortcuts that give it away, and see what detectors catch:
   `thb shortcuts` and `thb detectability`.
3. Propose it: open a pull request on the results repo. The clips stay with you.

## Build these boards yourself

`thb board build ORG/RESULTS --out boards` downloads the predictions and computes both boards anew.
`python spaces/leaderboard/app.py --results DIR` shows them as this page does."""
AT_HOME: Final = """## Examine a generator on your own machine

`thb detectability my_videos --detector RUN --reals REALS` scores a folder of fakes with as many
detectors as you name. Its report says what share of them each detector catches, where the generator
would stand among known ones and how certain that is, which videos are the most and the least
detectable, where the detector looked, and what single features of the files give away. The videos
stay with you. RUN is a folder that `thb train` wrote, or the id of a model repo. REALS is a folder
of real videos, off which thresholds and shortcuts are read.

`thb submit --generator my_videos` then proposes the generator, with hashes in place of the videos.
"""
ANY: Final = "all"
MEAN: Final = "all: the mean"
PROTOCOLS: Final = {
    "p1": "P1: new identities",
    "p2": "P2: a new generator",
    "p3": "P3: both are new",
    "overall": "all protocols",
}
