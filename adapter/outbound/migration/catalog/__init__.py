"""What a database has: its schema and its rows, as plain values."""
