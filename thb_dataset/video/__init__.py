"""Frames and sound of one video, decoded in a child process."""
