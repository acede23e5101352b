"""Draw one picture of an evaluated run: a fake, where the detector looked, scores, mean AUC.

    python scripts/draw_overview.py demo/baseline --out demo/overview.png

``make demo`` calls it. The picture of the README was drawn so, with another ``--out``:
``docs/pictures/overview.png``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a file, not by python -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from thb.reports.overview import draw_overview


def main() -> int:
    """Draw the picture and print its name."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("run", type=Path, help="a run folder that thb evaluate wrote, with P1")
    parser.add_argument("--out", type=Path, required=True, help="the PNG file")
    parser.add_argument("--release", default="mini", help="the release that it was evaluated on")
    parser.add_argument("--real-root", type=Path, help="the folder of the real videos")
    given = parser.parse_args()
    print(draw_overview(given.run, out=given.out, release=given.release, real_root=given.real_root))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
