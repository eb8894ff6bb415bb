# One verb per line; `make help` lists them.
PYTHON ?= python3
CACHE ?= $(or $(DBFERRY_CACHE),$(HOME)/.cache/dbferry)
VENV := .venv
BIN := $(VENV)/bin
# Compiled crates live outside the clone, so that the next one doesn't start from nothing.
export CARGO_TARGET_DIR ?= $(CACHE)/target

.PHONY: help demo test test-fast test-faults lint bench bench-types bench-scaling bench-overhead bench-memory soak build install-servers clean
help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

build: $(BIN)/python ## build and install dbferry in .venv (release mode)
	@$(BIN)/pip install --quiet --disable-pip-version-check '.[duckdb]'

demo: build ## make a sample shop in SQLite, move it to DuckDB and to another SQLite file
	$(BIN)/dbferry demo

install-servers: ## install PostgreSQL, MariaDB, MySQL and Chromium for the tests
	scripts/install-servers.sh

$(VENV)/test-stamp: pyproject.toml | $(BIN)/python
	@$(BIN)/pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/pip install --quiet --disable-pip-version-check --group test --group lint
	@touch $@

test: install-servers build $(VENV)/test-stamp ## install what the tests need and run all of them
	cargo test --quiet --workspace
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/test-stamp ## the tests that need no server
	cargo test --quiet -p dbferry --lib
	$(BIN)/pytest tests/unit

test-faults: build $(VENV)/test-stamp ## 200 seeded runs under cuts, kills and outages; FAULT_SEEDS chooses others
	FAULT_SEEDS=$(or $(FAULT_SEEDS),1-200) $(BIN)/pytest --numprocesses 2 tests/test_faults.py

lint: build $(VENV)/test-stamp ## formatters and linters
	cargo fmt --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check python tests benches
	$(BIN)/ruff check python tests benches
	$(BIN)/mypy

bench: build $(VENV)/test-stamp ## side by side with other tools; BENCH_SCALE sets the size
	$(BIN)/python benches/run.py

bench-types: $(BIN)/python ## elements per second of every decoder and encoder
	$(BIN)/python benches/elements.py

bench-scaling: build $(VENV)/test-stamp ## what 1, 5 and 10 times the rows, many tables and many columns cost
	$(BIN)/python benches/scaling.py

bench-overhead: build $(VENV)/test-stamp ## what the ledger costs an undisturbed run
	$(BIN)/python benches/overhead.py

bench-memory: build $(VENV)/test-stamp ## peak memory on 6 million rows and on values of 64 MB
	$(BIN)/python benches/memory.py

soak: build $(VENV)/test-stamp ## 50 million rows, killed every 20 seconds until a run ends
	$(BIN)/python benches/soak.py

clean: ## remove what was built in the clone
	rm -rf $(VENV) demo dist
