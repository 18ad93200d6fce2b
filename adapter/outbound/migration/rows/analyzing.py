"""Analyzes the tables that were filled."""

from contextlib import suppress

import psycopg

from adapter.outbound.migration.rows.plan import Session


def analyze(session: Session) -> None:
    """Analyze the tables that have new rows, but for those that Postgres cannot analyze.

    Since 17 it does so without the search_path, and the function of an index may need that.
    """
    names = [
        table.analyzed for table in session.schema.tables.values() if session.added.get(table.name) and table.analyzed
    ]
    if not names:
        return
    with session.connection.transaction():
        # generated rows are regular, so a small sample is enough
        session.connection.execute("SET LOCAL default_statistics_target = 10")
        try:
            with session.connection.transaction():
                session.connection.execute(f"ANALYZE {', '.join(names)}".encode())
        except psycopg.Error:
            for name in names:
                with suppress(psycopg.Error), session.connection.transaction():
                    session.connection.execute(f"ANALYZE {name}".encode())
