"""The zero-downtime forms of schema changes: expand, migrate and contract steps as code, one form a file."""
