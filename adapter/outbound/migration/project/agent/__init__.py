"""Runs Alembic in the analyzed project's own Python and reports what Postgres did for each statement.

`start.py` is run as a script by an interpreter that has none of our packages, Python 3.9 or later. It loads this folder
as the package `hexalembic_agent`. The modules import each other relatively, and nothing else but the standard library,
so that none of them shadows a module of the project. The agent reads jobs from standard input, one line of JSON each:

- `config`: path of an `alembic.ini` or a `pyproject.toml`; `name`: its section (default `alembic`).
- `cwd`: the working directory.
- `conninfo`: `host`, `port`, `user`, `password`, `dbname` of the sandbox database.
- `command`: `revisions` (report the history; afterwards env.py runs without any revision, so that later jobs find its
  imports done), `setup` (call a function of the project), `upgrade`, `downgrade`, `undo` (run the downgrade of a single
  revision), `stairs` (run single steps on one connection), `env` (run env.py without any revision, report the version
  table), `models` (create the models), `only_there` (report what the models do not have), or `check` (compare the
  models, as `alembic check`).
- `revision`: target of the command; for `setup` a `module:function` of the project.
- `steps`: for `stairs`: pairs of a revision and `upgrade` or `downgrade`. After each step, `stepped` asks the parent
  whether to continue.
- `trace`: whether statements are traced.
- `goes_on`: whether a traced statement that fails because of rows is rolled back, and the revision continues.
- `environment`: variables to set. An empty value or None stands for the sandbox's URL, a scheme such as
  `postgresql+asyncpg` for that URL with that scheme.
- `settings`: default settings of the sessions, by name.
- `x_arguments`: values of the `-x` option of `alembic`.
- `statement_timeout_ms`: milliseconds after which the server cancels a statement; 0 for never.
- `kill_after`: number of traced statements after which the process kills itself, before it commits; 0 for never.
- `events`, `answers`: file descriptors; JSON lines are written to the first and read from the second.
- `token`: the text that each written line begins with.

Lines have an `event`: `started` and `exited` (of a job's process), `revision`, `problem` (of a history), `begin`,
`statement`, `end` (of one upgrade or downgrade function), `observe`, `observed`, `stepped`, `error`, `done`. The parent
answers `started`, `observe`, `observed` and `stepped`. Its `event_order.py` and `event_shapes.py` know them all.
"""
