"""``python -m thb``, also under ``torchrun`` and ``accelerate launch -m thb``."""

from thb.cli import main

if __name__ == "__main__":
    main()
