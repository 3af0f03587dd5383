"""Thin helpers around Twisted and eliot."""
