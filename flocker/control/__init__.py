"""Keeps what is wanted, hears what is, tells each agent its part."""
