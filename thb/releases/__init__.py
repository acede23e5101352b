"""Opening a release, downloading its files, reading it as tables and checking it for leaks."""
