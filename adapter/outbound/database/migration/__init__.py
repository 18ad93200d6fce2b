"""The ports of the context `migration` on Alembic and Postgres."""
