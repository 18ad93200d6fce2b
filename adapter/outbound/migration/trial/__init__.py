"""Experiments with one revision: traced, undone, repeated, killed."""
