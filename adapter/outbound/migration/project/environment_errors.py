"""What it means that a project's env.py failed before any revision ran: its configuration is not what it needs."""

from pathlib import Path

from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentError, AgentResult
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.full_disk import DISK_FULL, FullDiskError

_RUNS_ENV = {"env", "upgrade", "downgrade", "undo", "stairs"}
_OF_DRIVERS = {"OperationalError", "InterfaceError"}  # without a code of the server's: none was reached
_IN_ENV = {"exception", "exit", "refused", "network"}


def raise_if_environment_failed(job: AgentJob, result: AgentResult) -> None:
    """Raise where env.py failed before a revision ran, or connected to a database of its own.

    Raises:
        DatabaseConfigurationError: It did; the hint names the option that gives it what it needs.
    """
    error = result.error
    if error is None:
        return
    if error.kind == "elsewhere":
        raise DatabaseConfigurationError(
            f"{error.message}: nothing was run{_where(error)}",
            "let it take its address from alembic.ini or from a variable, and name that with --env NAME",
        )
    if has_environment_failed(job, result):
        raise DatabaseConfigurationError(*_explained(error, result))


def has_environment_failed(job: AgentJob, result: AgentResult) -> bool:
    """Return whether env.py failed before any revision ran.

    Alembic's own errors are about the history; an error without a file of the project's is not env.py's.
    """
    error = result.error
    own = error is not None and error.kind in _IN_ENV and error.type != "CommandError" and error.path is not None
    return own and job.command in _RUNS_ENV and not result.runs


def raise_if_disk_full(result: AgentResult) -> None:
    """Raise where a statement found no room on the server's disk: that is no fault of its revision.

    Raises:
        FullDiskError: One did.
    """
    errors = [*(run.error for run in result.runs), result.error]
    full = next((error for error in errors if error is not None and error.sqlstate == DISK_FULL), None)
    if full is not None:
        raise FullDiskError(full.message, "free space on the server's disk")


def raise_if_session_ended(job: AgentJob, result: AgentResult) -> None:
    """Raise where somebody ended the session of a revision, or the sandbox's server: that is no verdict on it.

    Raises:
        DatabaseError: Somebody did, who is not this tool.
    """
    if job.kill_after or job.kill_during:
        return
    failed = [(run.revision, run.error) for run in result.runs] + [(job.revision, result.error)]
    for revision, error in failed:
        if error is not None and error.sqlstate in _ENDED:
            raise DatabaseError(
                f"The session in which revision {revision} ran was ended ({error.message.strip()}); it has no verdict.",
                "Run the command again, and leave the sandbox's server alone; a revision must not end its own session.",
            )


_ENDED = {"57P01", "57P02", "57P03"}


def _explained(error: AgentError, result: AgentResult) -> tuple[str, str]:
    file = Path(str(error.path)).name
    if error.kind == "network":
        wanted = ", ".join(result.addresses) or "the network"
        return (
            f"{file} wanted {wanted}, and the network is out of its reach{_where(error)}: {error.message.strip()}",
            "give it what it fetches with --env NAME=VALUE, or make it with --setup; --allow-network opens the network",
        )
    first = error.message.strip().partition("\n")[0]
    kind = "" if error.kind in {"exit", "refused"} else f"{error.type}: "
    message = f"{file} failed before any revision ran{_where(error)}: {kind}{_exit(error)}{first}"
    if error.sqlstate is None and error.type in _OF_DRIVERS:
        return (
            f"{file} could not connect{_where(error)}, for nothing but the sandbox is in its reach: {first}",
            (
                "let it take its address from alembic.ini, or name the variable with --env NAME; --allow-network opens"
                " the network"
            ),
        )
    if error.type in {"ModuleNotFoundError", "ImportError"}:
        return message, "run it in the Python that has the project's packages: --python PATH"
    if result.variables:
        names = ", ".join(result.variables)
        return message, f"it asked for variables that are not set ({names}): give them with --env NAME=VALUE"
    return message, "give it what it needs: --env NAME=VALUE, -x NAME=VALUE, or --setup for what must be there before"


def described(error: AgentError) -> str:
    """Return what went wrong in a project, in one line where that can be."""
    return f"{_exit(error)}{error.message.strip()}{_where(error)}"


def _exit(error: AgentError) -> str:
    return "it called sys.exit: " if error.kind == "exit" else ""


def _where(error: AgentError) -> str:
    return f" ({Path(error.path).name}, line {error.line})" if error.path and error.line else ""
