"""The whole Postgres histories of published projects."""
