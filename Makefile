# Every target installs what it needs first, so `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Two cores are what the smallest machine has; many tests wait for a server rather than compute.
PARALLEL := -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install install-dev install-bench demo up test test-kafka chaos check format bench clean lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## make .venv with the redline command, from requirements.lock
install-dev: $(VENV)/.installed-dev
install-bench: $(VENV)/.installed-bench ## what benchmarks and training need beyond the tests

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Redline needs Python 3.11 or later; say which one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev requirements-bench.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bench.lock
	@touch $@

demo: install ## poll the seed articles through every service and show the alerts
	@$(BIN)/redline demo

up: install ## run all services on the embedded log until Ctrl-C
	@$(BIN)/redline up

test: install-dev ## every test but the ones that need a Kafka
	$(PYTEST) -m "not kafka" $(PARALLEL)

test-kafka: install-dev ## the main scenario on a real Apache Kafka, started from its Maven Central artifacts
	@$(BIN)/python -m tests.kafka.prepare
	$(PYTEST) -m kafka

chaos: install-dev ## the tests with all they can try, and 100 kills while receivers and Valkey fail; CHAOS="--minutes 60" goes on
	CAMPAIGN=1 $(PYTEST) -m "not kafka" $(PARALLEL)
	$(BIN)/python -m tests.chaos $(CHAOS)

check: install-dev ## format, lint, types, import rules, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(PYTEST) tests/unit tests/contract -m "not kafka and not slow" -q $(PARALLEL)

format: install-dev ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install-dev ## the benchmarks, as printed in docs/benchmarks.md
	$(BIN)/python -m bench.pipeline

lock: install-dev ## renew both lock files from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet --extra build -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --group bench --universal --python-version 3.11 --generate-hashes --no-header --quiet -o requirements-bench.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
