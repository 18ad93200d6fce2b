"""Schema changes of a Postgres database: what they do, whether they can be undone, how they are deployed.

The words used here, each with one meaning:

Revision: one step of an Alembic history, with an upgrade and mostly a downgrade.
Head, base: the newest revision of a history; the empty database before its first.
Phase: where a revision stands in a parallel change. *Expand* adds what new code needs and old code does not mind,
    *migrate* moves the data, *contract* removes what only old code needed.
Lock mode: how strongly a statement holds a relation; it decides whether readers or writers wait.
Rewrite, scan: Postgres writes every row of a table anew, or reads every row once.
Trace: what Postgres itself reported while a revision ran on a sandbox: locks, rewrites, scans, objects, rows, bytes.
Statistics: how large and how busy a table of the target database is.
Lock window: the time from taking a lock to the end of its transaction.
Impact: a trace put on a table's statistics: who waits, and roughly how long.
Rule: a pure function that judges a trace.
Diagnostic: what a rule says about one statement, with a severity and a suggested fix.
Suppression: a diagnostic that the author of a revision accepts, with the reason.
Strategy: how a revision should be run, indexed and undone, and why.
Snapshot: the schema of a database at one moment as plain values that do not depend on its history.
Difference: what one snapshot has and another lacks, object by object and attribute by attribute.
Drift: a difference between the schema that the revisions make and the one that a database has.
Certificate: what a round trip proved of a revision: *exact* (schema and data came back), *lossy* (and what was lost) or
    *irreversible*.
Rehearsal: a revision run under live readers and writers, to see who stalls.
Lock policy: how long a statement may wait for its lock, and how often it tries again.
Preflight: what is checked before a plan is applied to the target database.
Deployment: a plan that is applied, verified and, if need be, rolled back; its journal says how far it got.
Backfill: filling existing rows in batches, with a cursor that survives a restart.
"""
