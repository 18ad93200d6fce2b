"""Runs Alembic in the analyzed project's own Python and reports what Postgres said of each statement.

`start.py` is run as a script by an interpreter that has none of our packages, Python 3.9 or later. It loads this folder
as the package `hexalembic_agent`; its modules import each other relatively, and the standard library otherwise, so that
none of them hides a module of the project. The agent reads jobs from standard input, a JSON line each:

- `config`: path of an `alembic.ini` or a `pyproject.toml`; `name`: its section (default `alembic`).
- `cwd`: the directory to work in.
- `conninfo`: `host`, `port`, `user`, `password`, `dbname` of the sandbox database.
- `command`: `revisions` (report the history; when that is done, env.py runs without any revision, so that later jobs
  find everything imported), `setup`, `upgrade`, `downgrade`, `undo` (the downgrade of just the one revision), `stairs`
  (single steps, on one connection), or `check` (whether the models match).
- `revision`: target of the command; for `setup` a `module:function` of the project.
- `steps`: of `stairs`: pairs of a revision and `upgrade` or `downgrade`. After each, `stepped` is asked.
- `trace`: whether statements are traced.
- `environment`: variables to set. An empty value or None stands for the sandbox's URL, a scheme such as
  `postgresql+asyncpg` for that URL with that scheme.
- `x_arguments`: what `alembic -x` would be given.
- `statement_timeout_ms`: after how many milliseconds the server cancels a statement; 0 for never.
- `kill_after`: the process kills itself after so many statements of a traced function, before it commits; 0 for never.
- `events`, `answers`: file descriptors; JSON lines are written to the first and read from the second.
- `token`: what each line that is written begins with.

Lines have an `event`: `started` and `exited` (of a job's process), `revision`, `problem` (of a history), `begin`,
`statement`, `end` (of one upgrade or downgrade function), `observe`, `observed` and `stepped` (answered by the parent),
`error`, `done`.
"""
