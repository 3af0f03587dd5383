"""Composition: one file a process."""
