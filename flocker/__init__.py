"""Flocker: containers and their data, moving together between hosts."""

__version__ = "2.0.0.dev0"
