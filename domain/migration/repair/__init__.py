"""Repair: the missing statements of a downgrade, derived from the expected and the actual schema."""
