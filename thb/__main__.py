"""``python -m thb``, also under ``torchrun`` and ``accelerate launch -m thb``."""

import sys
from pathlib import Path

if sys.path and Path(sys.path[0] or ".").absolute() == Path.cwd():
    # Python searches the working folder first; :func:`thb.cli.main` has it searched last.
    del sys.path[0]

from thb.cli import main

if __name__ == "__main__":
    main()
