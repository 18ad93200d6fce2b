"""Schema changes of a Postgres database: what they do, whether they can be undone, how they are deployed.

The terms, each with one meaning:

Revision: one step of an Alembic history, with an upgrade and usually a downgrade.
Head, base: the newest revision of a history; the empty database before the first revision.
Phase: the role of a revision in a parallel change. *Expand* adds what new code needs and old code ignores, *migrate*
    moves the data, *contract* removes what only old code needed.
Form: a change of the schema as expand, migrate and contract steps, each a revision that traffic does not notice.
Lock mode: the strength of a lock on a relation; it decides whether readers or writers wait.
Rewrite, scan: Postgres writes every row of a table to a new file, or reads every row once.
Trace: what Postgres reported while a revision ran in a sandbox: locks, rewrites, scans, objects, rows, bytes.
Statistics: the sizes and the activity of the tables of the target database.
Lock window: a lock from the statement that takes it to the end of its transaction.
Impact: a trace combined with statistics: who waits, and roughly how long.
Rule: a pure function that judges a trace.
Diagnostic: what a rule reports about a statement, with a severity and a suggested fix.
Suppression: a diagnostic that the author of a revision accepts, with the reason.
Strategy: how a revision should be run, how its indexes are built and how it is rolled back, with the reasons.
Snapshot: the schema of a database at one moment as plain values that do not depend on its history.
Difference: what one snapshot has and another lacks, by object and attribute.
Drift: a difference between the schema of the revisions and the schema of a database.
Certificate: the result of a round trip: *exact* (schema and rows are restored), *lossy* (with the losses) or
    *irreversible*.
Rehearsal: a revision that runs under live readers and writers, to see who waits.
Lock policy: how long a statement may wait for its lock, and how often it is tried again.
Preflight: the checks before a plan is applied to the target database.
Deployment: a plan that is applied, verified and rolled back if necessary; its journal records the progress.
Backfill: filling existing rows in batches, with a cursor that survives a restart.
"""
