"""Deployments of a shop."""
