"""What `migrate` does beyond Alembic: the use cases of the context `migration`, and the ports they ask for."""
