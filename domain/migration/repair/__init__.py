"""The downgrade that is missing, derived from two catalogs."""
