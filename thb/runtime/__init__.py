"""What every command stands on: cache folders, the terminal, the machine's description."""
