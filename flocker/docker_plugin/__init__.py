"""Flocker's volumes for Docker: its volume plugin protocol, version 1."""
