"""Passages out of files, folders and standard input."""
