"""Statements of an application, generated from the catalog or recorded."""
