"""Keys of templates: a hash over all that went into a database."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from adapter.outbound.migration.rows import ROWS_SEED
from adapter.outbound.migration.sandbox.sandbox import template_key
from adapter.outbound.migration.sandbox.session_settings import PLAIN
from adapter.outbound.migration.trial.project import Project


def key_of(project: Project, server_version: int, scripts: Iterable[str], state: str) -> str:
    """Return the key of a database at which some revisions were applied.

    Args:
        project: Whose revisions.
        server_version: Of the sandbox.
        scripts: The files of these revisions.
        state: The rows in it, as `filled_as` describes them.
    """
    files = [Path(script) for script in scripts]
    files += [path for path in {file.parent.parent / "env.py" for file in files} if path.is_file()]
    files += [path for path in (project.config, project.rows_from, project.setup) if isinstance(path, Path)]
    given = (
        project.name,
        "env.py was run",
        sorted(project.environment.items()),
        project.x_arguments,
        str(project.setup),
        sorted({**PLAIN, **project.settings}.items()),
    )
    root = hashlib.sha256(str(project.config.parent.resolve()).encode()).hexdigest()
    return template_key(files, server_version, f"{state}, env.py run, {project.rows} rows, {given}, {root}")


def filled_as(texts_as: str = "", *, at_once: bool = False) -> str:
    """Describe the rows of a template; the number is that of the way in which rows are made."""
    return f"filled {ROWS_SEED}, texts as {texts_as}, at once {at_once}"
