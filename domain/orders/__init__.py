"""The orders of users."""
