"""Where errors become exit codes, for every command.

0 fine, 1 refused by a rule, 2 wrong usage or configuration, 3 the database refused or failed, 130 interrupted.
"""

import gc
import os
import sys

import typer

INTERRUPTED = 130


def run(app: typer.Typer) -> None:
    """Run a command line and end the process with its exit code; an expected error shows two lines, no traceback."""
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _say("interrupted", "")
        raise
    except KeyboardInterrupt:
        _say("interrupted", "")
        sys.exit(INTERRUPTED)
    except Exception as error:
        from adapter import bootstrap

        described = bootstrap.describe_error(error)
        if described is None:
            raise
        code, message, hint = described
        _say("error: ", message)
        typer.echo(f"hint: {hint}", err=True)
        sys.exit(code)
    finally:
        gc.freeze()  # a last look for garbage among all that was imported takes a tenth of a second


def _say(label: str, message: str) -> None:
    # Colors reach terminals only, and none that asks for plain text (no-color.org).
    plain = False if os.environ.get("NO_COLOR") else None
    typer.secho(label, fg=typer.colors.RED, err=True, nl=False, color=plain)
    typer.echo(message, err=True)
