"""The leaderboard Space: the boards of detectors and of generators, from a results repo.

On the Hub it shows the repo that ``board.json`` names. On your own machine, from the repository::

    python spaces/leaderboard/app.py --results my-results

With ``--detector RUN`` it also examines the fakes of new generators.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "shared"))  # published, it lies beside

from board_app import build, parse
from thb_dataset.errors import THBError

if __name__ == "__main__":
    try:
        demo, launch = build(parse())
    except THBError as error:
        raise SystemExit(f"error: {error}") from None
    demo.launch(**launch)
