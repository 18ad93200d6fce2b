"""Backups of a database before a deployment, written and restored by Postgres' own pg_dump and pg_restore."""
