"""Walls of the kernel around processes that run foreign code.

This package uses the standard library only and imports nothing of ours. The supervisor of an embedded server and the
launcher of a foreign project's process import it before anything else.
"""
