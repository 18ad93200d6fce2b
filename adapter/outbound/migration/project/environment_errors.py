"""Errors that are no verdict on a revision: a failed env.py, a full disk, a terminated session."""

import re
from pathlib import Path

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentError, AgentResult
from adapter.outbound.postgres.configuration_errors import describe_configuration
from adapter.outbound.postgres.errors import HINT, DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import DISK_FULL, FullDiskError
from adapter.outbound.postgres.history_errors import describe_history

_RUNS_ENV = {Command.ENV, Command.UPGRADE, Command.DOWNGRADE, Command.UNDO, Command.STAIRS}
_CONNECTION_ERRORS = {"OperationalError", "InterfaceError"}  # without an SQLSTATE, they mean that no server was reached
_KINDS_OF_ENV = {"exception", "exit", "refused", "network"}


def raise_if_environment_failed(job: AgentJob, result: AgentResult) -> None:
    """Raise an error when env.py failed before any revision ran, or connected to another database than the sandbox.

    Raises:
        DatabaseConfigurationError: It did; the hint names the option that helps.
    """
    error = result.error
    if error is None:
        return
    if error.kind == "elsewhere":
        raise DatabaseConfigurationError(
            f"{error.message}: nothing was run there{_place(error)}",
            "let it read its address from alembic.ini or from a variable, and name that with --env NAME",
        )
    if has_environment_failed(job, result):
        raise DatabaseConfigurationError(*_message_and_hint(error, result))


def has_environment_failed(job: AgentJob, result: AgentResult) -> bool:
    """Return whether env.py failed before any revision ran.

    An error of Alembic itself is about the history. An error that did not come from a file of the project was not
    raised in env.py.
    """
    error = result.error
    is_of_env = (
        error is not None and error.kind in _KINDS_OF_ENV and error.type != "CommandError" and error.path is not None
    )
    return is_of_env and job.command in _RUNS_ENV and not result.runs


def history_error(error: AgentError) -> DatabaseConfigurationError:
    """Return the error of a history that cannot be read, with the file and the line."""
    if HINT in error.message:
        return DatabaseConfigurationError(*error.message.split(HINT, 1))
    message = error.message.strip().partition("\n")[0]
    if explained := _file_error(error, message):
        return explained
    if missing := _MISSING_PARENT.search(message):
        return DatabaseConfigurationError(
            f"Revision {missing['revision']} follows revision {missing['parent']}, which has no file.",
            f"Restore the file of revision {missing['parent']}, or name as down_revision of {missing['revision']} "
            "the revision that came before.",
        )
    kind = error.type or ""
    if error.path is None and (explained := describe_history(kind, message)):
        return explained
    # Alembic reports errors of the history itself as CommandError; others come from a setting.
    place = "history" if kind == "CommandError" else "setting in alembic.ini"
    return describe_configuration(kind, message) or DatabaseConfigurationError(
        described(error), f"Correct the {place}; alembic history shows the same error."
    )


def _file_error(error: AgentError, message: str) -> DatabaseConfigurationError | None:
    """Return an error for the file of a revision that Python cannot load; None for other errors."""
    where = f"{Path(error.path).name}, line {error.line}" if error.path and error.line else "A revision"
    if error.type in _SYNTAX_ERRORS:
        reason = re.sub(r" \([^()]*, line \d+\)$", "", message)
        return DatabaseConfigurationError(
            f"{where}: Python cannot read the file ({reason}).", "Correct the line; alembic history shows the same."
        )
    if error.type in {"ModuleNotFoundError", "ImportError"}:
        return DatabaseConfigurationError(
            f"{where}: the import failed ({message}).",
            "Install the package in the project's Python (--python PATH names another), or take the import out.",
        )
    if error.kind == "exception" and error.path and error.type != "CommandError":
        return DatabaseConfigurationError(
            f"{where}: the file cannot be loaded ({error.type}: {message}).", "Correct that line of the file."
        )
    return None


