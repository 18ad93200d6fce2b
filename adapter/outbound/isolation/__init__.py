"""Walls around processes that run somebody else's code, made by the kernel.

Standard library only, and nothing of ours: the supervisor of an embedded server and the launcher of a foreign project's
process import this before anything else.
"""
