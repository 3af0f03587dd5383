"""The REST API as Python functions."""
