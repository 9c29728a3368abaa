# Two commands for a fresh machine: `make demo` shows Rebond, `make test` proves it.
PYTHON ?= python3
PORT ?= 8300
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint lock clean

demo: $(VENV)/.demo
	$(BIN)/rebond demo --port $(PORT)

test: $(VENV)/.dev lint
	$(BIN)/pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# The lock pins every package by hash, the build backend included, so that nothing
# unpinned is fetched: hence --no-build-isolation.
$(VENV)/.demo: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	touch $@ $(VENV)/.demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Rebond needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Both locks from the same pyproject; hashes, no addresses.
lock:
	for extra in "requirements.lock" "requirements-dev.lock --extra dev"; do \
		echo hatchling | uv pip compile pyproject.toml - --extra train --universal --python-version 3.11 \
			--generate-hashes --no-annotate --no-emit-index-url --no-header -o $$extra; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
