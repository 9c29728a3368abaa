# Two commands for a fresh machine: `make demo` shows Rebond, `make test` proves it.
PYTHON ?= python3
PORT ?= 8300
VENV := .venv
BIN := $(VENV)/bin

# Of the hundreds of processes of one run each reads what the first one compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test lint safeguards bench messages pictures lock clean

demo: $(VENV)/.demo
	$(BIN)/rebond demo --port $(PORT)

test: $(VENV)/.dev $(VENV)/.spark lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# The attacks on the 36 safeguards alone; /safeguards shows when all of them passed.
safeguards: $(VENV)/.dev
	$(BIN)/pytest -m safeguard -n 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.dev $(VENV)/.peers
	$(BIN)/rebond bench --peers $(VENV)/peers/bin/python

# What pages say, brought into the English catalogue; prints what lacks English.
messages: $(VENV)/.dev
	$(BIN)/python -m api.web.messages

# The pictures of the README, taken anew from the demonstration.
pictures: $(VENV)/.dev
	$(BIN)/python -m tests.pictures

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

# Apart from the rest: pandera loads Spark's pandas wherever it finds one, at every start.
$(VENV)/.spark: requirements-spark.lock | $(BIN)/python
	rm -rf $(VENV)/spark
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --target $(VENV)/spark -r requirements-spark.lock
	touch $@

# What a benchmark is measured against and does not live with today's pandas.
$(VENV)/.peers: requirements-peers.lock | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Rebond needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Hashes, no addresses; one resolution for serving, training and developing.
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-header --quiet

lock:
	echo hatchling | $(COMPILE) pyproject.toml - --extra train -o requirements.lock
	echo hatchling | $(COMPILE) pyproject.toml - --extra train --extra dev -o requirements-dev.lock
	echo 'pyspark>=4.1' | $(COMPILE) - -o requirements-spark.lock
	printf 'featuretools>=1.31\ninterpret-core>=0.7\nlightgbm>=4.6\npandas<3\npyarrow\npymerkle\n' | $(COMPILE) - -o requirements-peers.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
