"""Who is in a video, and who is in two splits."""
