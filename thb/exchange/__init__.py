"""Scores of other software brought in, and predictions and results sent out in others' formats."""
