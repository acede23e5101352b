"""Boards: submissions that anyone can recompute, checked, run again, and ranked."""
