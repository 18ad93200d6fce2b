"""Statements of an application, made and recorded."""
