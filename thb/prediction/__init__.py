"""Scores of video files, and the verdicts that follow from them."""
