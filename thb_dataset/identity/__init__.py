"""The identity of the person in a video, and people who are in two splits."""
