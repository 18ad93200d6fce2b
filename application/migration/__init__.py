"""The use cases of `migrate` beyond Alembic, and their ports."""
