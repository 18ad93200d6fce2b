# Two commands start everything: `make migrate` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Each process has servers of its own; on a server that DATABASE_URL names they would meet.
PARALLEL := $(if $(DATABASE_URL),,-n 4)
# Files that are compiled once make each start of a command faster.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: migrate test test-all test-exhaustive check format clean help

migrate: $(VENV)/.installed  ## set up, start Postgres, run `alembic upgrade head`, show the status
	@$(BIN)/migrate up

test: $(VENV)/.installed  ## set up and run the test suite on both Postgres majors
	@$(BIN)/pytest $(PARALLEL) -m "not long" --ignore=tests/test_readme.py

test-all: test  ## the same and the long tests: whole histories of other projects, every case
	@$(BIN)/pytest $(PARALLEL) --maxschedchunk 1 -m "long and not exhaustive"  # one at a time, as some take minutes

test-exhaustive: test-all  ## the same and every case on both majors: for a release, as it takes an hour
	@$(BIN)/pytest $(PARALLEL) --maxschedchunk 1 -m exhaustive

check: $(VENV)/.installed  ## lint, types, layers, commands of the READMEs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/test_readme.py

format: $(VENV)/.installed  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The exact versions stand in constraints.txt, without addresses.
$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,demo,minilm]"
	@$(BIN)/python -m compileall -q adapter application domain  # where Python may not write it later, starts are slow
	@touch $@

clean:  ## remove the virtual environment and the embedded database
	@! test -x $(BIN)/migrate || $(BIN)/migrate db reset --yes
	@rm -rf $(VENV)

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'
