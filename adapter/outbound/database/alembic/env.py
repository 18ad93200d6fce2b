"""Alembic's environment: models, database and options. The work is done in `database/upgrade/`."""

import sys
from typing import TextIO, cast

from alembic import context
from alembic.util import CommandError

from adapter.outbound.database.history import load_heads
from adapter.outbound.database.metadata import load_metadata
from adapter.outbound.database.upgrade.log_settings import configure_logging
from adapter.outbound.database.upgrade.new_files import refuse_long_id, writes_file_only
from adapter.outbound.database.upgrade.offline import ScriptWriter, script_written
from adapter.outbound.database.upgrade.online import run_online
from adapter.outbound.database.upgrade.options import MigrationOptions
from adapter.outbound.postgres.errors import DatabaseError

config = context.config
target_metadata = load_metadata()


def run_migrations_offline(options: MigrationOptions) -> None:
    """Write the SQL of the migrations without a database."""
    stream = config.output_buffer or sys.stdout
    with script_written(stream):
        script = ScriptWriter(stream, options)
        context.configure(
            dialect_name="postgresql",
            target_metadata=target_metadata,
            literal_binds=True,
            # Other paramstyles double percent signs.
            dialect_opts={"paramstyle": "named"},
            transaction_per_migration=True,
            output_buffer=cast(TextIO, script),
        )
        with context.begin_transaction():
            context.run_migrations()
        script.flush()


try:
    configure_logging(config)
    x_options = MigrationOptions.parse(context.get_x_argument(as_dictionary=True))
    refuse_long_id()
    load_heads(context.script)  # a file that cannot be loaded is reported before any connection is opened
except DatabaseError as error:
    raise CommandError(str(error)) from error
if writes_file_only():
    pass  # `alembic revision` and `alembic merge` need neither models nor a database
elif context.is_offline_mode():
    run_migrations_offline(x_options)
else:
    run_online(target_metadata, x_options)
