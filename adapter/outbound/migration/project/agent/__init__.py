"""Runs Alembic in the analyzed project's own Python and reports what Postgres did for each statement.

`start.py` is run as a script by an interpreter that has none of our packages, Python 3.9 or later. It loads this folder
as the package `hexalembic_agent`. The modules import each other relatively, and nothing else but the standard library,
so that none of them shadows a module of the project. `protocol.py` has the jobs that the agent reads and the events
that it writes; the parent imports that module too.
"""
