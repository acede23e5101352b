"""Folders, terminal and machine that every command stands on."""
