"""Volumes as sparse files on a directory the nodes share."""
