"""Converges the storage of one node towards what is wanted there."""
