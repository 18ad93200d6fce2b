"""Errors of the sandbox's server that are no verdict on a revision, as errors that name the sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import FullDiskError


@contextmanager
def naming(sandbox: ServerSandbox) -> Iterator[None]:
    """Turn a full disk or a missing answer of the sandbox's server into an error that names the sandbox.

    Raises:
        DatabaseError: The disk is full, or the server does not answer.
    """
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise sandbox.full_disk(error.diag.message_primary or str(error)) from error
    except psycopg.errors.ConnectionTimeout as error:
        raise DatabaseError(
            f"the sandbox's server does not answer any more ({error})",
            "run the command again: an embedded server that does not answer for a minute is made anew",
        ) from error
    except FullDiskError as error:
        # The sandbox itself has raised it, or a revision has received it from the server.
        raise (error if error.message.startswith("The disk of") else sandbox.full_disk(error.message)) from error
