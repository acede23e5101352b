"""The leaderboard Space: the boards of detectors and of generators, from a results repo.

On the Hub it shows the repo that ``board.json`` names. On your own machine, from the repository::

    python spaces/leaderboard/app.py --results my-results
"""

from __future__ import annotations

from board_app import build, parse

if __name__ == "__main__":
    demo, launch = build(parse())
    demo.launch(**launch)