_SYNTAX_ERRORS = {"SyntaxError", "IndentationError", "TabError"}
# The warning of Alembic's revision map.
_MISSING_PARENT = re.compile(r"^Revision (?P<parent>\S+) referenced from .*?-> (?P<revision>[^\s,]+).* is not present$")


def raise_if_disk_full(result: AgentResult) -> None:
    """Raise an error when the server's disk was full, because that is no fault of the revision.

    Raises:
        FullDiskError: A statement failed because of a full disk.
    """
    errors = [*(run.error for run in result.runs), result.error]
    full_disk_error = next((error for error in errors if error is not None and error.sqlstate == DISK_FULL), None)
    if full_disk_error is not None:
        raise FullDiskError(full_disk_error.message, "free space on the server's disk")


def raise_if_session_ended(job: AgentJob, result: AgentResult) -> None:
    """Raise an error when the session of a revision was terminated, because that is no verdict on the revision.

    Raises:
        DatabaseError: The session or the server was stopped, and not by a kill that the job requested.
    """
    if job.kill_after or job.kill_during:
        return
    failures = [(run.revision, run.error) for run in result.runs] + [(job.revision, result.error)]
    for revision, error in failures:
        if error is not None and error.sqlstate in _SESSION_ENDED:
            raise DatabaseError(
                f"The session in which revision {revision} ran was ended ({error.message.strip()}); it has no verdict.",
                "Run the command again, and leave the sandbox's server alone; a revision must not end its own session.",
            )


_SESSION_ENDED = {"57P01", "57P02", "57P03"}  # admin shutdown, crash shutdown, cannot connect now


def _message_and_hint(error: AgentError, result: AgentResult) -> tuple[str, str]:
    file = Path(str(error.path)).name
    addresses = ", ".join(result.addresses) or "the network"
    if error.kind == "network" and not result.has_network:
        return (
            f"{file} tried to reach {addresses}, but has no network{_place(error)}: {error.message.strip()}",
            "pass what it fetches with --env NAME=VALUE, or create it with --setup; --allow-network opens the network",
        )
    first_line = error.message.strip().partition("\n")[0]
    kind = "" if error.kind in {"exit", "refused"} else f"{error.type}: "
    message = f"{file} failed before any revision ran{_place(error)}: {kind}{_exit_prefix(error)}{first_line}"
    if error.kind == "network":
        return message, f"it tried to reach {addresses}, which is allowed: check that this machine can reach it"
    if error.sqlstate is None and error.type in _CONNECTION_ERRORS and not result.has_network:
        return (
            f"{file} could not connect{_place(error)}, because it can reach nothing but the sandbox: {first_line}",
            (
                "let it read its address from alembic.ini, or name the variable with --env NAME; --allow-network opens"
                " the network"
            ),
        )
    return message, _hint(error, result)


def _hint(error: AgentError, result: AgentResult) -> str:
    if error.kind == "refused" and error.message.startswith("refused a connection"):
        return "let it read its address from alembic.ini, or name the variable with --env NAME"
    if error.type in {"ModuleNotFoundError", "ImportError"}:
        return "run it in the Python that has the project's packages: --python PATH"
    if result.variables:
        names = ", ".join(result.variables)
        return f"it read variables that are not set ({names}): set them with --env NAME=VALUE"
    return "pass what it needs with --env NAME=VALUE or -x NAME=VALUE; create what it expects with --setup"


def described(error: AgentError) -> str:
    """Return the message of an error in a project, with its file and line; without the hint that this project adds."""
    key = "KeyError: " if error.type == "KeyError" else ""  # its message is the key alone
    message, hint, _ = error.message.strip().partition(HINT)
    if hint:
        return message.removesuffix(".")
    return f"{_exit_prefix(error)}{key}{message}{_place(error)}"


def _exit_prefix(error: AgentError) -> str:
    return "it called sys.exit: " if error.kind == "exit" else ""


def _place(error: AgentError) -> str:
    return f" ({Path(error.path).name}, line {error.line})" if error.path and error.line else ""
