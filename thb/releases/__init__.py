"""A release opened, downloaded, read as tables and checked for leaks."""
