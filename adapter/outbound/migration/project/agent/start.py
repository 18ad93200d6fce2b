"""Starts the agent; see the package's docstring."""

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

NAME = "hexalembic_agent"


def start() -> None:
    """Load the package under a name that no project has, and run it."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs 10 ms
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]  # noqa: PTH100
    spec = spec_from_file_location(NAME, os.path.join(here, "__init__.py"), submodule_search_locations=[here])  # noqa: PTH118
    assert spec is not None  # noqa: S101 - the file exists
    sys.modules[NAME] = module_from_spec(spec)
    import_module(f"{NAME}.worker").main()


if __name__ == "__main__":
    start()
