"""Texts that were taken in, and the passages that they are found by."""
