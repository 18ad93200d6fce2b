"""Keys of templates: a hash over everything that the contents of a database depend on."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from adapter.outbound.migration.rows import ROWS_SEED
from adapter.outbound.migration.sandbox.names import template_key
from adapter.outbound.migration.sandbox.session_settings import PLAIN
from adapter.outbound.migration.trial.project import Project


def key_of(project: Project, server_version: int, scripts: Iterable[str], state: str) -> str:
    """Return the template key of a database to which some revisions were applied.

    Args:
        project: The project.
        server_version: Version of the sandbox's server, as libpq numbers it.
        scripts: Paths of the files of these revisions.
        state: How its rows were made, as `filled_as` describes it.
    """
    files = [Path(script) for script in scripts]
    files += [path for path in {file.parent.parent / "env.py" for file in files} if path.is_file()]
    files += [path for path in (project.config, project.rows_from, project.setup) if isinstance(path, Path)]
    settings = (
        project.name,
        "env.py was run",
        sorted(project.environment.items()),
        project.x_arguments,
        str(project.setup),
        sorted({**PLAIN, **project.settings}.items()),
    )
    root = hashlib.sha256(str(project.config.parent.resolve()).encode()).hexdigest()
    return template_key(files, server_version, f"{state}, env.py run, {project.rows} rows, {settings}, {root}")


def filled_as(texts_as: str = "", *, at_once: bool = False) -> str:
    """Return a description of how the rows of a template were made, as a part of its key.

    Args:
        texts_as: As in `RevisionDatabases.at`.
        at_once: As in `RevisionDatabases.at`.
    """
    return f"filled {ROWS_SEED}, room proved, texts as {texts_as}, at once {at_once}"
